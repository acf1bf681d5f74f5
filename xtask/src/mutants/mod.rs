//! `cargo xtask mutants`: whether a test fails when a check is taken away.
//!
//! cargo-mutants changes one function, operator or match arm after the other in the code between a plugin and the host, and
//! [`settings`] inverts the engine's settings one by one, which cargo-mutants does not know. The tests run after each
//! change: first the unit tests, which take seconds, then, for what these miss, the tests through components, which take
//! minutes. The changes are made in a clone of the last commit: the working tree stays as it is, and uncommitted work is
//! not tested.

mod settings;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// The tool and its version: another version makes other mutants.
const TOOL: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";
/// The code between a plugin and the host, and the tests through components that cover what the unit tests of it cannot.
/// A file with a row of its own is left out of wider rows.
const GUARDS: [(&str, &[&str]); 17] = [
    ("host/src/engine/compiler.rs", &["command::", "load::"]),
    ("host/src/engine/mod.rs", &["calls::", "limits::", "hostile::"]),
    (
        "host/guard/src/**/*.rs",
        &["calls::", "cache::", "db::", "http::", "item::", "kinds::", "taps::", "user::", "variables::"],
    ),
    ("host/guard/src/kind.rs", &["calls::", "kinds::", "load::"]),
    ("host/src/engine/lane.rs", &["lanes::"]),
    ("host/guard/src/ledger.rs", &["calls::", "limits::"]),
    ("host/guard/src/limits/mod.rs", &["calls::", "limits::"]),
    ("host/src/engine/processor.rs", &["lanes::", "limits::", "metrics::"]),
    ("host/src/engine/turns.rs", &["hostile::", "lanes::"]),
    ("host/src/state/border.rs", &["hostile::", "lanes::", "limits::"]),
    ("host/src/state/memory.rs", &["calls::", "hostile::", "limits::"]),
    ("host/src/plugin/passport/mod.rs", &["calls::", "kinds::", "load::"]),
    ("host/src/plugin/passport/*.rs", &["load::"]),
    ("host/src/engine/artifact.rs", &["load::"]),
    ("host/src/engine/floats.rs", &["load::"]),
    ("host/src/engine/prepass.rs", &["load::"]),
    ("host/src/supervision/breaker.rs", &["operator::", "supervision::"]),
];
/// The unit tests of the host's crates, and those of values and of the gate, which need a server.
const UNITS: Tests = Tests {
    packages: &["palisade-guard", "palisade-store", "palisade", "palisade-server", "palisade-cli"],
    targets: &["--lib", "--test", "db_values", "--test", "gate_differential"],
    names: &[],
    timeout_s: "120",
};
/// A value's form in a log, and the end of a thread with its engine, are not checks.
const NO_CHECKS: [&str; 2] = ["impl (fmt::)?Debug for", "impl Drop for Ticker"];
/// Statements of the gate's differential test: few, because the unit tests have to end in seconds.
const DIFFERENTIAL: &str = "100";

/// The tests that have to fail.
struct Tests {
    packages: &'static [&'static str],
    targets: &'static [&'static str],
    /// What their names contain; none means all.
    names: &'static [&'static str],
    /// Seconds after which a mutant that makes a test hang counts as caught.
    timeout_s: &'static str,
}

impl Tests {
    /// The tests through components in these modules.
    const fn components(names: &'static [&'static str]) -> Self {
        Self { packages: &["palisade-tests"], targets: &["--test", "all"], names, timeout_s: "600" }
    }

    /// What cargo's `test` takes behind the packages.
    fn arguments(&self) -> impl Iterator<Item = &'static str> {
        let names = (!self.names.is_empty()).then_some("--").into_iter().chain(self.names.iter().copied());
        self.targets.iter().copied().chain(names)
    }
}

/// Files of one row of [`GUARDS`].
struct Row {
    globs: Vec<String>,
    /// Files that the globs match and that have a row of their own.
    others: Vec<&'static str>,
    components: &'static [&'static str],
}

/// Which files, and which tests.
pub struct Options {
    /// Globs of files in [`GUARDS`]; none means all.
    pub files: Vec<String>,
    /// The part `k/n` of the mutants that this machine tests.
    pub shard: Option<String>,
    /// Run only the unit tests.
    pub units: bool,
    /// Skip the engine's settings.
    pub no_settings: bool,
}

/// Tests every mutant, and fails if no test notices one of them.
pub fn run(options: &Options) -> Result<()> {
    let rows = rows(options)?;
    postgres::ensure()?;
    let tool = install()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let tree = clone()?;
    write_command(&tree)?;
    let settings = if options.no_settings { Vec::new() } else { settings::unnoticed(&tree, options.units)? };
    let all = Row {
        globs: rows.iter().flat_map(|row| row.globs.clone()).collect(),
        others: Vec::new(),
        components: &[],
    };
    unchanged(&tree, &UNITS)?;
    // cargo-mutants fails if a mutant is missed: that is what the tests through components are for.
    let units = mutate(&tool, &tree, options, &all, &UNITS);
    let mut missed = Vec::new();
    if units.is_err() && !options.units {
        for row in &rows {
            let tests = Tests::components(row.components);
            unchanged(&tree, &tests)?;
            if mutate(&tool, &tree, options, row, &tests).is_err() {
                missed.push(row.globs.join(", "));
            }
        }
    }
    let out = repo::target().join("mutants").join("mutants.out");
    step::say(&format!("the outcome of each mutant is in {}", out.display()));
    if !settings.is_empty() {
        bail!("no test notices these inverted settings of the engine: {}", settings.join(", "));
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

/// The rows of [`GUARDS`] that the options name. A file belongs to the row with the longest path that leads to it.
fn rows(options: &Options) -> Result<Vec<Row>> {
    let begin = |glob: &'static str| glob.split('*').next().unwrap_or(glob);
    let owner = |file: &str| {
        let owners = GUARDS.iter().map(|(glob, _)| *glob).filter(|glob| file.starts_with(begin(glob)));
        owners.max_by_key(|glob| begin(glob).len())
    };
    if let Some(unknown) = options.files.iter().find(|file| owner(file).is_none()) {
        let globs = GUARDS.map(|(glob, _)| glob).join(", ");
        bail!(
            "{unknown} is in no row; name a file from the repository's root that one of these matches: {globs}"
        );
    }
    let row = |(glob, components): &(&'static str, &'static [&'static str])| {
        let others = GUARDS.iter().map(|(other, _)| *other);
        let others = others.filter(|other| other != glob && other.starts_with(begin(glob))).collect();
        let named = options.files.iter().filter(|file| owner(file) == Some(*glob)).cloned().collect();
        if options.files.is_empty() {
            Row { globs: vec![(*glob).to_owned()], others, components }
        } else {
            Row { globs: named, others: Vec::new(), components }
        }
    };
    Ok(GUARDS.iter().map(row).filter(|row| !row.globs.is_empty()).collect())
}

/// Tests each mutant of the files, and fails if one is missed.
fn mutate(tool: &Path, tree: &Path, options: &Options, row: &Row, tests: &Tests) -> Result<()> {
    let mut mutants = Command::new(tool);
    mutants
        .args(["mutants", "--in-place", "--no-shuffle", "--iterate", "--timeout", tests.timeout_s, "--dir"])
        .arg(tree);
    mutants.arg("--output").arg(repo::target().join("mutants"));
    mutants.args(row.globs.iter().flat_map(|file| ["--file", file]));
    for glob in ["**/tests/**", "**/tests.rs"].iter().chain(&row.others) {
        mutants.args(["--exclude", glob]);
    }
    for no_check in NO_CHECKS {
        mutants.args(["--exclude-re", no_check]);
    }
    mutants.args(options.shard.iter().flat_map(|shard| ["--shard", shard])).arg("--workspace");
    // cargo-mutants would run its baseline in the changed packages alone, which may have no such target: `unchanged` ran it.
    mutants.args(["--baseline", "skip"]);
    mutants.args(tests.packages.iter().flat_map(|package| ["--test-package", package]));
    mutants.arg("--").args(tests.arguments());
    step::run("mutants", with_guests(&mut mutants))
}

/// Runs tests on the clone before anything is changed: a test that already fails would notice nothing.
fn unchanged(tree: &Path, tests: &Tests) -> Result<()> {
    let mut test = repo::cargo(tree);
    test.arg("test").args(tests.packages.iter().flat_map(|package| ["--package", package]));
    test.args(tests.arguments());
    step::quiet("the same tests without a change", with_guests(&mut test)).map(drop)
}

/// Where the clone is built.
fn build() -> PathBuf {
    repo::target().join("mutants").join("build")
}

/// The `palisade` command of the clone as tests start it: cargo builds no command of another package with a test, so this
/// one builds itself first. It is built with the packages of the tests, so that it shares their dependencies.
fn write_command(tree: &Path) -> Result<()> {
    let script = format!(
        "#!/bin/sh\ncargo build --manifest-path '{}' --package palisade-tests \\\n  \
         --package palisade-cli --test all --bin palisade >/dev/null 2>&1 || exit 70\nexec '{}' \"$@\"\n",
        tree.join("Cargo.toml").display(),
        build().join("debug").join("palisade").display()
    );
    let path = command();
    fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn command() -> PathBuf {
    repo::target().join("mutants").join("palisade")
}

/// Where the clone's tests find the guests and the command, and where cargo builds.
fn with_guests(command: &mut Command) -> &mut Command {
    command.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_BIN", self::command());
    // Debug info is for people; without it a build takes half the time.
    command
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env("PALISADE_DIFFERENTIAL", DIFFERENTIAL)
        .env("CARGO_TARGET_DIR", build())
        .env("CARGO_INCREMENTAL", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Result<Vec<Row>> {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        rows(&Options { files, shard: None, units: false, no_settings: true })
    }

    #[test]
    fn file_belongs_to_its_most_specific_row_alone() {
        let files = ["host/guard/src/kind.rs", "host/guard/src/cache.rs", "host/guard/src/db/*.rs"];
        let rows = named(&files).expect("known files");
        let globs: Vec<_> = rows.iter().map(|row| row.globs.as_slice()).collect();
        assert_eq!(globs, [&files[1..], &files[..1]]);
        assert_eq!(rows[1].components, ["calls::", "kinds::", "load::"]);
        let all = named(&[]).expect("all files");
        assert_eq!(all.len(), GUARDS.len());
        let guard = all.iter().find(|row| row.globs == ["host/guard/src/**/*.rs"]).expect("the row");
        assert_eq!(guard.others.len(), 3, "{:?}", guard.others);
    }

    #[test]
    fn file_outside_every_row_is_rejected() {
        for file in ["kind.rs", "host/cli/src/main.rs", "**/kind.rs"] {
            let error = named(&["host/guard/src/kind.rs", file]).err().expect("an error").to_string();
            assert!(error.contains(&format!("{file} is in no row")), "{error}");
        }
    }

    #[test]
    fn each_row_has_files_and_tests() {
        let root = repo::root();
        for (glob, components) in GUARDS {
            let path = root.join(glob.split('*').next().unwrap_or(glob));
            assert!(path.exists(), "{} is not there", path.display());
            for name in components {
                let name = name.trim_end_matches("::");
                let has = |path: String| root.join("tests").join(path).exists();
                assert!(
                    has(format!("{name}.rs")) || has(format!("{name}/mod.rs")),
                    "no tests are named {name}"
                );
            }
        }
    }
}
