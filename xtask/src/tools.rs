//! What npm and pip install for tests: once, into the cache that all clones share. A list of packages has its own folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{repo, step, toolchain};

/// The tools that read `/openapi.json`: a validator, a fuzzer, and a generator of clients. Their lists say which.
const OPENAPI: &str = "tests/openapi";

/// A folder with the `node_modules` of a `package.json`.
pub fn npm(list: &Path) -> Result<PathBuf> {
    install("npm", list, |to| {
        fs::copy(list, to.join("package.json"))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]).current_dir(to);
        step::quiet("npm install", &mut npm).map(|_| ())
    })
}

/// A virtual environment with the packages of a `requirements.txt`.
pub fn pip(list: &Path) -> Result<PathBuf> {
    install("python", list, |to| {
        step::quiet("making a virtual environment", Command::new("python3").args(["-m", "venv"]).arg(to))?;
        let mut pip = Command::new(to.join("bin/pip"));
        pip.args(["install", "--disable-pip-version-check", "--requirement"]).arg(list);
        step::quiet("pip install", &mut pip).map(|_| ())
    })
}

/// Installs the tools that read `/openapi.json`, and leaves links to them in `target/openapi`, where the tests look. Without npm or
/// Python the tests fail, and say so; the others run.
pub fn openapi() {
    if let Err(error) = link_openapi() {
        step::say(&format!("SKIPPED the tools that read /openapi.json: {error:#}"));
    }
}

fn link_openapi() -> Result<()> {
    let lists = repo::root().join(OPENAPI);
    let node = npm(&lists.join("package.json")).context("npm is needed for the tests of /openapi.json")?;
    let python = pip(&lists.join("requirements.txt"))
        .context("python3 with venv is needed for the tests of /openapi.json")?;
    let folder = repo::target().join("openapi");
    fs::create_dir_all(&folder)?;
    for (name, place) in [("node_modules", node.join("node_modules")), (".venv", python)] {
        let link = folder.join(name);
        if fs::read_link(&link).is_ok_and(|known| known == place) {
            continue;
        }
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(place, link)?;
    }
    Ok(())
}

/// A folder of installed packages in the cache, named after the list of packages; installed if it is not complete.
fn install(tool: &str, list: &Path, install: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
    let bytes = fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    let short: String = hex::encode(Sha256::digest(&bytes)).chars().take(16).collect();
    let folder = toolchain::cache()?.join(format!("{tool}-{short}"));
    // Last, because the scripts in a virtual environment name its path, so that it cannot be renamed when it is complete.
    let complete = folder.join("complete");
    if !complete.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        install(&folder)?;
        fs::write(complete, "")?;
    }
    Ok(folder)
}
