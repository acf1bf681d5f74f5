//! The profile of a function or a tap, learned from its runs: how many statements it sends, which decides whether its queries
//! autocommit (see `host/store/src/postgres/autocommit.rs`), and whether it runs for long, which decides the
//! [lane](crate::engine::lane) in which it begins.

use crate::engine::lane::Lane;
use palisade_guard::limits::{SLOW_LANE_CALLS, SLOW_LANE_MS};
use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ONE: u8 = 1;
const SEVERAL: u8 = 2;

/// What a function or a tap has done in its runs since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    statements: AtomicU8,
    /// How many more short runs it takes until the function begins in the usual lane again; 0 if it does.
    long: AtomicU8,
}

impl Profile {
    /// Whether the function has sent one statement at least once, and never more than one.
    pub(crate) fn sends_one(&self) -> bool {
        self.statements.load(Ordering::Relaxed) == ONE
    }

    /// Records the statements of one run. A function that once sent several never counts as sending one again.
    pub(crate) fn record_statements(&self, statements: u64) {
        match statements {
            0 => {}
            1 => {
                // Written only once, so that concurrent calls do not contend for it.
                if self.statements.load(Ordering::Relaxed) == UNKNOWN {
                    let _other =
                        self.statements.compare_exchange(UNKNOWN, ONE, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
            _ => self.statements.store(SEVERAL, Ordering::Relaxed),
        }
    }

    /// The lane in which the next run begins.
    pub(crate) fn lane(&self) -> Lane {
        if self.long.load(Ordering::Relaxed) > 0 { Lane::Slow } else { Lane::Usual }
    }

    /// Records the processor time of one run. One long run moves the function to the slow lane; several short ones move it back.
    pub(crate) fn record_time(&self, used_ms: u64) {
        if used_ms >= SLOW_LANE_MS {
            self.long.store(SLOW_LANE_CALLS, Ordering::Relaxed);
        } else {
            let less = |left: u8| left.checked_sub(1);
            let _short = self.long.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_run_moves_to_the_slow_lane_and_several_short_runs_move_back() {
        let profile = Profile::default();
        profile.record_time(SLOW_LANE_MS - 1);
        assert_eq!(profile.lane(), Lane::Usual);
        profile.record_time(SLOW_LANE_MS);
        for _ in 0..SLOW_LANE_CALLS {
            assert_eq!(profile.lane(), Lane::Slow);
            profile.record_time(0);
        }
        assert_eq!(profile.lane(), Lane::Usual);
    }

    #[test]
    fn function_that_sends_a_second_statement_never_counts_as_sending_one_again() {
        let profile = Profile::default();
        assert!(!profile.sends_one(), "nothing is known yet");
        profile.record_statements(0);
        assert!(!profile.sends_one(), "it has sent none");
        for _ in 0..3 {
            profile.record_statements(1);
            assert!(profile.sends_one());
        }
        profile.record_statements(2);
        profile.record_statements(1);
        assert!(!profile.sends_one());
    }
}
