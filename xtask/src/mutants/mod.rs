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
/// What guards a host, and which tests through components look at what the units cannot see of it.
const GUARDS: [(&str, &[&str]); 14] = [
    ("host/src/compiler.rs", &["command::", "load::"]),
    ("host/src/engine.rs", &["calls::", "limits::", "hostile::"]),
    (
        "host/src/guard/**/*.rs",
        &["calls::", "cache::", "db::", "http::", "item::", "kinds::", "taps::", "user::", "variables::"],
    ),
    ("host/src/kind.rs", &["calls::", "kinds::", "load::"]),
    ("host/src/lane.rs", &["lanes::"]),
    ("host/src/ledger.rs", &["calls::", "limits::"]),
    ("host/src/limits.rs", &["calls::", "limits::"]),
    ("host/src/meter.rs", &["lanes::", "limits::", "metrics::"]),
    ("host/src/passport.rs", &["calls::", "kinds::", "load::"]),
    ("host/src/passport/**/*.rs", &["load::"]),
    ("host/src/plugin/artifact.rs", &["load::"]),
    ("host/src/plugin/floats.rs", &["load::"]),
    ("host/src/plugin/prepass.rs", &["load::"]),
    ("host/src/supervision/breaker.rs", &["operator::", "supervision::"]),
];
/// The tests of the units: those within the host, and those of its values beside a server.
const UNITS: [&str; 3] = ["--lib", "--test", "db_values"];
/// What a value looks like in a log, and that a thread ends with its engine, is no check.
const NO_CHECKS: [&str; 2] = ["impl (fmt::)?Debug for", "impl Drop for Ticker"];
/// Statements of the gate's differential test, of which the units have to be done in seconds.
const DIFFERENTIAL: &str = "100";
/// Seconds after which a mutant that makes a test hang is caught.
const UNITS_S: &str = "60";
const COMPONENTS_S: &str = "600";

/// What is changed, and how far.
pub struct Options {
    /// Those of [`GUARDS`] that begin so, in place of all.
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
    let guards = guards(options)?;
    postgres::ensure()?;
    let tool = install()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let tree = clone()?;
    let settings = if options.no_settings { Vec::new() } else { settings::unnoticed(&tree, options.units)? };
    let files: Vec<String> = guards.iter().flat_map(|(files, _)| files.clone()).collect();
    // cargo-mutants fails where a mutant is missed; the components are there for those.
    let units = mutate(&tool, &tree, options, &files, &Tests::Units);
    let mut missed = Vec::new();
    if units.is_err() && !options.units {
        for (files, components) in &guards {
            unchanged(&tree, components)?;
            if mutate(&tool, &tree, options, files, &Tests::Components(components)).is_err() {
                missed.push(files.join(", "));
            }
        }
    }
    let out = repo::target().join("mutants").join("mutants.out");
    step::say(&format!("what became of each mutant is in {}", out.display()));
    if !settings.is_empty() {
        bail!("settings of the engine that no test notices: {}", settings.join(", "));
    }
    if !missed.is_empty() {
        bail!("no test notices every change of {}", missed.join(", "));
    }
    if options.units { units } else { Ok(()) }
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

/// The rows of [`GUARDS`] that are asked for, each with its files.
fn guards(options: &Options) -> Result<Vec<(Vec<String>, &'static [&'static str])>> {
    let all = options.files.is_empty();
    let of = |(glob, components): &(&str, &'static [&'static str])| {
        let begin = glob.split('*').next().unwrap_or(glob);
        let named = options.files.iter().filter(|file| file.starts_with(begin)).cloned();
        (if all { vec![(*glob).to_owned()] } else { named.collect() }, *components)
    };
    let guards: Vec<_> = GUARDS.iter().map(of).filter(|(files, _)| !files.is_empty()).collect();
    let known = guards.iter().map(|(files, _)| files.len()).sum::<usize>();
    if known < options.files.len() {
        let globs = GUARDS.map(|(glob, _)| glob).join(", ");
        bail!("a file is named from the repository's root and is one of what guards a host: {globs}");
    }
    Ok(guards)
}

/// What the tests miss of these files: with `units` those of the units, else those of components.
fn mutate(tool: &Path, tree: &Path, options: &Options, files: &[String], tests: &Tests) -> Result<()> {
    let mut mutants = Command::new(tool);
    let seconds = if matches!(tests, Tests::Units) { UNITS_S } else { COMPONENTS_S };
    mutants
        .args(["mutants", "--in-place", "--no-shuffle", "--iterate", "--timeout", seconds, "--dir"])
        .arg(tree);
    mutants.arg("--output").arg(repo::target().join("mutants"));
    mutants.args(files.iter().flat_map(|file| ["--file", file]));
    for glob in ["**/tests/**", "**/tests.rs"] {
        mutants.args(["--exclude", glob]);
    }
    for no_check in NO_CHECKS {
        mutants.args(["--exclude-re", no_check]);
    }
    mutants.args(options.shard.iter().flat_map(|shard| ["--shard", shard])).args(["--package", "palisade"]);
    match tests {
        Tests::Units => mutants.arg("--").args(UNITS),
        // The tool would look for them in the changed package alone, so `unchanged` is asked before.
        Tests::Components(names) => mutants
            .args(["--baseline", "skip", "--test-package", "palisade-tests", "--test-package", "palisade"])
            .args(["--", "--test", "all", "--test", "db_values", "--"])
            .args(*names),
    };
    step::run("mutants", with_guests(&mut mutants))
}

/// Runs tests of components on the clone as it is: what is red before anything is changed notices nothing. A test of the
/// host itself stands beside them, because with one of these the `palisade` command is built as well.
fn unchanged(tree: &Path, names: &[&str]) -> Result<()> {
    let mut test = repo::cargo(".");
    test.current_dir(tree).args(["test", "--package", "palisade-tests", "--package", "palisade"]);
    test.args(["--test", "all", "--test", "db_values", "--"]).args(names);
    step::quiet("components' tests of what is not changed", with_guests(&mut test)).map(drop)
}

/// Who has to notice.
enum Tests {
    Units,
    Components(&'static [&'static str]),
}

/// Where the clone's tests find the guests, and where it builds the rest.
fn with_guests(command: &mut Command) -> &mut Command {
    let build = repo::target().join("mutants").join("build");
    command.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_BIN", build.join("debug").join("palisade"));
    // Lines of code are for people; without them a build is half as long.
    command
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env("PALISADE_DIFFERENTIAL", DIFFERENTIAL)
        .env("CARGO_TARGET_DIR", build)
        .env("CARGO_INCREMENTAL", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Result<Vec<(Vec<String>, &'static [&'static str])>> {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        guards(&Options { files, shard: None, units: false, no_settings: true })
    }

    #[test]
    fn file_is_looked_at_by_the_tests_of_its_row() {
        assert_eq!(named(&[]).unwrap().len(), GUARDS.len());
        let rows = named(&["host/src/kind.rs", "host/src/guard/cache.rs", "host/src/guard/db/*.rs"]).unwrap();
        let files: Vec<usize> = rows.iter().map(|(files, _)| files.len()).collect();
        assert_eq!(files, [2, 1]);
        assert_eq!(rows[1].1, ["calls::", "kinds::", "load::"]);
    }

    #[test]
    fn file_that_guards_nothing_is_refused() {
        for file in ["kind.rs", "host/src/main.rs", "**/kind.rs"] {
            let refusal = named(&["host/src/kind.rs", file]).unwrap_err().to_string();
            assert!(refusal.contains("host/src/kind.rs"), "{refusal}");
        }
    }
}
