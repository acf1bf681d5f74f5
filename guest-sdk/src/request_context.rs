//! The request that an invocation is part of.

pub use crate::raw::limits::Usage;
pub use crate::raw::request_context::{Error, RequestInfo};

use crate::raw::request_context as raw;

/// Returns the value that this plugin set under `key` earlier in this request, or `none`.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    raw::get(key)
}

/// Sets `key` to `value` for the rest of this request. An empty value is a value.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    raw::set(key, value.as_ref())
}

/// Returns the request's identity.
pub fn request() -> RequestInfo {
    raw::request()
}

/// Returns the state of each limit that a plugin can act on, sorted by name.
pub fn remaining() -> Vec<Usage> {
    raw::remaining()
}
