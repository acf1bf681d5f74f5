//! What one invocation has used, and the only place that says "no more".
//!
//! Every interface spends from the same ledger before it does the work; there is no second counter anywhere. The
//! maxima are fixed when the invocation starts. Numbers and reasons are in [`crate::limits`].

use crate::limits::{LIMIT_WARNING_PERCENT, Limit, Limits, PERCENT};
use std::fmt;

/// What is used of one limit, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Which limit.
    pub limit: Limit,
    /// What is used, in the limit's unit.
    pub used: u64,
    /// What may be used.
    pub max: u64,
}

/// A limit that would be exceeded: what would have been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded(pub Usage);

impl Usage {
    /// Whether so much of it is used that an operator should know:
    /// [`LIMIT_WARNING_PERCENT`](crate::limits::LIMIT_WARNING_PERCENT) of it, or more.
    pub fn is_near(&self) -> bool {
        let percent = |amount: u64, of: u64| u128::from(amount).saturating_mul(of.into());
        self.used > 0 && percent(self.used, PERCENT) >= percent(self.max, LIMIT_WARNING_PERCENT)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Usage { limit, used, max }) = self;
        write!(f, "limit `{limit}` exceeded: {used} of {max} {}", limit.unit())
    }
}

impl std::error::Error for Exceeded {}

impl Limits {
    /// Refuses an amount over a limit's maximum: for what is held rather than spent.
    pub fn check(&self, limit: Limit, used: u64) -> Result<(), Exceeded> {
        let max = self.get(limit);
        if used > max { Err(Exceeded(Usage { limit, used, max })) } else { Ok(()) }
    }
}

/// The account of one invocation.
#[derive(Clone, Debug)]
pub struct Ledger {
    used: Limits,
    max: Limits,
    /// Limits that something was refused for, a bit each.
    refused: u64,
    /// Most handles that were open at once, of those that have been closed since.
    handles: u64,
}

impl Ledger {
    /// An empty account with these maxima.
    pub fn new(max: Limits) -> Self {
        Self { used: Limits::zero(), max, refused: 0, handles: 0 }
    }

    /// Spends `amount`, or refuses without spending anything.
    pub fn spend(&mut self, limit: Limit, amount: u64) -> Result<(), Exceeded> {
        let (used, max) = (self.used(limit).saturating_add(amount), self.max(limit));
        if used > max {
            self.refused |= bit(limit);
            return Err(Exceeded(Usage { limit, used, max }));
        }
        self.used.set(limit, used);
        Ok(())
    }

    /// Notes that a guard refused an argument over its limit.
    pub fn refuse(&mut self, Exceeded(Usage { limit, .. }): Exceeded) {
        self.refused |= bit(limit);
    }

    /// The limits that something was refused for, whatever the guest made of it.
    pub fn refused(&self) -> impl Iterator<Item = Limit> {
        let refused = self.refused;
        Limit::ALL.iter().copied().filter(move |limit| refused & bit(*limit) != 0)
    }

    /// Gives back what is no longer held: for limits of what is open at once.
    pub fn release(&mut self, limit: Limit, amount: u64) {
        if limit == Limit::Handles {
            self.handles = self.handles.max(self.used(limit));
        }
        let left = self.used(limit).saturating_sub(amount);
        self.record(limit, left);
    }

    /// Notes a high-water mark that somebody else enforces, such as memory.
    pub fn record(&mut self, limit: Limit, used: u64) {
        self.used.set(limit, used);
    }

    /// Closes the account: of what is held rather than spent, it says from now on how much was held at once.
    pub fn close(&mut self) {
        self.record(Limit::Handles, self.handles.max(self.used(Limit::Handles)));
    }

    /// The state of every limit.
    pub fn usages(&self) -> impl Iterator<Item = Usage> {
        Limit::ALL.iter().map(|limit| self.usage(*limit))
    }

    /// What has been used.
    pub fn used(&self, limit: Limit) -> u64 {
        self.used.get(limit)
    }

    /// What may be used.
    pub fn max(&self, limit: Limit) -> u64 {
        self.max.get(limit)
    }

    /// All maxima.
    pub fn limits(&self) -> &Limits {
        &self.max
    }

    /// The state of one limit.
    pub fn usage(&self, limit: Limit) -> Usage {
        Usage { limit, used: self.used(limit), max: self.max(limit) }
    }

    /// What is left.
    pub fn left(&self, limit: Limit) -> u64 {
        self.max(limit).saturating_sub(self.used(limit))
    }
}

fn bit(limit: Limit) -> u64 {
    1_u64.checked_shl(limit as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spend_over_the_limit_is_refused_and_spends_nothing() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        assert_eq!(
            ledger.spend(Limit::DbRows, 11),
            Err(Exceeded(Usage { limit: Limit::DbRows, used: 11, max: 10 }))
        );
        assert_eq!(ledger.used(Limit::DbRows), 0);
        assert!(ledger.spend(Limit::DbRows, u64::MAX).is_err());
        assert_eq!(ledger.refused().collect::<Vec<_>>(), [Limit::DbRows]);
    }

    #[test]
    fn every_limit_that_was_refused_is_remembered_and_no_other() {
        for limit in Limit::ALL {
            let mut ledger = Ledger::new(Limits::zero());
            assert!(ledger.refused().next().is_none());
            let _ = ledger.spend(*limit, 1);
            assert_eq!(ledger.refused().collect::<Vec<_>>(), [*limit]);
        }
    }

    #[test]
    fn what_is_left_is_the_limit_less_what_was_used() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        ledger.spend(Limit::DbRows, 3).unwrap();
        assert_eq!(ledger.left(Limit::DbRows), 7);
        assert_eq!(
            Exceeded(ledger.usage(Limit::DbRows)).to_string(),
            "limit `db-rows` exceeded: 3 of 10 allowed"
        );
    }

    #[test]
    fn use_below_the_threshold_is_not_near_and_at_it_is() {
        let near = |used, max| Usage { limit: Limit::DbRows, used, max }.is_near();
        for (used, max) in [(0, 0), (0, 10), (7, 10), (79, 100), (u64::MAX / 2, u64::MAX)] {
            assert!(!near(used, max), "{used} of {max}");
        }
        for (used, max) in [(1, 0), (1, 1), (8, 10), (80, 100), (10, 10), (11, 10), (u64::MAX, u64::MAX)] {
            assert!(near(used, max), "{used} of {max}");
        }
    }

    #[test]
    fn handles_that_were_closed_count_as_they_were_held_at_once() {
        let mut ledger = Ledger::new(Limits::default());
        for _ in 0..3 {
            ledger.spend(Limit::Handles, 2).unwrap();
            ledger.release(Limit::Handles, 2);
        }
        ledger.close();
        assert_eq!(ledger.used(Limit::Handles), 2);
    }

    #[test]
    fn spend_up_to_the_limit_is_accepted() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        assert_eq!(ledger.spend(Limit::DbRows, 10), Ok(()));
        assert_eq!(ledger.left(Limit::DbRows), 0);
    }
}
