//! The current principal, and other users.

pub use crate::raw::user::{Error, Profile};

use crate::raw::user as raw;

/// Returns the principal on whose behalf the invocation runs, or `none` when the caller is anonymous.
pub fn current() -> Option<Profile> {
    raw::current()
}

/// Returns whether one of the current principal's roles has `permission`. Needs `user = ["has-permission"]`.
pub fn has_permission(permission: &str) -> Result<bool, Error> {
    raw::has_permission(permission)
}

/// Returns the user whose id is `id`, or `none` when no such user exists. Needs `user = ["get"]`.
pub fn get(id: &str) -> Result<Option<Profile>, Error> {
    raw::get(id)
}
