//! Building guests: cargo makes core modules, `palisade build` components of them, and each gets a folder as
//! `palisade serve` wants it.
//!
//! A folder is rewritten only where its content changes, so that a component keeps its time and whoever caches by it
//! keeps the cache.

mod folder;
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
use workspace::{Guest, Workspace};

/// A workspace of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    Examples,
    Tests,
}

impl Set {
    /// Where its sources are.
    pub fn source(self) -> &'static str {
        match self {
            Self::Examples => "example-plugins",
            Self::Tests => "tests/guests",
        }
    }

    /// What its folder in `target/guests` is called.
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

/// `cargo xtask guests`: the binary that makes components, then every guest.
pub fn run() -> Result<()> {
    build_host()?;
    build(Set::Examples)?;
    build(Set::Tests)
}

/// Builds the `palisade` binary.
pub fn build_host() -> Result<()> {
    step::quiet("building palisade", repo::cargo(".").args(["build", "--package", "palisade"]))?;
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

/// Compiles guests to core modules. Says `false` when they are skipped: only WASI guests can be, because everything
/// else is tested without them.
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

/// Fills the set's folder, and takes away what is no longer built. Returns how many guests changed.
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

/// What a component depends on beside its module: the command's source and the versions it was built with.
fn recipe() -> Result<Vec<u8>> {
    let mut recipe = Sha256::new();
    for path in ["host/cli/src/build.rs", "Cargo.lock"] {
        recipe.update(fs::read(repo::root().join(path)).with_context(|| format!("cannot read {path}"))?);
    }
    Ok(recipe.chain_update(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER).finalize().to_vec())
}

fn componentize(guest: &Guest, core: &Path) -> Result<Vec<u8>> {
    let binary = repo::palisade();
    if !binary.exists() {
        bail!("{} is not there; run `cargo build -p palisade`", binary.display());
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
