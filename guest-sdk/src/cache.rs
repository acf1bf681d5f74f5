//! A cache of bytes, private to the plugin.
//!
//! ```
//! # fn f() -> Result<(), palisade_sdk::Error> {
//! use palisade_sdk::cache::{self, Retention};
//! use std::time::Duration;
//!
//! let keep = Retention::default().ttl(Duration::from_secs(60)).tag("post:1");
//! cache::set("html:1", "<p>…</p>", &keep)?;
//! let html: Option<Vec<u8>> = cache::get("html:1")?;
//! cache::invalidate_tag("post:1")?;
//! # Ok(()) }
//! ```

use std::time::Duration;

pub use crate::raw::cache::{Error, Retention};

use crate::raw::cache as raw;

impl Default for Retention {
    /// Keeps an entry for one hour, without tags.
    fn default() -> Self {
        Self { ttl_ms: None, tags: Vec::new() }
    }
}

impl Retention {
    /// Sets the time until the entry expires: 1 ms to 30 days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl_ms = Some(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds a tag, by which the entry is invalidated together with others.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// Returns the value stored under `key`, or `none` when no entry exists or it has expired.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    raw::get(key)
}

/// Stores `value`, at most 1 MiB, under `key` and replaces any earlier value.
pub fn set(key: &str, value: impl AsRef<[u8]>, retention: &Retention) -> Result<(), Error> {
    raw::set(key, value.as_ref(), retention)
}

/// Removes the entry stored under `key`. Returns `ok` when no such entry exists.
pub fn delete(key: &str) -> Result<(), Error> {
    raw::delete(key)
}

/// Removes every entry of this plugin that has the tag `tag`. The entries are gone when the call returns.
pub fn invalidate_tag(tag: &str) -> Result<(), Error> {
    raw::invalidate_tag(tag)
}
