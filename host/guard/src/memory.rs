//! The host's budget of bytes: what all requests and plugins together may hold at once.
//!
//! Limits bound one argument or one invocation; a thousand permitted invocations at once are still too many bytes. So
//! whatever holds bytes for as long as somebody else decides reserves them first: request bodies and what they are parsed
//! to, linear memory of instances, rows and items, results until they are sent. A reservation counts for the whole host
//! and for up to two [`Share`]s, that of the plugin and that of the caller, so that neither can take what the others need.
//! It is refused at once instead of waiting: what is held may be held for long. Bytes return when a reservation is
//! dropped.
//!
//! The last quarter of the budget and of each share is for small reservations, so that a few large requests do not keep
//! ordinary calls from being served.
//!
//! What is not reserved: what the host holds while nothing runs, and what a synchronous step of one thread holds for a
//! moment. The budget that the host passes to [`MemoryBudget::new`] is smaller than the operator's number by a reserve for
//! these. Numbers: `MEMORY_…` in [`crate::limits`].

use crate::limits::{
    MEMORY_FOR_SMALL_PERCENT, MEMORY_GRAIN_BYTES, MEMORY_KEPT_PERCENT, MEMORY_SHARE_OF_CACHE_PERCENT,
    MEMORY_SHARE_OF_CALLER_PERCENT, MEMORY_SHARE_OF_PLUGIN_PERCENT, MEMORY_SMALL_BYTES, PERCENT,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The error for bytes that the budget, or the plugin's or caller's share of it, does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memory that the operator allows is in use")]
pub struct OutOfMemory;

/// The bytes that a host may hold. Clones refer to the same budget.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    all: Share,
    /// The bytes of the budget while nothing lowers it.
    max: u64,
}

/// The part of a budget that one plugin or one caller may hold. Clones refer to the same share.
#[derive(Clone, Debug)]
pub struct Share(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    held: AtomicU64,
    max: AtomicU64,
}

/// Bytes that are held, until it is dropped.
#[derive(Debug, Default)]
pub struct Reservation {
    counters: Counters,
    /// Bytes that are taken ahead, so that frequent small growths do not each change counters that all threads share.
    grain: u64,
    /// Bytes that the counters count.
    reserved: u64,
    /// Bytes that are in use; the rest is kept for the next growth.
    used: u64,
}

/// The host's budget and the shares that count a reservation, each of which counts all bytes.
#[derive(Clone, Debug)]
enum Counters {
    Own([Option<Share>; 3]),
    /// Those of many reservations, each of which then has one thing to refer to and not three.
    Common(Arc<[Option<Share>; 3]>),
}

/// Makes empty reservations of the same budget and shares, at less cost than the budget itself.
#[derive(Clone, Debug)]
pub struct Template(Arc<[Option<Share>; 3]>);

impl MemoryBudget {
    /// A budget of this many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { all: Share::of(bytes), max: bytes }
    }

    /// A share for one plugin.
    pub fn share_of_plugin(&self) -> Share {
        self.share(MEMORY_SHARE_OF_PLUGIN_PERCENT)
    }

    /// A share for one caller.
    pub fn share_of_caller(&self) -> Share {
        self.share(MEMORY_SHARE_OF_CALLER_PERCENT)
    }

    /// The share of the caches of all plugins.
    pub fn share_of_cache(&self) -> Share {
        self.share(MEMORY_SHARE_OF_CACHE_PERCENT)
    }

    fn share(&self, percent: u64) -> Share {
        // Divided first, so that no budget is too large to multiply.
        Share::of((self.max / PERCENT).saturating_mul(percent))
    }

    /// An empty reservation, for which these shares count as well.
    pub fn reservation(&self, plugin: Option<&Share>, caller: Option<&Share>) -> Reservation {
        Reservation::of(Counters::Own([Some(self.all.clone()), plugin.cloned(), caller.cloned()]))
    }

    /// What makes such reservations.
    pub fn template(&self, plugin: Option<&Share>, caller: Option<&Share>) -> Template {
        Template([Some(self.all.clone()), plugin.cloned(), caller.cloned()].into())
    }

    /// The bytes that are reserved now.
    pub fn held(&self) -> u64 {
        self.all.held()
    }

    /// The bytes that can be reserved at most now.
    pub fn max(&self) -> u64 {
        self.all.0.max.load(Ordering::Relaxed)
    }

    /// Lowers the budget by what is held without a reservation, but never below [`MEMORY_KEPT_PERCENT`] of it: memory that
    /// the process does not give back to the system can be used again, and a host must not refuse everything because of it.
    pub fn lower_by(&self, unreserved: u64) {
        let kept = (self.max / PERCENT).saturating_mul(MEMORY_KEPT_PERCENT);
        self.all.0.max.store(self.max.saturating_sub(unreserved).max(kept), Ordering::Relaxed);
    }
}

impl Template {
    /// An empty reservation.
    pub fn reservation(&self) -> Reservation {
        Reservation::of(Counters::Common(Arc::clone(&self.0)))
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::Own([const { None }; 3])
    }
}

impl Counters {
    fn iter(&self) -> impl Iterator<Item = &Share> {
        let shares = match self {
            Self::Own(shares) => shares,
            Self::Common(shares) => &**shares,
        };
        shares.iter().flatten()
    }
}

impl Share {
    fn of(max: u64) -> Self {
        Self(Arc::new(Counter { held: AtomicU64::new(0), max: AtomicU64::new(max) }))
    }

    /// The bytes that are reserved of this share now.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Whether nobody else refers to this share: it can be forgotten.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn take(&self, bytes: u64, is_small: bool) -> Result<(), OutOfMemory> {
        let max = self.0.max.load(Ordering::Relaxed);
        // Divided first, so that no budget is too large to multiply.
        let kept = if is_small { 0 } else { (max / PERCENT).saturating_mul(MEMORY_FOR_SMALL_PERCENT) };
        let max = max.saturating_sub(kept);
        let more = |held: u64| held.checked_add(bytes).filter(|total| *total <= max);
        let taken = self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| OutOfMemory)
    }

    fn put_back(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Reservation {
    fn of(counters: Counters) -> Self {
        Self { counters, grain: MEMORY_GRAIN_BYTES, reserved: 0, used: 0 }
    }

    /// A reservation that no budget counts: for tests, and for tools without a host.
    pub fn uncounted() -> Self {
        Self::default()
    }

    /// An empty reservation that the same budget and shares count.
    pub fn beside(&self) -> Self {
        Self { counters: self.counters.clone(), grain: self.grain, reserved: 0, used: 0 }
    }

    /// Splits off the bytes that are taken ahead and not in use, for something that is held longer or shorter. No counter
    /// changes.
    pub fn spare(&mut self) -> Self {
        let spare = self.reserved.saturating_sub(self.used);
        self.reserved = self.used;
        Self { counters: self.counters.clone(), grain: self.grain, reserved: spare, used: 0 }
    }

    /// The same reservation, which takes no byte ahead: for what is held for long.
    pub fn exact(self) -> Self {
        Self { counters: self.counters.clone(), grain: 0, reserved: 0, used: 0 }
    }

    /// Reserves more bytes, or nothing if the budget or a share has too few.
    pub fn grow(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let used = self.used.saturating_add(bytes);
        if used > self.reserved {
            let missing = used.saturating_sub(self.reserved);
            let grain = missing.max(self.grain);
            self.take(grain).or_else(|_| self.take(missing))?;
        }
        self.used = used;
        Ok(())
    }

    /// Returns bytes that are no longer held.
    pub fn shrink(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        let keep = self.used.saturating_add(self.grain);
        if self.reserved > keep {
            self.put_back(self.reserved.saturating_sub(keep));
            self.reserved = keep;
        }
    }

    /// Makes the reservation this large: a growth or a return.
    pub fn resize(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        if let Some(more) = bytes.checked_sub(self.used) {
            return self.grow(more);
        }
        self.shrink(self.used.saturating_sub(bytes));
        Ok(())
    }

    /// The bytes that are in use.
    pub fn bytes(&self) -> u64 {
        self.used
    }

    fn take(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let counters = &self.counters;
        let is_small = self.reserved.saturating_add(bytes) <= MEMORY_SMALL_BYTES;
        for (index, share) in counters.iter().enumerate() {
            if let Err(out) = share.take(bytes, is_small) {
                counters.iter().take(index).for_each(|taken| taken.put_back(bytes));
                return Err(out);
            }
        }
        self.reserved = self.reserved.saturating_add(bytes);
        Ok(())
    }

    fn put_back(&self, bytes: u64) {
        self.counters.iter().for_each(|share| share.put_back(bytes));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.put_back(self.reserved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A budget in which no reservation is large.
    const MAX: u64 = MEMORY_SMALL_BYTES;

    #[test]
    fn reservation_over_the_budget_is_refused_and_takes_nothing() {
        let budget = MemoryBudget::new(MAX);
        let mut first = budget.reservation(None, None);
        assert_eq!(first.grow(MAX + 1), Err(OutOfMemory));
        assert_eq!(budget.held(), 0);
        first.grow(MAX).unwrap();
        let mut second = budget.reservation(None, None);
        assert_eq!(second.grow(1), Err(OutOfMemory));
        drop(first);
        second.grow(MAX).unwrap();
        assert_eq!(budget.held(), MAX);
        drop(second);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn share_that_is_used_up_leaves_the_rest_to_others() {
        let budget = MemoryBudget::new(MAX);
        for of in [MemoryBudget::share_of_plugin, MemoryBudget::share_of_caller] {
            let (loud, quiet) = (of(&budget), of(&budget));
            let mut held = Vec::new();
            loop {
                let mut one = budget.reservation(None, Some(&loud));
                if one.grow(MEMORY_GRAIN_BYTES).is_err() {
                    break;
                }
                held.push(one);
            }
            assert!(budget.held() < MAX && !held.is_empty());
            assert_eq!(budget.held(), loud.held(), "a refused growth is taken back from every counter");
            assert_eq!(budget.reservation(None, Some(&quiet)).grow(1), Ok(()));
        }
    }

    #[test]
    fn reservations_of_a_template_are_counted_as_others_are() {
        let budget = MemoryBudget::new(MAX);
        let (plugin, caller) = (budget.share_of_plugin(), budget.share_of_caller());
        let template = budget.template(Some(&plugin), Some(&caller));
        let (mut one, mut other) = (template.reservation(), template.reservation());
        one.grow(MEMORY_GRAIN_BYTES).unwrap();
        other.grow(MEMORY_GRAIN_BYTES).unwrap();
        let held = || [budget.held(), plugin.held(), caller.held()];
        assert_eq!(held(), [2 * MEMORY_GRAIN_BYTES; 3]);
        assert_eq!(other.grow(MAX), Err(OutOfMemory));
        assert_eq!(held(), [2 * MEMORY_GRAIN_BYTES; 3], "a refused growth is taken back from every counter");
        drop((one, other));
        assert_eq!(held(), [0; 3]);
    }

    #[test]
    fn reservation_near_the_maximum_takes_what_is_left() {
        let budget = MemoryBudget::new(MAX);
        let mut most = budget.reservation(None, None);
        most.grow(MAX - 1).unwrap();
        let mut last = budget.reservation(None, None);
        assert_eq!(last.grow(2), Err(OutOfMemory));
        assert_eq!(last.grow(1), Ok(()));
    }

    #[test]
    fn bytes_that_are_returned_can_be_reserved_again() {
        let budget = MemoryBudget::new(MAX);
        let mut one = budget.reservation(None, None);
        one.grow(MAX).unwrap();
        one.shrink(MAX);
        assert_eq!(one.bytes(), 0);
        assert!(budget.held() <= MEMORY_GRAIN_BYTES);
        one.resize(MAX).unwrap();
        assert_eq!((one.bytes(), budget.held()), (MAX, MAX));
        one.resize(1).unwrap();
        assert_eq!(one.bytes(), 1);
        assert!(budget.held() <= 1 + MEMORY_GRAIN_BYTES);
    }

    #[test]
    fn bytes_that_were_taken_ahead_can_be_split_off_and_are_counted_once() {
        let budget = MemoryBudget::new(MAX);
        let mut one = budget.reservation(None, None);
        one.grow(1).unwrap();
        let mut other = one.spare();
        assert_eq!((one.bytes(), other.bytes(), budget.held()), (1, 0, MEMORY_GRAIN_BYTES));
        other.grow(MEMORY_GRAIN_BYTES - 1).unwrap();
        assert_eq!(budget.held(), MEMORY_GRAIN_BYTES, "they were taken already");
        other.grow(1).unwrap();
        assert_eq!(budget.held(), 2 * MEMORY_GRAIN_BYTES);
        assert_eq!(one.spare().grow(MAX), Err(OutOfMemory), "nothing is left to split off");
        drop(other);
        assert_eq!(budget.held(), 1);
        drop(one);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn budget_is_lowered_by_unreserved_bytes_and_never_to_nothing() {
        let budget = MemoryBudget::new(MAX);
        budget.lower_by(MEMORY_GRAIN_BYTES);
        assert_eq!(budget.reservation(None, None).grow(MAX), Err(OutOfMemory));
        assert_eq!(budget.reservation(None, None).grow(MAX - MEMORY_GRAIN_BYTES), Ok(()));
        budget.lower_by(u64::MAX);
        assert_eq!(budget.reservation(None, None).grow(MEMORY_GRAIN_BYTES), Ok(()));
        budget.lower_by(0);
        assert_eq!(budget.reservation(None, None).grow(MAX), Ok(()));
    }

    #[test]
    fn large_reservations_leave_the_last_quarter_to_small_ones() {
        let budget = MemoryBudget::new(100 * MEMORY_SMALL_BYTES);
        let mut large = budget.reservation(None, None);
        large.grow(75 * MEMORY_SMALL_BYTES).unwrap();
        assert_eq!(large.grow(1), Err(OutOfMemory));
        assert_eq!(budget.reservation(None, None).grow(MEMORY_SMALL_BYTES + 1), Err(OutOfMemory));
        let mut small = Vec::new();
        for _ in 0..25 {
            let mut one = budget.reservation(None, None);
            one.grow(MEMORY_SMALL_BYTES).unwrap();
            small.push(one);
        }
        assert_eq!(budget.reservation(None, None).grow(1), Err(OutOfMemory));
    }

    #[test]
    fn share_is_unused_when_no_reservation_refers_to_it() {
        let budget = MemoryBudget::new(MAX);
        let share = budget.share_of_caller();
        let reservation = budget.reservation(None, Some(&share));
        assert!(!share.is_unused());
        drop(reservation);
        assert!(share.is_unused());
    }
}
