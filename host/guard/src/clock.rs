//! Guard of `clock`: which time a function of each kind may see.
//!
//! Contract: `wit/clock.wit`. The guard takes no guest input. It makes sure that a query or mutation cannot see real
//! time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock of one invocation.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// A clock that stands still.
    Virtual {
        /// Microseconds since 1970.
        now: i64,
    },
    /// A clock that follows real time.
    Real {
        /// When the invocation started.
        started: Instant,
    },
}

impl Clock {
    /// A clock that stands still at the current time.
    pub fn fixed() -> Self {
        Self::Virtual { now: wall() }
    }

    /// A clock that follows real time from now on.
    pub fn running() -> Self {
        Self::Real { started: Instant::now() }
    }

    /// Whether time stands still, so that every wait is over at once.
    pub fn stands_still(&self) -> bool {
        matches!(self, Self::Virtual { .. })
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> i64 {
        match self {
            Self::Virtual { now } => *now,
            Self::Real { .. } => wall(),
        }
    }

    /// Nanoseconds since the invocation started; always 0 for a clock that stands still.
    pub fn monotonic(&self) -> u64 {
        match self {
            Self::Virtual { .. } => 0,
            Self::Real { started } => u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_clock_stands_still() {
        let clock = Clock::fixed();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_eq!((clock.now(), clock.monotonic()), (now, monotonic));
    }

    #[test]
    fn real_clock_moves() {
        let clock = Clock::running();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(clock.now() > now && clock.monotonic() > monotonic);
    }
}
