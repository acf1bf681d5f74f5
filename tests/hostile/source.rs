//! Builds components from the files in `guests/hostile`.
//!
//! The files are WebAssembly text with three placeholders, which avoid repetition: `{{include NAME}}` inserts the
//! file NAME of the folder `lib`, `{{size}}` inserts the size of the row, and `{{repeat TEXT}}` inserts TEXT that
//! many times.

use std::path::{Path, PathBuf};

/// The folder of the components.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("guests/hostile")
}

/// The names of all components.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let components = files.filter(|path| path.extension().is_some_and(|extension| extension == "wat"));
    let mut names: Vec<String> =
        components.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What a component tries, from the first line of its file.
pub fn aim(name: &str) -> String {
    let text = read(name);
    text.lines().next().and_then(|line| line.strip_prefix(";; ")).unwrap().to_owned()
}

/// The environment variable with a folder of components that the parent process has built.
pub const BUILT: &str = "PALISADE_HOSTILE_BUILT";

/// Writes a component to this path: copied from the folder of built ones, or built now.
pub fn place(name: &str, size: usize, path: &Path) {
    match std::env::var_os(BUILT) {
        Some(built) => drop(std::fs::copy(Path::new(&built).join(file(name, size)), path).unwrap()),
        None => std::fs::write(path, build(name, size)).unwrap(),
    }
}

/// The file name of a component in a folder of built ones.
pub fn file(name: &str, size: usize) -> String {
    format!("{name}-{size}.wasm")
}

/// The bytes of a component.
pub fn build(name: &str, size: usize) -> Vec<u8> {
    let text = expand(&read(name), size);
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}.wat: {error}"))
}

fn read(name: &str) -> String {
    let path = folder().join(format!("{name}.wat"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn expand(text: &str, size: usize) -> String {
    let Some((before, rest)) = text.split_once("{{") else { return text.to_owned() };
    let (word, after) = rest.split_once("}}").unwrap();
    let new = match word.split_once(' ') {
        None if word == "size" => size.to_string(),
        Some(("include", name)) => expand(&read(&format!("lib/{name}")), size),
        Some(("repeat", text)) => text.repeat(size),
        _ => panic!("{{{{{word}}}}} is an unknown placeholder"),
    };
    format!("{before}{new}{}", expand(after, size))
}
