//! What a function has shown so far: how many statements it sends, which [autocommit](palisade_store::postgres::autocommit) goes by,
//! and whether it runs for long, which is where [`lane`](crate::engine::lane) has it begin.

use crate::engine::lane::Lane;
use palisade_guard::limits::{SLOW_LANE_CALLS, SLOW_LANE_GUEST_MS};
use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ONE: u8 = 1;
const SEVERAL: u8 = 2;

/// What a function has been seen to do since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    statements: AtomicU8,
    /// Runs that have yet to be short before it is taken for a short one.
    long: AtomicU8,
}

impl Profile {
    /// Whether it has sent one statement at most whenever it ran.
    pub(crate) fn is_one(&self) -> bool {
        self.statements.load(Ordering::Relaxed) == ONE
    }

    /// Takes note of one run. A function that has sent several once is never taken for one that sends one again.
    pub(crate) fn learn(&self, statements: u64) {
        match statements {
            0 => {}
            1 => {
                // Written once, so that calls at the same time do not contend for it.
                if self.statements.load(Ordering::Relaxed) == UNKNOWN {
                    let _other =
                        self.statements.compare_exchange(UNKNOWN, ONE, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
            _ => self.statements.store(SEVERAL, Ordering::Relaxed),
        }
    }

    /// Where it begins.
    pub(crate) fn lane(&self) -> Lane {
        if self.long.load(Ordering::Relaxed) > 0 { Lane::Slow } else { Lane::Usual }
    }

    /// Takes note of how long its guest ran. It is long at once, and short after several that were.
    pub(crate) fn ran(&self, guest_ms: u64) {
        if guest_ms >= SLOW_LANE_GUEST_MS {
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
    fn profile_of_running_long_begins_at_once_and_ends_after_several_short_runs() {
        let profile = Profile::default();
        profile.ran(SLOW_LANE_GUEST_MS - 1);
        assert_eq!(profile.lane(), Lane::Usual);
        profile.ran(SLOW_LANE_GUEST_MS);
        for _ in 0..SLOW_LANE_CALLS {
            assert_eq!(profile.lane(), Lane::Slow);
            profile.ran(0);
        }
        assert_eq!(profile.lane(), Lane::Usual);
    }

    #[test]
    fn profile_of_one_statement_ends_for_good_with_the_first_second_one() {
        let profile = Profile::default();
        assert!(!profile.is_one(), "nothing is known yet");
        profile.learn(0);
        assert!(!profile.is_one(), "nothing was shown");
        for _ in 0..3 {
            profile.learn(1);
            assert!(profile.is_one());
        }
        profile.learn(2);
        profile.learn(1);
        assert!(!profile.is_one());
    }
}
