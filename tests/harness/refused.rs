//! Takes errors apart, so that a test names the expected one in a word.

use palisade::CallError;
use serde_json::Value;

/// The message of an `invalid-argument` error. Panics on anything else.
pub fn invalid(result: Result<Value, CallError>) -> String {
    let refusal = super::returned(result);
    assert_eq!(refusal["tag"], "invalid-argument", "{refusal}");
    refusal["val"].as_str().unwrap().to_owned()
}

/// The name, usage and maximum in a `limit-exceeded` error. Panics on anything else.
pub fn exceeded(result: Result<Value, CallError>) -> (String, u64, u64) {
    let refusal = super::returned(result);
    assert_eq!(refusal["tag"], "limit-exceeded", "{refusal}");
    let usage = &refusal["val"];
    (
        usage["which"].as_str().unwrap().to_owned(),
        usage["used"].as_u64().unwrap(),
        usage["max"].as_u64().unwrap(),
    )
}

/// What is said of a result or an argument that is too large. Panics on anything else.
pub fn oversized(result: Result<Value, CallError>) -> String {
    match result {
        Err(CallError::Oversized { reason, .. }) => reason,
        other => panic!("expected that too much was passed, got {other:?}"),
    }
}

/// The reason of a trap. Panics on anything else.
pub fn trapped(result: Result<Value, CallError>) -> String {
    match result {
        Err(CallError::Trapped { reason, .. }) => reason,
        other => panic!("expected a trap, got {other:?}"),
    }
}
