//! What a query or mutation gets of chance and time, so that it can be run again.
//!
//! The same component, arguments, caller, request id and rows give the same bytes with the same seed and at the same instant: on every host of this
//! version, with whatever optimization it was built. Whoever embeds the host keeps both and replays the call with
//! [`Call::replay`](crate::Call::replay). There is no header for it and no field of a call over HTTP: who chooses the seed
//! chooses the identifiers that plugins make, and who chooses the time decides what has expired. An action has none:
//! it reaches servers outside, which nobody can run again.
//!
//! Not part of it is what a plugin keeps in its cache, and what PostgreSQL itself fills in: a sequence, or a
//! column's `DEFAULT now()`. Tests: `tests/determinism.rs`.

use crate::request::random::Seed;
use palisade_guard::clock::Clock;
use palisade_guard::limits::{MOMENT_US_MAX, SECRET_BYTES};

/// A seed and an instant, for [`Call::replay`](crate::Call::replay).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    seed: Seed,
    now: i64,
}

impl Replay {
    /// The present one, with a seed from the operating system: what every call gets that is given none.
    pub fn draw() -> Self {
        Self { seed: Seed::draw(), now: Clock::fixed().now() }
    }

    /// The replay of this seed at this instant, in microseconds since 1970-01-01T00:00:00Z. `None` before that or after the
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
    fn replay_before_1970_or_after_9999_is_none() {
        for instant in [i64::MIN, -1, MOMENT_US_MAX + 1, i64::MAX] {
            assert_eq!(Replay::of([1; SECRET_BYTES], instant), None, "{instant}");
        }
        for instant in [0, MOMENT_US_MAX] {
            let replay = Replay::of([1; SECRET_BYTES], instant).unwrap();
            assert_eq!((replay.seed(), replay.instant_us()), ([1; SECRET_BYTES], instant));
        }
    }

    #[test]
    fn replay_that_is_drawn_is_another_each_time_and_can_be_made_again() {
        let drawn = Replay::draw();
        assert_ne!(drawn.seed(), Replay::draw().seed());
        assert_eq!(Replay::of(drawn.seed(), drawn.instant_us()), Some(drawn));
    }
}
