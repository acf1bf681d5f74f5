//! `cargo xtask bench`: what a select in a plugin costs, beside the same one without Palisade; what callers of one plugin
//! notice of another that spins; and what it costs to count fuel.
//!
//! What is measured, and how, is in `tests/benches`. Nothing here fails because of a time.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// Builds what is measured, optimized, and measures it. The table goes to stdout, or with `json` the same as JSON.
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

/// Measures what computing guests cost, their neighbours with `--neighbour` or themselves with `--fuel`, and prints it.
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

/// The command that runs a benchmark, which is built by itself: a build beside it would be measured too.
fn built(name: &str) -> Result<Command> {
    let mut build = repo::cargo(".");
    build.args(["bench", "--package", "palisade-tests", "--bench", name]);
    let mut measure = repo::cargo(".");
    measure.args(build.get_args()).env("PALISADE_GUESTS", repo::guests());
    step::quiet("building the benchmark, optimized", build.arg("--no-run"))?;
    Ok(measure)
}
