//! `cargo xtask hostile`: runs all hostile components in turn, round after round, and measures the host's memory.
//!
//! This is the test in `tests/hostile/growth.rs`, with more rounds.

use anyhow::Result;

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// The test, by its full name.
const TEST: &str = "hostile::growth::host_memory_stays_bounded_while_hostile_components_run_in_turn";

/// Builds what the test needs, and runs the rounds.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_exists() {
        assert!(repo::has_test(TEST), "{TEST} is not in tests/");
    }
}
