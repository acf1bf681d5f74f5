//! Whether each crate that is to be published builds from its package alone.
//!
//! A package has only the files of its crate's folder, and the versions of its manifest in place of paths. All of them are
//! packed, unpacked side by side and checked as one workspace, in which each finds the others as it would in a registry. The
//! repository is not reachable from there, so a file that a package lacks is an error. The same target folder and the same
//! settings for dependencies as in the workspace's clippy keep it short.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{repo, step};

/// The workspaces with crates to publish, and the crates of each in the order of their dependencies.
const PUBLISHED: [(&str, &[&str]); 2] = [
    (
        ".",
        &[
            "palisade-guard",
            "palisade-store",
            "palisade",
            "palisade-server",
            "palisade-test-macros",
            "palisade-test",
            "palisade-cli",
        ],
    ),
    ("guest-sdk", &["palisade-sdk-macros", "palisade-sdk"]),
];

/// What each package has besides its sources.
const FILES: [&str; 2] = ["LICENSE", "README.md"];

/// Packs all crates, and checks the packages.
pub fn run() -> Result<()> {
    let place = repo::target().join("packages");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot clear {}", place.display()))?;
    }
    fs::create_dir_all(&place)?;
    let mut members = Vec::new();
    for (folder, names) in PUBLISHED {
        let mut package = repo::cargo(folder);
        // With the lock file, cargo would look for the crates in the registry.
        package.args(["package", "--no-verify", "--allow-dirty", "--exclude-lockfile", "--target-dir"]);
        package.arg(place.join("packed"));
        for name in names {
            package.args(["--package", name]);
        }
        step::quiet(&format!("packing {}", names.join(", ")), &mut package)?;
        for name in names {
            members.push(unpacked(name, &place)?);
        }
    }
    let workspace = manifest(&members)?;
    fs::write(place.join("Cargo.toml"), workspace)?;
    fs::copy(repo::root().join("Cargo.lock"), place.join("Cargo.lock"))?;
    let mut check = Command::new("cargo");
    check.current_dir(&place).env("CARGO_TARGET_DIR", repo::target());
    check.args(["check", "--workspace"]);
    step::run("the packages, each from its own files", &mut check)
}

/// Unpacks a crate's package, and returns its name and folder.
fn unpacked(name: &str, place: &Path) -> Result<(String, String)> {
    let folder = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
    let package = place.join("packed/package").join(format!("{folder}.crate"));
    let mut tar = Command::new("tar");
    step::ask(tar.arg("-xzf").arg(&package).arg("-C").arg(place))?;
    for file in FILES {
        let is_there = fs::symlink_metadata(place.join(&folder).join(file)).is_ok_and(|file| file.is_file());
        if !is_there {
            bail!(
                "the package of {name} has no {file}: add it to the crate's folder, or a link to the repository's"
            );
        }
    }
    Ok((name.to_owned(), folder))
}

/// A workspace of the packages, in which they find each other, with the repository's profiles.
fn manifest(members: &[(String, String)]) -> Result<String> {
    let own = fs::read_to_string(repo::root().join("Cargo.toml"))?;
    let profiles = own.find("[profile.dev]").context("Cargo.toml has no [profile.dev]")?;
    let folders: Vec<_> = members.iter().map(|(_, folder)| format!("{folder:?}")).collect();
    let patches: Vec<_> =
        members.iter().map(|(name, folder)| format!("{name} = {{ path = {folder:?} }}\n")).collect();
    Ok(format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n{}\n{}",
        folders.join(", "),
        patches.concat(),
        own.get(profiles..).unwrap_or_default()
    ))
}
