//! Building guests: cargo builds core modules, `palisade build` makes components of them, and each component gets a folder
//! that `palisade serve` can load.
//!
//! A file is written only if its content changes. So a component keeps its modification time, and caches that use the time
//! stay valid.

mod folder;
mod guestbooks;
mod workspace;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};

use crate::toolchain::{self, Target};
use crate::{repo, step};
use folder::Folder;
pub use guestbooks::build as build_guestbooks;
use workspace::{Guest, Workspace};

/// The package and the name of the `palisade` command.
pub const PACKAGE: &str = "palisade-cli";
pub const BINARY: &str = "palisade";
/// The source of `palisade build`.
const COMPONENTIZER: &str = "host/cli/src/build/module.rs";

/// A workspace of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    Examples,
    Tests,
}

impl Set {
    /// The folder of its sources.
    pub fn source(self) -> &'static str {
        match self {
            Self::Examples => "example-plugins",
            Self::Tests => "tests/guests",
        }
    }

    /// The name of its folder in `target/guests`.
    fn name(self) -> &'static str {
        match self {
            Self::Examples => "example-plugins",
            Self::Tests => "tests",
        }
    }

    /// Its folder of built guests.
    pub fn built(self) -> PathBuf {
        repo::guests().join(self.name())
    }
}

/// `cargo xtask guests`: builds the binary that makes components, then every guest.
pub fn run() -> Result<()> {
    build_host()?;
    build(Set::Examples)?;
    build(Set::Tests)?;
    guestbooks::build()
}

/// Builds the `palisade` binary.
pub fn build_host() -> Result<()> {
    let mut build = repo::cargo(".");
    step::quiet("building palisade", build.args(["build", "--package", PACKAGE, "--bin", BINARY]))?;
    Ok(())
}

/// Builds the guests of one set. The `palisade` binary must be there.
pub fn build(set: Set) -> Result<()> {
    let workspace = Workspace::read(set.source())?;
    let mut built = Vec::new();
    for target in [Target::Wasm, Target::Wasi] {
        let guests: Vec<&Guest> = workspace.guests.iter().filter(|guest| guest.target == target).collect();
        if !guests.is_empty() && compile(set, target, &guests)? {
            built.extend(guests);
        }
    }
    let changed = assemble(set, &workspace, &built)?;
    let place = set.built();
    step::say(&format!("{}: {} guests in {}, {changed} changed", set.source(), built.len(), place.display()));
    Ok(())
}

/// Compiles guests to core modules. Returns `false` if they are skipped: only WASI guests can be, because all other tests
/// run without them.
fn compile(set: Set, target: Target, guests: &[&Guest]) -> Result<bool> {
    let toolchain = match toolchain::find(target) {
        Err(error) if target == Target::Wasi => {
            let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
            step::say(&format!("SKIPPED {} of {}: {error:#}", names.join(", "), set.source()));
            return Ok(false);
        }
        found => found?,
    };
    let mut cargo = repo::cargo(set.source());
    cargo.args(["build", "--release", "--target", target.triple()]);
    for guest in guests {
        cargo.args(["--package", &guest.package]);
    }
    toolchain.apply(&mut cargo);
    step::quiet(&format!("compiling {} for {}", set.source(), target.triple()), &mut cargo)?;
    Ok(true)
}

/// Fills the set's folder, and removes guests that are no longer built. Returns how many guests changed.
fn assemble(set: Set, workspace: &Workspace, guests: &[&Guest]) -> Result<usize> {
    let place = set.built();
    let stamps = repo::guests().join(".stamps").join(set.name());
    for folder in [&place, &stamps] {
        fs::create_dir_all(folder)?;
        folder::keep_only(folder, &|name| guests.iter().any(|guest| guest.name == name))?;
    }
    let recipe = recipe()?;
    let mut changed = 0;
    for guest in guests {
        let core = workspace.target.join(guest.target.triple()).join("release").join(&guest.module);
        let bytes = fs::read(&core).with_context(|| format!("{} left no {}", guest.name, core.display()))?;
        let hash = hex::encode(Sha256::new().chain_update(&recipe).chain_update(&bytes).finalize());
        let (stamp, mut folder) = (stamps.join(&guest.name), Folder::of(&guest.source)?);
        let to = place.join(&guest.name);
        let component = to.join(&folder.component);
        let is_current = component.exists() && fs::read_to_string(&stamp).is_ok_and(|known| known == hash);
        let bytes = if is_current { fs::read(&component)? } else { componentize(guest, &core)? };
        folder.files.insert(folder.component.clone(), bytes);
        changed += usize::from(folder.write(&to)?);
        fs::write(&stamp, hash)?;
    }
    Ok(changed)
}

/// Everything besides its module that a component depends on: the source of `palisade build` and its locked versions.
fn recipe() -> Result<Vec<u8>> {
    let mut recipe = Sha256::new();
    for path in [COMPONENTIZER, "Cargo.lock"] {
        recipe.update(fs::read(repo::root().join(path)).with_context(|| format!("cannot read {path}"))?);
    }
    Ok(recipe.chain_update(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER).finalize().to_vec())
}

fn componentize(guest: &Guest, core: &Path) -> Result<Vec<u8>> {
    let binary = repo::palisade();
    if !binary.exists() {
        bail!("{} is not there; run `cargo build --package {PACKAGE}`", binary.display());
    }
    let out = core.with_extension("component.wasm");
    let mut command = Command::new(binary);
    command.arg("build").arg(core).arg("--out").arg(&out);
    if guest.target == Target::Wasi {
        let adapter = core.with_file_name("adapter.wasm");
        fs::write(&adapter, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
        command.arg("--adapt").arg(format!("{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME}={}", adapter.display()));
    }
    step::ask(&mut command).with_context(|| format!("no component of {}", guest.name))?;
    Ok(fs::read(out)?)
}
