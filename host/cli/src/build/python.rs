//! Builds a plugin in Python, with `componentize-py`.
//!
//! The engine imports every function of the world, so the world is made from the grants. Without the tool's `--stub-wasi` it imports
//! WASI, too, which hosts close: what it prints is logged, and so is the traceback of an exception, which a stub loses with a
//! trap of its own. The export `exports`, which the engine adds, is removed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use palisade_guard::manifest::Manifest;

use super::world::World;
use super::{permitted, strip, tools};

const TOOL: &str = "componentize-py";
/// The version that the templates pin.
const VERSION: &str = "0.25.1";
/// The export that the engine adds for its own build step.
const ADDED: &str = "exports";

/// Makes the component of a plugin's folder.
pub(super) fn build(
    folder: &Path,
    source: &Path,
    world: &World,
    manifest: &Manifest,
) -> Result<(Vec<u8>, String)> {
    let tool = find(folder).with_context(|| {
        let packages = if folder.join("requirements.txt").exists() {
            "-r requirements.txt".to_owned()
        } else {
            format!("{TOOL}=={VERSION}")
        };
        format!(
            "{TOOL} is not installed: run `python3 -m venv .venv && .venv/bin/pip install {packages}` in {}",
            folder.display()
        )
    })?;
    let source = super::source_of(folder, source)?;
    let (Some(module), Some(package)) = (source.file_stem(), source.parent()) else {
        bail!("{} is not a Python file: correct `source` in [build] of palisade.toml", source.display());
    };
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (wit, out) = (work.path().join("wit"), work.path().join("plugin.wasm"));
    permitted(world, manifest, &wit)?;
    let mut command = Command::new(tool);
    command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .arg("--wit-path")
        .arg(wit)
        .arg("--world")
        .arg(world.name());
    command.args(["componentize", "--python-path"]).arg(package).arg(module).arg("--output").arg(&out);
    let printed = tools::run(&mut command)?;
    let component = fs::read(&out).with_context(|| format!("{TOOL} left no component"))?;
    Ok((strip::export(&component, ADDED)?, printed.stderr))
}

/// The tool of the folder's virtual environment, of the active one, or on the `PATH`.
fn find(folder: &Path) -> Option<PathBuf> {
    let active = env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let environments = [Some(folder.join(".venv")), active];
    let mut inside = environments.into_iter().flatten().map(|environment| environment.join("bin").join(TOOL));
    inside.find(|tool| tool.is_file()).or_else(|| tools::find(TOOL))
}
