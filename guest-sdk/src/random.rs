//! Random bytes.

pub use crate::raw::random::Error;

use crate::raw::random as raw;

/// Returns `length` random bytes; 0 returns an empty list. In a query or mutation, they must not be used for secrets.
pub fn bytes(length: u32) -> Result<Vec<u8>, Error> {
    raw::bytes(length)
}

/// Returns `N` random bytes as an array.
pub fn array<const N: usize>() -> Result<[u8; N], Error> {
    let length = u32::try_from(N).unwrap_or(u32::MAX);
    let short =
        |bytes: Vec<u8>| Error::Other(format!("the host returned {} bytes instead of {N}", bytes.len()));
    bytes(length)?.try_into().map_err(short)
}
