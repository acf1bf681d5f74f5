//! Recording: what a finished call needs to run again, for a program that keeps calls. Test: `tests/command/record.rs`.

use super::replay::Replay;
use crate::error::CallError;
use crate::value::Integers;
use palisade_guard::caller::Caller;
use palisade_guard::request_context::RequestId;
use serde_json::Value;

/// A finished query or mutation. With the same rows, [`Call::replay`](crate::Call::replay) gives the same outcome to the byte.
/// The caller's token is not part of it, and no secret of the operator's is.
#[derive(Debug)]
pub struct RecordedCall<'a> {
    /// The plugin.
    pub plugin: &'a str,
    /// Its version.
    pub version: &'a str,
    /// `interface/function`.
    pub function: &'a str,
    /// The arguments, as the caller sent them.
    pub arguments: &'a Value,
    /// The caller.
    pub caller: &'a Caller,
    /// The request's id.
    pub request: &'a RequestId,
    /// The seed and the instant.
    pub replay: Replay,
    /// How 64-bit integers are written in the outcome.
    pub integers: Integers,
    /// What the call returned.
    pub outcome: Result<&'a Value, &'a CallError>,
}

/// Keeps calls. It is called at the end of each query and mutation whose arguments fit, with arguments of at most
/// [`JSON_INLINE_BYTES_MAX`](palisade_guard::limits::JSON_INLINE_BYTES_MAX) bytes, before the caller has the answer, so it must not
/// wait.
pub trait CallRecorder: Send + Sync {
    /// Keeps one call.
    fn record(&self, call: &RecordedCall<'_>);
}
