//! How many statements a function sends, as far as it has shown: what [`alone`](crate::backend::postgres::alone) goes by.

use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ONE: u8 = 1;
const SEVERAL: u8 = 2;

/// What a function has been seen to do since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Habit(AtomicU8);

impl Habit {
    /// Whether it has sent one statement at most whenever it ran.
    pub(crate) fn is_one(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ONE
    }

    /// Takes note of one run. A function that has sent several once is never taken for one that sends one again.
    pub(crate) fn learn(&self, statements: u64) {
        match statements {
            0 => {}
            1 => {
                // Written once, so that calls at the same time do not contend for it.
                if self.0.load(Ordering::Relaxed) == UNKNOWN {
                    let _other = self.0.compare_exchange(UNKNOWN, ONE, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
            _ => self.0.store(SEVERAL, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habit_of_one_statement_ends_for_good_with_the_first_second_one() {
        let habit = Habit::default();
        assert!(!habit.is_one(), "nothing is known yet");
        habit.learn(0);
        assert!(!habit.is_one(), "nothing was shown");
        for _ in 0..3 {
            habit.learn(1);
            assert!(habit.is_one());
        }
        habit.learn(2);
        habit.learn(1);
        assert!(!habit.is_one());
    }
}
