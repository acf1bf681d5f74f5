//! Tests `wit/random.wit` through a component. `variables.rs`, which can provoke a race, tests that a retry sees the
//! same bytes.

use crate::harness::{World, call, exceeded, limited};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::limits::{Limit, RANDOM_CALL_BYTES_MAX};
use palisade::{CallError, Host};
use serde_json::{Value, json};
use std::collections::HashSet;

async fn random(host: &Host, function: &str, length: u64) -> Result<Vec<u8>, CallError> {
    let bytes = call(host, "probe", function, json!({ "length": length })).await?;
    Ok(STANDARD.decode(bytes.as_str().unwrap()).unwrap())
}

async fn several(host: &Host, lengths: &[u64]) -> Result<Value, CallError> {
    call(host, "steps", "sequences/random", json!({ "lengths": lengths })).await
}

const BOTH: [&str; 2] = ["reads/random", "effects/random"];

#[tokio::test]
async fn bytes_over_64_kib_in_one_call_return_limit_exceeded() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for function in BOTH {
        for length in [RANDOM_CALL_BYTES_MAX + 1, u64::from(u32::MAX)] {
            let refused = random(&host, function, length).await.map(Value::from);
            assert_eq!(exceeded(refused), ("random-call-bytes".into(), length, RANDOM_CALL_BYTES_MAX));
        }
        for length in [0, 1, RANDOM_CALL_BYTES_MAX] {
            assert_eq!(random(&host, function, length).await.unwrap().len() as u64, length);
        }
    }
}

#[tokio::test]
async fn bytes_over_the_invocation_budget_return_limit_exceeded() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let max = Limit::RandomBytes.default_max();
    let mut lengths = vec![RANDOM_CALL_BYTES_MAX; usize::try_from(max / RANDOM_CALL_BYTES_MAX).unwrap()];
    several(&host, &lengths).await.unwrap();
    lengths.push(1);
    assert_eq!(exceeded(several(&host, &lengths).await), ("random-bytes".into(), max + 1, max));
    several(&host, &lengths[1..]).await.unwrap();
}

#[tokio::test]
async fn bytes_over_the_manifest_limit_return_limit_exceeded() {
    let world = World::new().await;
    let host = world.host_with("steps", limited("random-bytes = \"100 B\"")).await;
    assert_eq!(exceeded(several(&host, &[60, 41]).await), ("random-bytes".into(), 101, 100));
    several(&host, &[60, 40, 0]).await.unwrap();
}

#[tokio::test]
async fn bytes_never_repeat_within_or_between_invocations() {
    let world = World::new().await;
    let host = world.host(&["probe", "steps"]).await;
    let mut seen = HashSet::new();
    for function in BOTH {
        for _ in 0..5 {
            assert!(seen.insert(random(&host, function, 16).await.unwrap()), "{function}");
        }
    }
    let pieces = several(&host, &[16; 10]).await.unwrap();
    for piece in pieces.as_array().unwrap() {
        assert!(seen.insert(STANDARD.decode(piece.as_str().unwrap()).unwrap()));
    }
}
