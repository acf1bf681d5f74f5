//! Errors of requests that a guard refuses.

use super::error::ErrorResponse;
use palisade::Refusal;

/// A guard's refusal as an error response.
pub(super) fn refused(refusal: Refusal) -> ErrorResponse {
    ErrorResponse::own(refusal)
}
