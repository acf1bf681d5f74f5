//! `cargo xtask soak`: lets a hostile plugin and hostile callers do the dearest that is permitted for some minutes, beside a
//! neighbour whose calls must all succeed.
//!
//! This is the test in `tests/cost/mod.rs`, with more time for each row and an optimized host. A failed call of the neighbour
//! and memory beyond the host's bound are failures; times are printed, and are none.

use anyhow::Result;

use crate::guests::{self, BINARY, PACKAGE, Set};
use crate::{postgres, repo, step};

/// The test, by its full name.
const TEST: &str = "cost::dearest_permitted_input_of_each_function_and_route_stays_within_the_hosts_memory";

/// Builds what the test needs, the host optimized, and runs all rows for so many minutes in all.
pub fn run(minutes: u64) -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let mut optimized = repo::cargo(".");
    optimized.args(["build", "--profile", "bench", "--package", PACKAGE, "--bin", BINARY]);
    step::quiet("building palisade, optimized", &mut optimized)?;
    let mut test = repo::cargo(".");
    test.args(["test", "--package", "palisade-tests", "--test", "all", "--", "--exact", TEST, "--nocapture"]);
    test.env("PALISADE_GUESTS", repo::guests()).env("PALISADE_BIN", repo::optimized());
    test.env("PALISADE_SOAK_MINUTES", minutes.to_string());
    step::run("a hostile neighbour", &mut test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_exists() {
        assert!(repo::has_test(TEST), "{TEST} is not in tests/");
    }
}
