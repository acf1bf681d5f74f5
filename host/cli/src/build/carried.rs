//! What the command carries: the contract's WIT, and the sources of the SDK for Rust.
//!
//! `host/cli/carried` links to both, so that they are in this crate's package as well. The SDK's `Cargo.toml` is
//! `package.toml` there, because cargo leaves folders with a `Cargo.toml` out of a package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use include_dir::{Dir, include_dir};
use palisade_guard::kind::VERSION;
use palisade_guard::limits::CACHE_NAME_DIGITS;
use sha2::{Digest, Sha256};

use super::tools;

static CONTRACT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/carried/wit");
static SDK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/carried/sdk");

/// The name of a manifest of cargo in `carried`.
const MANIFEST: &str = "package.toml";

/// Where the SDK's macro has the contract.
const SDK_CONTRACT: &str = "guest-sdk/macros/wit";

/// The contract's files, by name.
pub(crate) fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    CONTRACT.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
}

/// Writes the contract to a folder, such as `wit/deps/palisade`, and removes files of an older one. What is current is not
/// written, so that no watcher sees a change.
pub(super) fn write_contract(to: &Path) -> Result<()> {
    let cannot = || format!("cannot write {}", to.display());
    fs::create_dir_all(to).with_context(cannot)?;
    for entry in fs::read_dir(to).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let is_old = contract().all(|(name, _)| path.file_name() != Some(name.as_ref()));
        if is_old && path.extension().is_some_and(|kind| kind == "wit") {
            fs::remove_file(&path).with_context(cannot)?;
        }
    }
    for (name, text) in contract() {
        write_changed(&to.join(name), text)?;
    }
    Ok(())
}

/// Writes a file unless it has this text.
pub(super) fn write_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The folder of the SDK's sources, unpacked into the cache. Its name has a digest of them, so it never changes.
pub(super) fn sdk() -> Result<PathBuf> {
    let files = sdk_files();
    let mut digest = Sha256::new();
    for (path, contents) in &files {
        digest.update(path.as_os_str().as_encoded_bytes());
        digest.update((contents.len() as u64).to_le_bytes());
        digest.update(contents);
    }
    let short: String = hex::encode(digest.finalize()).chars().take(CACHE_NAME_DIGITS).collect();
    let cache = tools::cache()?;
    let place = cache.join(format!("sdk-{VERSION}-{short}"));
    let sdk = place.join("guest-sdk");
    if sdk.is_dir() {
        return Ok(sdk);
    }
    let cannot = || format!("cannot unpack the SDK to {}", place.display());
    fs::create_dir_all(&cache).with_context(cannot)?;
    // Renamed when it is complete: of two commands at once, the first wins.
    let unfinished = tempfile::tempdir_in(&cache).with_context(cannot)?;
    for (path, contents) in files {
        let path = unfinished.path().join(path);
        let folder = path.parent().unwrap_or(unfinished.path());
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, contents)).with_context(cannot)?;
    }
    match fs::rename(unfinished.path(), &place) {
        Err(_) if sdk.is_dir() => Ok(sdk),
        renamed => renamed.map(|()| sdk).with_context(cannot),
    }
}

/// The SDK's files and the contract, which its macro reads, laid out as in its packages.
fn sdk_files() -> Vec<(PathBuf, &'static [u8])> {
    let mut files: Vec<_> =
        contract().map(|(name, text)| (Path::new(SDK_CONTRACT).join(name), text.as_bytes())).collect();
    let mut folders = vec![&SDK];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let mut path = Path::new("guest-sdk").join(file.path());
            if path.file_name() == Some(MANIFEST.as_ref()) {
                path.set_file_name("Cargo.toml");
            }
            files.push((path, file.contents()));
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carried_files_are_the_repositorys() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let names = |folder: &str| {
            let mut found = Vec::new();
            let mut folders = vec![root.join(folder)];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() { folders.push(path) } else { found.push(path) }
                }
            }
            found
        };
        let carried = sdk_files();
        for folder in [SDK_CONTRACT, "guest-sdk/src", "guest-sdk/macros/src"] {
            for path in names(folder) {
                let own = path.strip_prefix(&root).unwrap();
                let (_, contents) = carried
                    .iter()
                    .find(|(carried, _)| carried == own)
                    .unwrap_or_else(|| panic!("{} is not carried: build the command again", own.display()));
                assert_eq!(*contents, fs::read(&path).unwrap(), "{}", own.display());
            }
        }
        assert!(carried.iter().any(|(path, _)| path.ends_with("macros/Cargo.toml")));
    }

    #[test]
    fn contract_is_a_package_of_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
        // As a registry of WIT packages keeps it.
        let encoded = wit_component::encode(&resolve, package).unwrap();
        let decoded = wit_component::decode(&encoded).unwrap();
        let names = |resolve: &wit_parser::Resolve, package| {
            let package = &resolve.packages[package];
            (package.name.to_string(), package.interfaces.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(names(decoded.resolve(), decoded.package()), names(&resolve, package));
    }

    #[test]
    fn contract_is_refreshed_and_left_alone_when_it_is_current() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("deps/palisade");
        fs::create_dir_all(&to).unwrap();
        fs::write(to.join("old.wit"), "package palisade:plugin@0.0.9;").unwrap();
        fs::write(to.join("db.wit"), "package palisade:plugin@0.0.9;").unwrap();
        fs::write(to.join("README.md"), "kept").unwrap();
        write_contract(&to).unwrap();
        assert!(!to.join("old.wit").exists() && to.join("README.md").exists());
        assert!(fs::read_to_string(to.join("db.wit")).unwrap().contains("0.1.0"));
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(to.join("db.wit")).unwrap().set_modified(long_ago).unwrap();
        write_contract(&to).unwrap();
        assert_eq!(fs::metadata(to.join("db.wit")).unwrap().modified().unwrap(), long_ago);
    }
}
