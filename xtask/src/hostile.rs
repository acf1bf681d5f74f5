//! `cargo xtask hostile`: all hostile components in turn, round after round, and what the host's memory does meanwhile.
//!
//! It is the test of `tests/hostile/growth.rs` with more rounds than every run of the tests has time for.

use anyhow::Result;

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// The test, by its full name.
const TEST: &str = "hostile::growth::host_memory_stays_bounded_while_hostile_components_run_in_turn";

/// Builds what the test needs, and runs so many rounds.
pub fn run(rounds: u32) -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let mut test = repo::cargo(".");
    test.args(["test", "--package", "palisade-tests", "--test", "all", "--", "--exact", TEST, "--nocapture"]);
    test.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_HOSTILE_ROUNDS", rounds.to_string());
    step::run("hostile components in turn", &mut test)
}
