//! Who calls, and who else there is.

pub use crate::raw::user::{Error, Profile};

use crate::raw::user as raw;

/// Returns the principal on whose behalf the invocation runs, or `none` when the caller is anonymous.
pub fn current() -> Option<Profile> {
    raw::current()
}

/// Returns whether one of the current principal's roles holds `permission`. Needs `user = ["has-permission"]`.
pub fn has_permission(permission: &str) -> Result<bool, Error> {
    raw::has_permission(permission)
}

/// Returns the user whose id is `id`, or `none` when there is none. Needs `user = ["get"]`.
pub fn get(id: &str) -> Result<Option<Profile>, Error> {
    raw::get(id)
}
