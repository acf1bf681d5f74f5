//! Where PostgreSQL's server programs are: the folder of the options, or else Debian's folders, newest version first, then
//! `PATH`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::private::error::PrivateError;

/// Debian keeps each major version in a folder of its own, none of them in `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder of the programs: those of the version that made the data, when there is data.
pub(super) fn find(own: Option<&Path>, major: Option<u32>, data: &Path) -> Result<PathBuf, PrivateError> {
    let mut folders = match own {
        Some(own) => vec![(None, own.to_owned())],
        None => debian(Path::new(DEBIAN)),
    };
    if own.is_none() {
        let path = env::var_os("PATH").unwrap_or_default();
        let absolute = env::split_paths(&path).filter(|folder| folder.is_absolute());
        folders.extend(absolute.map(|folder| (None, folder)));
    }
    folders.retain(|(_, folder)| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    let Some(major) = major else {
        return folders.into_iter().next().map(|(_, folder)| folder).ok_or(PrivateError::NotInstalled);
    };
    folders
        .into_iter()
        .find(|(version, folder)| version.or_else(|| ask(folder)) == Some(major))
        .map(|(_, folder)| folder)
        .ok_or_else(|| PrivateError::WrongVersion { data: data.to_owned(), major })
}

fn debian(root: &Path) -> Vec<(Option<u32>, PathBuf)> {
    let entries = root.read_dir().into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(version, folder)| (Some(version), folder)).collect()
}

/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` → 15.
fn ask(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, version) = text.split_once(") ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_folders_come_newest_first_by_number() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let found: Vec<_> = debian(root.path()).into_iter().filter_map(|(version, _)| version).collect();
        assert_eq!(found, [17, 15, 9]);
    }

    #[test]
    fn folder_of_the_options_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(find(Some(root.path()), None, Path::new("/data")), Err(PrivateError::NotInstalled)));
        for name in ["initdb", "postgres"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        assert_eq!(find(Some(root.path()), None, Path::new("/data")).unwrap(), root.path());
    }

    #[test]
    fn data_of_a_version_that_is_not_installed_names_the_package() {
        let error = find(None, Some(7), Path::new("/data")).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql-7"), "{error}");
    }
}
