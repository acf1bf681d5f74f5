//! What a query or mutation meets of chance and of time, so that it can be run again.
//!
//! The same component, arguments, caller, request id and rows give the same bytes at the same moment: on every host of this
//! version, with whatever optimization it was built. Whoever embeds the host keeps the moment of a call and replays it with
//! [`Host::call_at`](crate::Host::call_at). There is no header for it and no field of a call over HTTP: who chooses the seed
//! chooses the identifiers that plugins make, and who chooses the time decides what has expired. An action has no moment:
//! it meets servers outside, which nobody can run again.
//!
//! Not part of a moment is what a plugin keeps in its cache, and what PostgreSQL itself fills in: a sequence, or a
//! column's `DEFAULT now()`. Tests: `tests/determinism.rs`.

use crate::guard::clock::Clock;
use crate::limits::{MOMENT_US_MAX, SECRET_BYTES};
use crate::random::Seed;

/// A seed and an instant, for [`Host::call_at`](crate::Host::call_at).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    seed: Seed,
    now: i64,
}

impl Moment {
    /// The present one, with a seed from the operating system: what every call gets that is given none.
    pub fn draw() -> Self {
        Self { seed: Seed::draw(), now: Clock::fixed().now() }
    }

    /// The moment of this seed at this instant, in microseconds since 1970-01-01T00:00:00Z. `None` before that or after the
    /// year 9999, which not every place that a plugin can write an instant to can hold.
    pub fn of(seed: [u8; SECRET_BYTES], instant_us: i64) -> Option<Self> {
        (0..=MOMENT_US_MAX).contains(&instant_us).then_some(Self { seed: Seed::of(seed), now: instant_us })
    }

    /// What its randomness follows from.
    pub fn seed(&self) -> [u8; SECRET_BYTES] {
        self.seed.bytes()
    }

    /// What its clock says, in microseconds since 1970-01-01T00:00:00Z.
    pub fn instant_us(&self) -> i64 {
        self.now
    }

    /// Its clock, which stands still.
    pub(crate) fn clock(&self) -> Clock {
        Clock::Virtual { now: self.now }
    }

    /// Its seed, for a generator.
    pub(crate) fn generator(&self) -> Seed {
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_before_1970_or_after_9999_is_none() {
        for instant in [i64::MIN, -1, MOMENT_US_MAX + 1, i64::MAX] {
            assert_eq!(Moment::of([1; SECRET_BYTES], instant), None, "{instant}");
        }
        for instant in [0, MOMENT_US_MAX] {
            let moment = Moment::of([1; SECRET_BYTES], instant).unwrap();
            assert_eq!((moment.seed(), moment.instant_us()), ([1; SECRET_BYTES], instant));
        }
    }

    #[test]
    fn moment_that_is_drawn_is_another_each_time_and_can_be_made_again() {
        let drawn = Moment::draw();
        assert_ne!(drawn.seed(), Moment::draw().seed());
        assert_eq!(Moment::of(drawn.seed(), drawn.instant_us()), Some(drawn));
    }
}
