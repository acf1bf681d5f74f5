//! Replay: the seed and the instant of a query or mutation, with which it can run again.
//!
//! The same component, arguments, caller, request id and rows give the same bytes with the same seed at the same instant, on
//! every host of this version, whatever its level of optimization. The embedding program keeps seed and instant, and replays
//! the call with [`Call::replay`](crate::Call::replay). No header and no field of an HTTP call can set them: a caller who chose
//! the seed would choose the identifiers that plugins make, and one who chose the time would decide what has expired. An
//! action cannot be replayed, because it reaches external servers.
//!
//! A replay does not cover what a plugin keeps in its cache, nor what PostgreSQL fills in: a sequence, or a column's `DEFAULT
//! now()`. Tests: `tests/determinism/`.

use crate::request::random::Seed;
use palisade_guard::clock::Clock;
use palisade_guard::limits::{REPLAY_US_MAX, SECRET_BYTES};

/// A seed and an instant, for [`Call::replay`](crate::Call::replay).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    seed: Seed,
    now: i64,
}

impl Replay {
    /// The current time and a seed from the operating system, as every call gets by default.
    pub fn draw() -> Self {
        Self { seed: Seed::draw(), now: Clock::fixed().now() }
    }

    /// The replay of this seed at this instant, in microseconds since 1970-01-01T00:00:00Z. `None` if the instant is before
    /// 1970 or after the year 9999, because a plugin may write it to places that cannot hold other years.
    pub fn of(seed: [u8; SECRET_BYTES], instant_us: i64) -> Option<Self> {
        (0..=REPLAY_US_MAX).contains(&instant_us).then_some(Self { seed: Seed::of(seed), now: instant_us })
    }

    /// The seed.
    pub fn seed(&self) -> [u8; SECRET_BYTES] {
        self.seed.bytes()
    }

    /// The instant, in microseconds since 1970-01-01T00:00:00Z.
    pub fn instant_us(&self) -> i64 {
        self.now
    }

    /// A clock that stands still at the instant.
    pub(crate) fn clock(&self) -> Clock {
        Clock::Virtual { now: self.now }
    }

    /// The seed, for a generator.
    pub(crate) fn generator(&self) -> Seed {
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_before_1970_or_after_9999_is_none() {
        for instant in [i64::MIN, -1, REPLAY_US_MAX + 1, i64::MAX] {
            assert_eq!(Replay::of([1; SECRET_BYTES], instant), None, "{instant}");
        }
        for instant in [0, REPLAY_US_MAX] {
            let replay = Replay::of([1; SECRET_BYTES], instant).unwrap();
            assert_eq!((replay.seed(), replay.instant_us()), ([1; SECRET_BYTES], instant));
        }
    }

    #[test]
    fn drawn_replays_differ_and_can_be_made_again() {
        let drawn = Replay::draw();
        assert_ne!(drawn.seed(), Replay::draw().seed());
        assert_eq!(Replay::of(drawn.seed(), drawn.instant_us()), Some(drawn));
    }
}
