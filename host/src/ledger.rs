//! What one invocation has used, and the only place that says "no more".
//!
//! Every interface spends from the same ledger before it does the work; there is no second counter anywhere. The
//! maxima are fixed when the invocation starts. Numbers and reasons are in [`crate::limits`].

use crate::limits::{Limit, Limits};
use std::fmt;

/// A limit that would be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit.
    pub limit: Limit,
    /// What would have been used, in the limit's unit.
    pub used: u64,
    /// What may be used.
    pub max: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, max } = self;
        write!(f, "limit `{limit}` exceeded: {used} of {max} {}", limit.unit())
    }
}

impl std::error::Error for Exceeded {}

impl Limits {
    /// Refuses an amount over a limit's maximum: for what is held rather than spent.
    pub(crate) fn check(&self, limit: Limit, used: u64) -> Result<(), Exceeded> {
        let max = self.get(limit);
        if used > max { Err(Exceeded { limit, used, max }) } else { Ok(()) }
    }
}

/// The account of one invocation.
#[derive(Clone, Debug)]
pub struct Ledger {
    used: Limits,
    max: Limits,
    /// Limits that something was refused for, a bit each.
    refused: u64,
}

impl Ledger {
    /// An empty account with these maxima.
    pub fn new(max: Limits) -> Self {
        Self { used: Limits::zero(), max, refused: 0 }
    }

    /// Spends `amount`, or refuses without spending anything.
    pub fn spend(&mut self, limit: Limit, amount: u64) -> Result<(), Exceeded> {
        let (used, max) = (self.used(limit).saturating_add(amount), self.max(limit));
        if used > max {
            self.refused |= bit(limit);
            return Err(Exceeded { limit, used, max });
        }
        self.used.set(limit, used);
        Ok(())
    }

    /// The limits that something was refused for, whatever the guest made of it.
    pub(crate) fn refused(&self) -> impl Iterator<Item = Limit> {
        let refused = self.refused;
        Limit::ALL.iter().copied().filter(move |limit| refused & bit(*limit) != 0)
    }

    /// Gives back what is no longer held: for limits of what is open at once.
    pub fn release(&mut self, limit: Limit, amount: u64) {
        let left = self.used(limit).saturating_sub(amount);
        self.record(limit, left);
    }

    /// Notes a high-water mark that somebody else enforces, such as memory.
    pub fn record(&mut self, limit: Limit, used: u64) {
        self.used.set(limit, used);
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
    pub fn usage(&self, limit: Limit) -> Exceeded {
        Exceeded { limit, used: self.used(limit), max: self.max(limit) }
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
            Err(Exceeded { limit: Limit::DbRows, used: 11, max: 10 })
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
    fn spend_up_to_the_limit_is_accepted() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        assert_eq!(ledger.spend(Limit::DbRows, 10), Ok(()));
        assert_eq!(ledger.left(Limit::DbRows), 0);
    }
}
