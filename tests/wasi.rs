//! Components with a real standard library: WASI exists but gives access to nothing.

use crate::harness::{World, call, trapped};
use palisade::limits::RANDOM_CALL_BYTES_MAX;
use serde_json::json;

#[tokio::test]
async fn std_guest_reaches_nothing_through_wasi() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let attempts = [
        "file",
        "list",
        "write",
        "environment",
        "arguments",
        "stdin",
        "connect",
        "listen",
        "resolve",
        "process",
    ];
    for what in attempts {
        let found = call(&host, "wasi", "attempts/reach", json!({ "what": what })).await;
        assert!(matches!(found, Err(palisade::CallError::Returned(_))), "{what}: {found:?}");
    }
    assert!(!std::path::Path::new("/tmp/palisade-was-here").exists());
}

#[tokio::test]
async fn std_guest_prints_to_the_log_within_its_budget() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    call(&host, "wasi", "attempts/print", json!({ "text": "one\ntwo \u{1b}[31m" })).await.unwrap();
    let messages = world.log.messages();
    assert!(messages.contains(&"one".to_owned()), "{messages:?}");
    assert!(messages.contains(&"two \\u{1b}[31m".to_owned()), "{messages:?}");
    assert!(world.log.all().iter().all(|entry| entry.plugin == "wasi"));
}

#[tokio::test]
async fn std_guest_sees_virtual_time_in_a_query_and_real_time_in_an_action() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let clocks = call(&host, "wasi", "attempts/clocks", json!({})).await.unwrap();
    assert_eq!(clocks[1], 0, "time stands still in a query");
    assert!(clocks[0].as_u64().unwrap() > 1_600_000_000_000_000_000_u64, "{clocks}");
    let clocks = call(&host, "wasi", "actions/clocks", json!({})).await.unwrap();
    assert!(clocks[1].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn std_guest_hash_order_follows_the_invocation_seed() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..20 {
        orders.insert(call(&host, "wasi", "attempts/order", json!({})).await.unwrap().to_string());
    }
    assert!(orders.len() > 1, "each invocation has its own seed");
}

#[tokio::test]
async fn std_guest_over_the_random_byte_limit_of_one_call_is_stopped() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    for function in ["attempts/random", "actions/random"] {
        for length in [RANDOM_CALL_BYTES_MAX + 1, 16 * RANDOM_CALL_BYTES_MAX] {
            trapped(call(&host, "wasi", function, json!({ "length": length })).await);
        }
        let filled = call(&host, "wasi", function, json!({ "length": RANDOM_CALL_BYTES_MAX })).await.unwrap();
        assert!(filled.as_u64().unwrap() > RANDOM_CALL_BYTES_MAX / 2, "{function}: {filled}");
    }
}
