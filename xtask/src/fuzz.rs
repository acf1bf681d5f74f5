//! `cargo xtask fuzz`: sends random bytes as components, random values for every import, and random JSON for every export.
//!
//! These are the tests in `tests/fuzz/mod.rs`, with more and other cases than a normal run.

use anyhow::Result;
use clap::ValueEnum;

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// What to fuzz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Any bytes as a component
    Loader,
    /// Any values for every function that plugins import
    Imports,
    /// Any JSON for every function that plugins export
    Exports,
}

/// Which cases to run, and for how long.
#[derive(Debug)]
pub struct Plan {
    pub minutes: Option<u64>,
    pub seed: Option<u64>,
    pub cases: Option<u64>,
}

/// Minutes of a run without a seed or a number of cases.
const MINUTES: u64 = 5;

impl Target {
    /// The full name of its test.
    fn test(self) -> &'static str {
        match self {
            Self::Loader => "fuzz::component_of_arbitrary_bytes_is_loaded_or_rejected",
            Self::Imports => "fuzz::arbitrary_import_arguments_end_in_a_value_an_error_or_a_trap",
            Self::Exports => "fuzz::arbitrary_json_for_exports_is_never_the_hosts_fault",
        }
    }
}

/// Builds what the tests need, and runs the test of one target, or of each.
pub fn run(target: Option<Target>, plan: &Plan) -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Examples)?;
    guests::build(Set::Tests)?;
    let all = Target::value_variants();
    for target in target.as_ref().map_or(all, std::slice::from_ref) {
        let mut test = repo::cargo(".");
        let name = target.test();
        test.args([
            "test",
            "--package",
            "palisade-tests",
            "--test",
            "all",
            "--",
            "--exact",
            name,
            "--nocapture",
        ]);
        test.env("PALISADE_GUESTS", repo::guests()).envs(plan.variables());
        step::run(&format!("fuzzing: {target:?}"), &mut test)?;
    }
    Ok(())
}

impl Plan {
    /// The environment of the tests.
    fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let only = self.seed.is_some() || self.cases.is_some();
        let minutes = self.minutes.or((!only).then_some(MINUTES));
        let all = [
            ("PALISADE_FUZZ_MINUTES", minutes),
            ("PALISADE_FUZZ_SEED", self.seed),
            ("PALISADE_FUZZ_CASES", self.cases),
        ];
        all.into_iter().filter_map(|(name, number)| Some((name, number?.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(minutes: Option<u64>, seed: Option<u64>, cases: Option<u64>) -> Vec<String> {
        let plan = Plan { minutes, seed, cases };
        plan.variables()
            .map(|(name, number)| format!("{}={number}", &name["PALISADE_FUZZ_".len()..]))
            .collect()
    }

    #[test]
    fn test_of_each_target_exists() {
        for target in Target::value_variants() {
            assert!(repo::has_test(target.test()), "{} is not in tests/", target.test());
        }
    }

    #[test]
    fn seed_alone_is_one_case_and_no_option_runs_for_minutes() {
        assert_eq!(environment(None, Some(7), None), ["SEED=7"]);
        assert_eq!(environment(None, None, None), ["MINUTES=5"]);
        assert_eq!(environment(Some(1), Some(7), None), ["MINUTES=1", "SEED=7"]);
        assert_eq!(environment(None, Some(7), Some(3)), ["SEED=7", "CASES=3"]);
    }
}
