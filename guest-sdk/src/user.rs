//! Who calls, and who else there is.

pub use crate::raw::user::Profile;

use crate::error::interface_error;
use crate::raw::limits::Usage;
use crate::raw::user as raw;

interface_error! { "user",
    /// An identifier or permission is not of the form this interface asks for.
    InvalidArgument(rule: String),
    /// The invocation's budget of statements is used up.
    LimitExceeded(usage: Usage),
    /// The user store is out of reach.
    Other(detail: String),
}

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
