//! Guard of `rows.next`: how many rows one call may return.

use crate::limits::DB_BATCH_ROWS_MAX;
use crate::refusal::Refusal;

/// A number of rows from 1 to [`DB_BATCH_ROWS_MAX`].
#[derive(Clone, Copy, Debug)]
pub struct BatchSize(u32);

impl BatchSize {
    /// Checks a number of rows.
    pub fn parse(max: u32) -> Result<Self, Refusal> {
        if max == 0 || max > DB_BATCH_ROWS_MAX {
            return Err(Refusal::Invalid(format!("max is 1 to {DB_BATCH_ROWS_MAX} rows")));
        }
        Ok(Self(max))
    }

    /// The number of rows.
    pub fn rows(self) -> u32 {
        self.0
    }
}
