//! `cargo xtask mutants`: whether a test notices when a check is gone.
//!
//! cargo-mutants changes one function, operator or match arm after the other in what guards a host, and [`settings`] turns
//! around one setting of the engine after the other, which it does not know; each time the tests run. First the units, which
//! take seconds, then for what they miss the tests through real components, which take minutes. What is changed is a
//! clone of the last commit, so the tree is never touched and uncommitted work is not looked at.

mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// The tool and its version: another one makes other mutants.
const TOOL: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";
/// What guards a host.
const GUARDS: [&str; 14] = [
    "host/src/compiler.rs",
    "host/src/engine.rs",
    "host/src/guard/**/*.rs",
    "host/src/kind.rs",
    "host/src/lane.rs",
    "host/src/ledger.rs",
    "host/src/limits.rs",
    "host/src/meter.rs",
    "host/src/passport.rs",
    "host/src/passport/**/*.rs",
    "host/src/plugin/artifact.rs",
    "host/src/plugin/floats.rs",
    "host/src/plugin/prepass.rs",
    "host/src/supervision/breaker.rs",
];
/// What a value looks like in a log, and that a thread ends with its engine, is no check.
const NO_CHECKS: [&str; 2] = ["impl (fmt::)?Debug for", "impl Drop for Ticker"];
/// Statements of the gate's differential test, of which the units have to be done in seconds.
const DIFFERENTIAL: &str = "100";
/// Seconds after which a mutant that makes a test hang is caught.
const UNITS_S: &str = "60";
const COMPONENTS_S: &str = "600";

/// What is changed, and how far.
pub struct Options {
    /// Files by glob, in place of [`GUARDS`].
    pub files: Vec<String>,
    /// The part `k` of `n` that this machine takes.
    pub shard: Option<String>,
    /// Leave it at the units.
    pub units: bool,
    /// Leave the engine's settings out.
    pub no_settings: bool,
}

/// Runs all of it, and fails where a mutant is noticed by nothing.
pub fn run(options: &Options) -> Result<()> {
    postgres::ensure()?;
    let tool = install()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let tree = clone()?;
    let settings = if options.no_settings { Vec::new() } else { settings::unnoticed(&tree, options.units)? };
    let out = repo::target().join("mutants");
    // cargo-mutants fails where a mutant is missed; the components are there for those.
    let units = mutate(&tool, &tree, options, &["--lib"], UNITS_S);
    let done = if options.units { units } else { mutate(&tool, &tree, options, &[], COMPONENTS_S) };
    step::say(&format!("what became of each mutant is in {}", out.join("mutants.out").display()));
    if !settings.is_empty() {
        bail!("settings of the engine that no test notices: {}", settings.join(", "));
    }
    done
}

/// The tool in `target/tools`, from the registry.
fn install() -> Result<PathBuf> {
    let root = repo::target().join("tools");
    let tool = root.join("bin").join(TOOL);
    let has = step::ask(Command::new(&tool).args(["mutants", "--version"]));
    if !has.is_ok_and(|version| version.contains(VERSION)) {
        let mut install = repo::cargo(".");
        install.args(["install", TOOL, "--version", &format!("={VERSION}"), "--locked", "--debug", "--root"]);
        step::quiet(&format!("installing {TOOL} {VERSION}"), install.arg(root))?;
    }
    Ok(tool)
}

/// A clone of the last commit.
fn clone() -> Result<PathBuf> {
    let tree = repo::target().join("mutants").join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("removing {}", tree.display()))?;
    }
    step::ask(Command::new("git").args(["clone", "--quiet", "--shared"]).arg(repo::root()).arg(&tree))?;
    Ok(tree)
}

fn mutate(tool: &Path, tree: &Path, options: &Options, test: &[&str], seconds: &str) -> Result<()> {
    let mut mutants = Command::new(tool);
    mutants
        .args(["mutants", "--in-place", "--no-shuffle", "--iterate", "--timeout", seconds, "--dir"])
        .arg(tree);
    mutants.arg("--output").arg(repo::target().join("mutants"));
    let guards = GUARDS.iter().map(|file| (*file).to_owned());
    let files = if options.files.is_empty() { guards.collect() } else { options.files.clone() };
    for file in files {
        mutants.args(["--file", &file]);
    }
    for glob in ["**/tests/**", "**/tests.rs"] {
        mutants.args(["--exclude", glob]);
    }
    for no_check in NO_CHECKS {
        mutants.args(["--exclude-re", no_check]);
    }
    mutants.args(options.shard.iter().flat_map(|shard| ["--shard", shard]));
    if test.is_empty() {
        mutants.args(["--test-package", "palisade-tests"]);
    }
    with_guests(mutants.args(["--package", "palisade", "--"]).args(test));
    step::run("mutants", &mut mutants)
}

/// Where the clone's tests find what it does not build, and where it builds.
fn with_guests(command: &mut Command) -> &mut Command {
    let build = repo::target().join("mutants").join("build");
    command.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_BIN", repo::palisade());
    command
        .env("PALISADE_DIFFERENTIAL", DIFFERENTIAL)
        .env("CARGO_TARGET_DIR", build)
        .env("CARGO_INCREMENTAL", "1")
}
