//! Refusals, taken apart: a test says which one it expects in a word.

use palisade::CallError;
use serde_json::Value;

/// The sentence of a refusal that must be the contract's `invalid-argument`.
pub fn invalid(result: Result<Value, CallError>) -> String {
    let refusal = super::returned(result);
    assert_eq!(refusal["tag"], "invalid-argument", "{refusal}");
    refusal["val"].as_str().unwrap().to_owned()
}

/// Name, use and maximum of the limit in a refusal that must be the contract's `limit-exceeded`.
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

/// The reason of a call that must have trapped.
pub fn trapped(result: Result<Value, CallError>) -> String {
    match result {
        Err(CallError::Trapped { reason, .. }) => reason,
        other => panic!("expected a trap, got {other:?}"),
    }
}
