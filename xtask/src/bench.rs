//! `cargo xtask bench`: measures a select in a plugin and in the bare driver, calls of a plugin while another plugin spins, and
//! the cost of counting fuel.
//!
//! The benchmarks are in `tests/benches`. No measured time is a failure.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// Builds the benchmark, optimized, and runs it. Prints the report to stdout, as a table or, with `json`, as JSON.
pub fn run(quick: bool, json: bool) -> Result<()> {
    prepare()?;
    let folder = repo::target().join("bench");
    fs::create_dir_all(&folder)?;
    let out = folder.join("db.json");
    let mut measure = built("db")?;
    measure.args(["--", "--out"]).arg(&out).args(quick.then_some("--quick"));
    if !json {
        return step::run("measuring", &mut measure);
    }
    step::quiet("measuring", &mut measure)?;
    print!("{}", fs::read_to_string(&out).with_context(|| format!("no report in {}", out.display()))?);
    Ok(())
}

/// Runs one benchmark of computing guests, `--neighbour` or `--fuel`, and prints its report.
pub fn compute(which: &str, quick: bool) -> Result<()> {
    prepare()?;
    let mut measure = built("compute")?;
    step::run("measuring", measure.args(["--", which]).args(quick.then_some("--quick")))
}

fn prepare() -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Tests)
}

/// Builds a benchmark, and returns the command that runs it: a build during the run would disturb the measurement.
fn built(name: &str) -> Result<Command> {
    let mut build = repo::cargo(".");
    build.args(["bench", "--package", "palisade-tests", "--bench", name]);
    let mut measure = repo::cargo(".");
    measure.args(build.get_args()).env("PALISADE_GUESTS", repo::guests());
    step::quiet("building the benchmark, optimized", build.arg("--no-run"))?;
    Ok(measure)
}
