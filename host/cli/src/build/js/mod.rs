//! Builds a plugin in JavaScript, with `componentize-js` from the plugin's own `node_modules`.
//!
//! The engine imports every function of the world, so the world is made from the grants. `program.mjs` runs the tool, and mends
//! what it does to integers.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use palisade_guard::manifest::Manifest;

use crate::build::world::World;
use crate::build::{permitted, source_of, tools};

/// The package that makes components, and the version that the templates pin.
const PACKAGE: &str = "@bytecodealliance/componentize-js";
/// What `npm install` needs besides a `package.json`.
const PACKAGES: &str = "@bytecodealliance/componentize-js@0.23.0 @bytecodealliance/preview2-shim@0.17.3";
/// The program that node runs, in the plugin's folder, so that it finds the plugin's packages.
const PROGRAM: &str = include_str!("program.mjs");

/// Makes the component of a plugin's folder.
pub(super) fn build(
    folder: &Path,
    source: &Path,
    world: &World,
    manifest: &Manifest,
) -> Result<(Vec<u8>, String)> {
    let node = tools::find("node").context("Node.js is not installed: run `apt-get install nodejs npm`")?;
    let is_there = folder.ancestors().any(|folder| folder.join("node_modules").join(PACKAGE).is_dir());
    if !is_there {
        let install = if folder.join("package.json").exists() {
            "npm install".to_owned()
        } else {
            format!("npm install --save-dev {PACKAGES}")
        };
        bail!("{PACKAGE} is not installed: run `{install}` in {}", folder.display());
    }
    let source = source_of(folder, source)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (wit, out) = (work.path().join("wit"), work.path().join("plugin.wasm"));
    permitted(world, manifest, &wit)?;
    let mut command = Command::new(node);
    command.current_dir(folder).env("NO_COLOR", "1").args(["--input-type=module", "--eval", PROGRAM, "--"]);
    command.arg(source).arg(wit).arg(world.name()).arg(&out);
    let printed = tools::run(&mut command)?;
    let component = fs::read(&out).context("componentize-js left no component")?;
    Ok((component, printed.stderr))
}
