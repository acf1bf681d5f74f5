//! Guard of `random`: how much.
//!
//! Contract: `wit/random.wit`.

use crate::ledger::{Exceeded, Ledger};
use crate::limits::{Limit, RANDOM_CALL_BYTES_MAX};

/// A number of random bytes that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomLength(usize);

impl RandomLength {
    /// Checks one call's length and spends it.
    pub fn parse(length: u32, ledger: &mut Ledger) -> Result<Self, Exceeded> {
        let used = u64::from(length);
        if used > RANDOM_CALL_BYTES_MAX {
            return Err(Exceeded { limit: Limit::RandomBytes, used, max: RANDOM_CALL_BYTES_MAX });
        }
        ledger.spend(Limit::RandomBytes, used)?;
        Ok(Self(length as usize))
    }

    /// The length in bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn length_over_a_bound_is_refused() {
        let mut ledger = Ledger::new(Limits::default().with(Limit::RandomBytes, 100_000));
        assert!(RandomLength::parse(65_537, &mut ledger).is_err());
        assert!(RandomLength::parse(65_536, &mut ledger).is_ok());
        assert!(RandomLength::parse(34_465, &mut ledger).is_err());
        assert!(RandomLength::parse(34_464, &mut ledger).is_ok());
        assert_eq!(RandomLength::parse(0, &mut ledger).unwrap().bytes(), 0);
    }

    #[test]
    fn length_is_the_bytes_that_were_asked_for() {
        let mut ledger = Ledger::new(Limits::default());
        assert_eq!(RandomLength::parse(65_536, &mut ledger).unwrap().bytes(), 65_536);
    }
}
