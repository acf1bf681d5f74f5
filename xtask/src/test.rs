//! `cargo xtask test`: everything the tests need, then the tests.

use anyhow::{Result, bail};

use crate::guests::{self, Set};
use crate::{postgres, repo, step, tools};

/// Builds the guests, then runs every test whose name contains the filter. All tests run, also after a failure.
pub fn run(filter: Option<&str>) -> Result<()> {
    step::timed("test", || {
        postgres::ensure()?;
        // With the tests: cargo builds a dependency again for a step with other features.
        let mut build = repo::cargo(".");
        step::quiet("building the workspace", build.args(["build", "--workspace", "--bins", "--tests"]))?;
        guests::build(Set::Examples)?;
        guests::build(Set::Tests)?;
        guests::build_guestbooks()?;
        tools::openapi();
        let outcomes = [workspace(filter), sdk(filter)];
        let failed: Vec<_> =
            outcomes.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
        if !failed.is_empty() {
            bail!("{}", failed.join("\n"));
        }
        Ok(())
    })
}

fn workspace(filter: Option<&str>) -> Result<()> {
    if !repo::cargo(".").args(["component", "--version"]).output().is_ok_and(|asked| asked.status.success()) {
        step::say("SKIPPED building a plugin with cargo component: it is not installed");
    }
    let mut test = repo::cargo(".");
    test.args(["test", "--workspace", "--no-fail-fast"]).args(filter);
    test.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_BIN", repo::palisade());
    step::run("tests of the workspace", &mut test)
}

/// The SDK is a workspace of its own, with tests that run without a host.
fn sdk(filter: Option<&str>) -> Result<()> {
    let mut test = repo::cargo("guest-sdk");
    test.args(["test", "--no-fail-fast", "--all-features"]).args(filter);
    step::run("tests of guest-sdk", &mut test)
}
