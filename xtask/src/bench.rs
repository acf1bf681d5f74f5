//! `cargo xtask bench`: what a select in a plugin costs, beside the same one without Palisade.
//!
//! What is measured, and how, is in `tests/benches/db`. Nothing here fails because of a time.

use std::fs;

use anyhow::{Context, Result};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// Builds what is measured, optimized, and measures it. The table goes to stdout, or with `json` the same as JSON.
pub fn run(quick: bool, json: bool) -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Tests)?;
    let folder = repo::target().join("bench");
    fs::create_dir_all(&folder)?;
    let out = folder.join("db.json");
    let mut build = repo::cargo(".");
    build.args(["bench", "--package", "palisade-tests", "--bench", "db"]);
    // By itself: a build beside it would be measured too.
    let mut measure = repo::cargo(".");
    measure.args(build.get_args()).args(["--", "--out"]).arg(&out).args(quick.then_some("--quick"));
    measure.env("PALISADE_GUESTS", repo::guests());
    step::quiet("building the benchmark, optimized", build.arg("--no-run"))?;
    if !json {
        return step::run("measuring", &mut measure);
    }
    step::quiet("measuring", &mut measure)?;
    print!("{}", fs::read_to_string(&out).with_context(|| format!("no report in {}", out.display()))?);
    Ok(())
}
