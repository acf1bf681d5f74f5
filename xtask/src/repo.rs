//! Where the repository is, and which cargo works on it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root: the folder above this crate's. The cargo that runs xtask names it, which can be another clone than
/// the one that xtask was built in.
pub fn root() -> PathBuf {
    let own =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}

/// The folder for everything that cargo and xtask build: `target/`, or what `CARGO_TARGET_DIR` names.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The folder that holds the built guests.
pub fn guests() -> PathBuf {
    target().join("guests")
}

/// The product's binary, as `cargo build` leaves it.
pub fn palisade() -> PathBuf {
    target().join("debug").join(format!("palisade{}", env::consts::EXE_SUFFIX))
}

/// The product's binary, as an optimized build leaves it.
pub fn optimized() -> PathBuf {
    target().join("release").join(format!("palisade{}", env::consts::EXE_SUFFIX))
}

/// The cargo that runs xtask, in the given folder of the repository.
pub fn cargo(folder: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root().join(folder));
    command
}

/// Whether `tests/` has a test of this full name. Cargo takes a name that no test has for success.
#[cfg(test)]
pub fn has_test(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    let path = root().join("tests").join(module.replace("::", "/"));
    let files = [path.with_extension("rs"), path.join("mod.rs")];
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.into_iter().any(|text| text.contains(&format!("fn {function}()")))
}
