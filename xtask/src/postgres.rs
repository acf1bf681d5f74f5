//! PostgreSQL's server binaries: found, or installed. Starting a server is the host's, or a test's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{apt, step};

/// Where Debian keeps them, one folder a release.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Makes sure that the binaries are there, and says where.
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
    apt::install(&packages, "no PostgreSQL server binaries (initdb, postgres) here")?;
    match find() {
        Some(_) => Ok(()),
        None => bail!(
            "the package postgresql left no initdb in {DEBIAN}/*/bin; put PostgreSQL's binaries into PATH"
        ),
    }
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
    fn folder_with_clients_only_has_no_server() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("postgres"), "").expect("a file");
        assert!(!has_server(folder.path()));
        fs::write(folder.path().join("initdb"), "").expect("a file");
        assert!(has_server(folder.path()));
    }
}
