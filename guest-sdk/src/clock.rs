//! The current time.

use std::time::Duration;

pub use crate::raw::clock::Instant;

/// Returns the current time. In a query or mutation, every call returns the same value. The unit is microseconds since
/// 1970-01-01T00:00:00Z.
pub fn now() -> Instant {
    crate::raw::clock::now()
}

/// Returns the nanoseconds since the invocation started. The value never decreases; in a query or mutation it is always
/// 0.
pub fn monotonic() -> Duration {
    Duration::from_nanos(crate::raw::clock::monotonic())
}
