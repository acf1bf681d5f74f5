//! `cargo xtask sql`: compares what statements mean before and after the gate, and prints which it accepts.
//!
//! These are the tests in `host/store/tests/gate_differential/meaning`, on a version of PostgreSQL of choice, with a
//! report.

use anyhow::Result;

use crate::{postgres, repo, step};

/// The target and the module of the tests.
const TARGET: &str = "gate_differential";
const MODULE: &str = "meaning::";

/// Runs the comparison on this major version, or on the installed one, with at least this many generated statements that
/// the gate accepts.
pub fn run(major: Option<u32>, statements: Option<u64>) -> Result<()> {
    let mut test = repo::cargo(".");
    // The whole workspace: with other packages the dependencies would be built again, with other features.
    test.args(["test", "--workspace", "--test", TARGET, "--", MODULE, "--nocapture", "--test-threads", "1"]);
    match major {
        Some(major) => {
            test.env("PALISADE_TEST_POSTGRES", postgres::of(major)?);
        }
        None => postgres::ensure()?,
    }
    test.env("PALISADE_SQL_REPORT", "1");
    test.envs(statements.map(|count| ("PALISADE_DIFFERENTIAL", count.to_string())));
    step::run("comparing what SQL means", &mut test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_exist() {
        let folder = repo::root().join("host/store/tests").join(TARGET);
        assert!(folder.join(MODULE.trim_end_matches(':')).join("mod.rs").is_file());
    }
}
