//! Tests `wit/request-context.wit` through a component.

use crate::harness::{World, call, exceeded, invalid, limited};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::guard::request_context::RequestId;
use palisade::limits::{CONTEXT_KEY_BYTES_MAX, Limit, REQUEST_ID_BYTES_MAX};

const CONTEXT_BYTES_MAX: u64 = Limit::ContextBytes.default_max();
const CONTEXT_ENTRIES_MAX: u64 = Limit::ContextEntries.default_max();
use palisade::{CallError, Caller, Host};
use serde_json::{Value, json};

async fn set_then_get(host: &Host, key: &str, value: &[u8]) -> Result<Value, CallError> {
    let arguments = json!({ "key": key, "value": STANDARD.encode(value) });
    call(host, "steps", "sequences/context-set-then-get", arguments).await
}

async fn fill(host: &Host, count: u64, bytes: u64) -> Result<Value, CallError> {
    call(host, "steps", "sequences/context-fill", json!({ "count": count, "bytes": bytes })).await
}

/// The `used` and `max` of one limit.
fn state(remaining: &Value, which: &str) -> Option<(u64, u64)> {
    let usage = remaining.as_array().unwrap().iter().find(|usage| usage["which"] == which)?;
    Some((usage["used"].as_u64().unwrap(), usage["max"].as_u64().unwrap()))
}

async fn item(host: &Host, id: &str) {
    let draft = Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::empty(),
    };
    host.items(Caller::Host).request(RequestId::parse(id).unwrap()).create(draft).await.unwrap();
}

#[tokio::test]
async fn malformed_key_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe", "steps"]).await;
    let (long, longest) = ("k".repeat(CONTEXT_KEY_BYTES_MAX + 1), "k".repeat(CONTEXT_KEY_BYTES_MAX));
    for key in ["", "a\0", "a\nb", "\u{9b}", &long] {
        assert!(invalid(set_then_get(&host, key, b"v").await).contains("128 bytes"), "{key:?}");
        invalid(call(&host, "probe", "reads/context-get", json!({ "key": key })).await);
    }
    for key in ["k", "probe:k", " ", "☃", &longest] {
        assert_eq!(set_then_get(&host, key, b"v").await.unwrap(), json!(STANDARD.encode("v")));
    }
}

#[tokio::test]
async fn empty_value_is_a_value_and_an_unset_key_is_none() {
    let world = World::new().await;
    let host = world.host(&["probe", "steps"]).await;
    assert_eq!(call(&host, "probe", "reads/context-get", json!({ "key": "k" })).await.unwrap(), Value::Null);
    assert_eq!(set_then_get(&host, "k", b"").await.unwrap(), json!(""));
}

#[tokio::test]
async fn context_over_64_kib_or_64_entries_returns_limit_exceeded() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    // Keys have one byte, which counts toward the limit.
    let most = CONTEXT_BYTES_MAX / CONTEXT_ENTRIES_MAX - 1;
    assert_eq!(
        exceeded(fill(&host, 1, CONTEXT_BYTES_MAX).await),
        ("context-bytes".into(), CONTEXT_BYTES_MAX + 1, CONTEXT_BYTES_MAX)
    );
    assert_eq!(exceeded(fill(&host, 64, most + 1).await).0, "context-bytes");
    assert_eq!(
        exceeded(fill(&host, 65, 0).await),
        ("context-entries".into(), CONTEXT_ENTRIES_MAX + 1, CONTEXT_ENTRIES_MAX)
    );
    fill(&host, 1, CONTEXT_BYTES_MAX - 1).await.unwrap();
    fill(&host, 64, most).await.unwrap();
}

#[tokio::test]
async fn context_over_the_manifest_limit_returns_limit_exceeded() {
    let world = World::new().await;
    let host = world.host_with("steps", limited("context-entries = 2\ncontext-bytes = \"10 B\"")).await;
    assert_eq!(exceeded(fill(&host, 3, 0).await), ("context-entries".into(), 3, 2));
    assert_eq!(exceeded(fill(&host, 2, 5).await), ("context-bytes".into(), 12, 10));
    fill(&host, 2, 4).await.unwrap();
}

#[tokio::test]
async fn remaining_counts_what_the_context_holds() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let remaining = fill(&host, 3, 9).await.unwrap();
    assert_eq!(state(&remaining, "context-entries"), Some((3, CONTEXT_ENTRIES_MAX)));
    assert_eq!(state(&remaining, "context-bytes"), Some((30, CONTEXT_BYTES_MAX)));
}

#[tokio::test]
async fn remaining_lists_time_limits_only_in_actions() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("db-rows = 5\naction-time = \"4 min\"")).await;
    let times = ["action-time", "guest-time", "wall-time"];
    let query = call(&host, "probe", "reads/remaining", json!({})).await.unwrap();
    let action = call(&host, "probe", "effects/remaining", json!({})).await.unwrap();
    for remaining in [&query, &action] {
        let names: Vec<&str> =
            remaining.as_array().unwrap().iter().map(|usage| usage["which"].as_str().unwrap()).collect();
        assert!(names.is_sorted() && names.iter().all(|name| name.len() <= 40), "{names:?}");
        assert_eq!(state(remaining, "db-rows"), Some((0, 5)));
        assert_eq!(state(remaining, "host-calls").unwrap().0, 1);
        assert!(state(remaining, "memory").unwrap().0 > 0);
    }
    assert!(times.iter().all(|time| state(&query, time).is_none()));
    assert_eq!(state(&action, "action-time").unwrap().1, 240_000);
    assert!(state(&action, "guest-time").is_some());
    assert_eq!(
        call(&host, "probe", "reads/remaining", json!({})).await.unwrap(),
        query,
        "the same call returns the same bytes"
    );
}

#[tokio::test]
async fn request_reports_its_id_the_plugin_and_the_version() {
    let world = World::new().await;
    let host = world.twins("probe").await;
    let longest = "!".repeat(REQUEST_ID_BYTES_MAX);
    for (plugin, id) in [("probe", "request-1"), ("other", &longest)] {
        let request = RequestId::parse(id).unwrap();
        let outcome = host.call(plugin, "reads/request").request(request).await.unwrap();
        assert_eq!(outcome.value, json!({ "id": id, "plugin": plugin, "version": "0.1.0" }));
    }
    let mut made = Vec::new();
    for _ in 0..2 {
        made.push(
            call(&host, "probe", "reads/request", json!({})).await.unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert!(made[0] != made[1] && made.iter().all(|id| RequestId::parse(id).is_some()), "{made:?}");
}

#[tokio::test]
async fn value_is_shared_within_one_request_and_gone_after_it() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    for id in ["first", "second"] {
        item(&host, id).await;
        let entries: Vec<_> = world.log.all().into_iter().filter(|entry| entry.request == id).collect();
        let messages: Vec<&str> = entries.iter().map(|entry| &*entry.message).collect();
        let found = [r"presave found None", r#"changed found Some("steps")"#, r#"view found Some("steps")"#];
        assert_eq!(messages, found, "{id}");
    }
    // A second request with the same id does not share the first one's context.
    item(&host, "first").await;
    assert_eq!(world.log.messages().iter().filter(|message| *message == "presave found None").count(), 3);
}

#[tokio::test]
async fn context_of_another_plugin_in_the_same_request_is_not_visible() {
    let world = World::new().await;
    let host = world.twins("steps").await;
    item(&host, "shared").await;
    let mut found: Vec<(String, String)> =
        world.log.all().into_iter().map(|entry| (entry.plugin, entry.message)).collect();
    found.sort();
    let expected = |plugin: &str| {
        [
            format!("changed found Some({plugin:?})"),
            "presave found None".into(),
            format!("view found Some({plugin:?})"),
        ]
        .map(|message| (plugin.to_owned(), message))
    };
    assert_eq!(found, [expected("other"), expected("steps")].concat());
}
