//! Guard of `random`: how many bytes one call may ask for. WASI's random functions have the same guard.
//!
//! Contract: `wit/random.wit`.

use crate::ledger::Exceeded;
use crate::limits::{Limit, Limits};

/// A number of random bytes within the limit of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomLength(usize);

impl RandomLength {
    /// Checks the number of bytes that a call asks for.
    pub fn parse(length: u64, limits: &Limits) -> Result<Self, Exceeded> {
        limits.check(Limit::RandomCallBytes, length)?;
        // Within the limit, so it fits.
        Ok(Self(usize::try_from(length).unwrap_or(usize::MAX)))
    }

    /// The number of bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_over_the_limit_is_rejected_and_at_it_accepted() {
        for (limits, max) in
            [(Limits::default(), 65_536), (Limits::default().with(Limit::RandomCallBytes, 10), 10)]
        {
            assert!(RandomLength::parse(max + 1, &limits).is_err());
            assert_eq!(RandomLength::parse(max, &limits).unwrap().bytes(), usize::try_from(max).unwrap());
        }
    }
}
