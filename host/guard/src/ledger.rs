//! The ledger: what one invocation has used of each limit. It is the only counter, and the only place that refuses
//! more.
//!
//! Who spends: the host's `api/` (`host/src/api`) spends before it calls a store. A store spends only what it alone can
//! know: the statements that one of its calls needs, and rows and bytes as they arrive. Guards never spend; they check
//! an argument against its limit with [`Limits::check`]. The maxima are fixed when the invocation starts. The numbers
//! and their reasons are in [`crate::limits`].

use crate::limits::{HOST_CALL_BYTES, LIMIT_WARNING_PERCENT, Limit, Limits, MEMORY_PER_DB_BYTE, PERCENT};
use crate::memory::{OutOfMemory, Reservation};
use crate::reports::Notes;
use std::fmt;

/// The use of one limit, or the use that a refused step would have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: Limit,
    /// The amount used, in the limit's unit.
    pub used: u64,
    /// The limit's maximum, in its unit.
    pub max: u64,
}

/// The error for a step that exceeds a limit, with the use that the step would have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded(pub Usage);

impl Usage {
    /// Whether the use is high enough to warn an operator:
    /// [`LIMIT_WARNING_PERCENT`] of the maximum, or more.
    pub fn is_near(&self) -> bool {
        let percent = |amount: u64, of: u64| u128::from(amount).saturating_mul(of.into());
        self.used > 0 && percent(self.used, PERCENT) >= percent(self.max, LIMIT_WARNING_PERCENT)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Usage { limit, used, max }) = self;
        write!(f, "limit `{limit}` exceeded: {used} of {max} {}", limit.unit())?;
        // Nobody can raise this limit.
        if *limit == Limit::Stack { f.write_str(": stack overflow; call less deeply") } else { Ok(()) }
    }
}

impl std::error::Error for Exceeded {}

impl Limits {
    /// Refuses an amount over a limit's maximum and counts nothing: for limits of one argument.
    pub fn check(&self, limit: Limit, used: u64) -> Result<(), Exceeded> {
        // The bound of an argument can be lowered and never raised, whoever made these limits.
        let ceiling = if limit.is_of_an_argument() { limit.default_max() } else { u64::MAX };
        let max = self.get(limit).min(ceiling);
        if used > max { Err(Exceeded(Usage { limit, used, max })) } else { Ok(()) }
    }
}

/// The use and the maximum of each limit of one invocation.
#[derive(Debug)]
pub struct Ledger {
    used: Limits,
    max: Limits,
    /// The bytes of the host that the invocation holds because of what it spent.
    memory: Reservation,
    /// Whether the host's budget of bytes refused something.
    is_starved: bool,
    /// The limits that refused something, one bit for each.
    refused: u64,
    /// The most handles that were open at once when one was closed.
    handles: u64,
    /// Failures of host calls, for the operator's log.
    pub notes: Notes,
}

impl Ledger {
    /// An unused ledger with these maxima. No budget counts the bytes that it spends.
    pub fn new(max: Limits) -> Self {
        Self::within(Reservation::uncounted(), max)
    }

    /// An unused ledger with these maxima. Bytes that it spends stay reserved until it is dropped: an invocation may hold
    /// what it has read or written until it ends.
    pub fn within(memory: Reservation, max: Limits) -> Self {
        Self {
            used: Limits::zero(),
            max,
            memory,
            is_starved: false,
            refused: 0,
            handles: 0,
            notes: Notes::default(),
        }
    }

    /// An unused ledger of the host's own, whose bytes count for the same budget and shares: for what the host reads before it
    /// knows whether the guest may see it. What the guest's own ledger counts would tell.
    pub fn beside(&self) -> Self {
        Self::within(self.memory.beside(), Limits::default())
    }

    /// Spends `amount`, or refuses without spending anything. It also refuses if the host's budget of bytes has too few; the
    /// invocation [is starved](Self::is_starved) then, and the error is never for the guest.
    pub fn spend(&mut self, limit: Limit, amount: u64) -> Result<(), Exceeded> {
        let (used, max) = (self.used(limit).saturating_add(amount), self.max(limit));
        if used > max {
            self.refused |= bit(limit);
            return Err(Exceeded(Usage { limit, used, max }));
        }
        self.hold(held_for(limit, amount)).map_err(|_| Exceeded(Usage { limit, used, max }))?;
        self.used.set(limit, used);
        Ok(())
    }

    /// Counts the bytes of arguments or results that a host call handles: as one more call for each
    /// [`HOST_CALL_BYTES`]. Refuses nothing, because the bytes have been copied already; the host checks the calls when
    /// this one returns to the guest.
    pub fn handled(&mut self, bytes: usize) {
        let calls = (bytes as u64).checked_div(HOST_CALL_BYTES).unwrap_or(0);
        self.record(Limit::HostCalls, self.used(Limit::HostCalls).saturating_add(calls));
    }

    /// Reserves bytes that the host holds until the invocation ends. If the host's budget has too few, the invocation
    /// [is starved](Self::is_starved), and the host ends it before the guest runs on.
    pub fn hold(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        if bytes == 0 {
            return Ok(());
        }
        let held = self.memory.grow(bytes);
        self.is_starved |= held.is_err();
        held
    }

    /// Whether the host's budget of bytes had too few for this invocation.
    pub fn is_starved(&self) -> bool {
        self.is_starved
    }

    /// Records that a guard refused an argument over its limit.
    pub fn refuse(&mut self, Exceeded(Usage { limit, .. }): Exceeded) {
        self.refused |= bit(limit);
    }

    /// The limits that refused something, even if the guest handled the error.
    pub fn refused(&self) -> impl Iterator<Item = Limit> {
        let refused = self.refused;
        Limit::ALL.iter().copied().filter(move |limit| refused & bit(*limit) != 0)
    }

    /// Subtracts an amount that is no longer in use: for limits on what is open at once.
    pub fn release(&mut self, limit: Limit, amount: u64) {
        if limit == Limit::Handles {
            self.handles = self.handles.max(self.used(limit));
        }
        let left = self.used(limit).saturating_sub(amount);
        self.record(limit, left);
    }

    /// Sets the use of a limit that is enforced elsewhere, such as the high-water mark of memory.
    pub fn record(&mut self, limit: Limit, used: u64) {
        self.used.set(limit, used);
    }

    /// Ends the invocation: from now on the use of handles is the most that were open at once.
    pub fn close(&mut self) {
        self.record(Limit::Handles, self.handles.max(self.used(Limit::Handles)));
    }

    /// The use of every limit.
    pub fn usages(&self) -> impl Iterator<Item = Usage> {
        Limit::ALL.iter().map(|limit| self.usage(*limit))
    }

    /// The amount used of a limit, in its unit.
    pub fn used(&self, limit: Limit) -> u64 {
        self.used.get(limit)
    }

    /// The maximum of a limit, in its unit.
    pub fn max(&self, limit: Limit) -> u64 {
        self.max.get(limit)
    }

    /// All maxima.
    pub fn limits(&self) -> &Limits {
        &self.max
    }

    /// The use of one limit.
    pub fn usage(&self, limit: Limit) -> Usage {
        Usage { limit, used: self.used(limit), max: self.max(limit) }
    }

    /// The amount left of a limit, in its unit.
    pub fn left(&self, limit: Limit) -> u64 {
        self.max(limit).saturating_sub(self.used(limit))
    }
}

/// The bytes that the host holds after this was spent.
fn held_for(limit: Limit, amount: u64) -> u64 {
    match limit {
        Limit::DbBytes => amount.saturating_mul(MEMORY_PER_DB_BYTE),
        Limit::HttpBytes | Limit::LogBytes => amount,
        _ => 0,
    }
}

fn bit(limit: Limit) -> u64 {
    1_u64.checked_shl(limit as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MEMORY_GRAIN_BYTES;
    use crate::memory::MemoryBudget;

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
    fn bytes_count_as_calls_in_whole_units() {
        let unit = usize::try_from(HOST_CALL_BYTES).unwrap();
        for (bytes, calls) in [(0, 0), (unit - 1, 0), (unit, 1), (2 * unit + 1, 2)] {
            let mut ledger = Ledger::new(Limits::default());
            ledger.handled(bytes);
            assert_eq!(ledger.used(Limit::HostCalls), calls, "{bytes} bytes");
        }
    }

    #[test]
    fn only_limits_that_refused_something_are_reported_as_refused() {
        for limit in Limit::ALL {
            let mut ledger = Ledger::new(Limits::zero());
            assert!(ledger.refused().next().is_none());
            let _ = ledger.spend(*limit, 1);
            assert_eq!(ledger.refused().collect::<Vec<_>>(), [*limit]);
        }
    }

    #[test]
    fn amount_left_is_the_maximum_minus_the_use() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        ledger.spend(Limit::DbRows, 3).unwrap();
        assert_eq!(ledger.left(Limit::DbRows), 7);
        assert_eq!(
            Exceeded(ledger.usage(Limit::DbRows)).to_string(),
            "limit `db-rows` exceeded: 3 of 10 allowed"
        );
        let stack = Exceeded(Usage { limit: Limit::Stack, used: 7, max: 7 });
        assert_eq!(
            stack.to_string(),
            "limit `stack` exceeded: 7 of 7 bytes: stack overflow; call less deeply"
        );
    }

    #[test]
    fn use_at_the_warning_threshold_is_near_and_below_it_is_not() {
        let near = |used, max| Usage { limit: Limit::DbRows, used, max }.is_near();
        for (used, max) in [(0, 0), (0, 10), (7, 10), (79, 100), (u64::MAX / 2, u64::MAX)] {
            assert!(!near(used, max), "{used} of {max}");
        }
        for (used, max) in [(1, 0), (1, 1), (8, 10), (80, 100), (10, 10), (11, 10), (u64::MAX, u64::MAX)] {
            assert!(near(used, max), "{used} of {max}");
        }
    }

    #[test]
    fn closed_handles_count_by_the_most_that_were_open_at_once() {
        let mut ledger = Ledger::new(Limits::default());
        for _ in 0..3 {
            ledger.spend(Limit::Handles, 2).unwrap();
            ledger.release(Limit::Handles, 2);
        }
        ledger.close();
        assert_eq!(ledger.used(Limit::Handles), 2);
    }

    #[test]
    fn limit_of_an_argument_can_be_lowered_and_not_raised() {
        for limit in Limit::ALL.iter().copied().filter(|limit| limit.is_of_an_argument()) {
            let max = limit.default_max();
            assert!(Limits::unlimited().check(limit, max + 1).is_err(), "{limit}");
            assert_eq!(Limits::unlimited().check(limit, max), Ok(()), "{limit}");
            let lowered = Limits::default().with(limit, 1);
            assert!(lowered.check(limit, 2).is_err(), "{limit}");
            assert_eq!(lowered.check(limit, 1), Ok(()), "{limit}");
        }
    }

    #[test]
    fn bytes_that_are_spent_stay_reserved_until_the_ledger_is_dropped() {
        let budget = MemoryBudget::new(10 * MEMORY_GRAIN_BYTES);
        let ledger = || Ledger::within(budget.reservation(None, None), Limits::default());
        for limit in [Limit::DbBytes, Limit::HttpBytes, Limit::LogBytes] {
            let mut one = ledger();
            one.spend(limit, 2 * MEMORY_GRAIN_BYTES).unwrap();
            assert!(budget.held() >= 2 * MEMORY_GRAIN_BYTES && !one.is_starved(), "{limit}");
            let mut two = ledger();
            assert!(two.spend(Limit::DbBytes, 10 * MEMORY_GRAIN_BYTES).is_err());
            assert!(two.is_starved() && two.used(Limit::DbBytes) == 0);
            drop((one, two));
            assert_eq!(budget.held(), 0, "{limit}");
        }
    }

    #[test]
    fn spend_up_to_the_limit_is_accepted() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::DbRows, 10));
        assert_eq!(ledger.spend(Limit::DbRows, 10), Ok(()));
        assert_eq!(ledger.left(Limit::DbRows), 0);
    }
}
