//! From a file in `guests/hostile` to the bytes of a component.
//!
//! The files are WebAssembly's text with three words more, so that what is the same in many of them, or large, is
//! written once: `{{include NAME}}` is the file NAME in `lib`, `{{size}}` a number that the row says, and
//! `{{repeat TEXT}}` that many times TEXT.

use std::path::{Path, PathBuf};

/// Where the components are.
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

/// What a component tries, in the words of its file.
pub fn aim(name: &str) -> String {
    let text = read(name);
    text.lines().next().and_then(|line| line.strip_prefix(";; ")).unwrap().to_owned()
}

/// Says in which folder all components are that a process needs, built by another one.
pub const BUILT: &str = "PALISADE_HOSTILE_BUILT";

/// Puts a component at this path: from the folder of built ones, or built now.
pub fn place(name: &str, size: usize, path: &Path) {
    match std::env::var_os(BUILT) {
        Some(built) => drop(std::fs::copy(Path::new(&built).join(file(name, size)), path).unwrap()),
        None => std::fs::write(path, build(name, size)).unwrap(),
    }
}

/// What a component is called in a folder of built ones.
pub fn file(name: &str, size: usize) -> String {
    format!("{name}-{size}.wasm")
}

/// A component as bytes.
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
        _ => panic!("{{{{{word}}}}} means nothing"),
    };
    format!("{before}{new}{}", expand(after, size))
}
