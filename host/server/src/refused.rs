//! Errors of requests that a guard refuses.

use super::error::ErrorResponse;
use palisade::{CallError, Refusal};

/// A guard's refusal as an error response.
pub(super) fn refused(refusal: Refusal) -> ErrorResponse {
    CallError::from(refusal).into()
}
