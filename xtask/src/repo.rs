//! Where the repository is, and which cargo works on it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root: the folder above our crate's, as the cargo that runs us says, not as the one that built us.
pub fn root() -> PathBuf {
    let own =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}

/// Where cargo puts what it builds, and we what we build: `target/`, or what `CARGO_TARGET_DIR` names.
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

/// The cargo that runs us, in the given folder of the repository.
pub fn cargo(folder: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root().join(folder));
    command
}
