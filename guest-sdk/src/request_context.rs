//! The current request, and values that a plugin keeps for its duration.

pub use crate::raw::limits::Usage;
pub use crate::raw::request_context::{Error, RequestInfo};

use crate::raw::request_context as raw;

/// Returns the value that this plugin set under `key` earlier in this request, or `none`.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    raw::get(key)
}

/// Sets `key` to `value` for the rest of this request. An empty value is stored like any other.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    raw::set(key, value.as_ref())
}

/// Returns the id of the request, and the name and version of this plugin.
pub fn request() -> RequestInfo {
    raw::request()
}

/// Returns the use of each limit that a plugin can act on, sorted by name.
pub fn remaining() -> Vec<Usage> {
    raw::remaining()
}
