//! What a guard refuses of a caller's own request.

use super::error::ErrorResponse;
use palisade::{CallError, Refusal};

/// A guard's refusal, as a caller reads it.
pub(super) fn refused(refusal: Refusal) -> ErrorResponse {
    CallError::from(refusal).into()
}
