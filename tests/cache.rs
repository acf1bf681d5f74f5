//! Tests `wit/cache.wit` through a component.

use crate::harness::{World, call, exceeded, guest, invalid, limited, returned};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::guard::cache::CacheKey;
use palisade::guard::name::PluginName;
use palisade::limits::{
    CACHE_ENTRY_OVERHEAD_BYTES, CACHE_KEY_BYTES_MAX, CACHE_PLUGIN_BYTES_MAX, CACHE_TAG_BYTES_MAX,
    CACHE_TAG_OVERHEAD_BYTES, CACHE_TAGS_MAX, CACHE_TTL_MAX_MS, CACHE_VALUE_BYTES_MAX,
};
use palisade::store::CacheStore;
use palisade::store::InProcessCache;
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn set(
    host: &Host,
    plugin: &str,
    key: &str,
    value: &[u8],
    retention: Value,
) -> Result<Value, CallError> {
    let arguments = json!({ "key": key, "value": STANDARD.encode(value), "retention": retention });
    call(host, plugin, "reads/cache-set", arguments).await
}

async fn get(host: &Host, plugin: &str, key: &str) -> Option<Vec<u8>> {
    let found = call(host, plugin, "reads/cache-get", json!({ "key": key })).await.unwrap();
    found.as_str().map(|text| STANDARD.decode(text).unwrap())
}

async fn invalidate(host: &Host, plugin: &str, tag: &str) {
    call(host, plugin, "reads/cache-invalidate-tag", json!({ "tag": tag })).await.unwrap();
}

fn tagged(tags: &[&str]) -> Value {
    json!({ "tags": tags })
}

fn lasting(ttl_ms: u64) -> Value {
    json!({ "ttlMs": ttl_ms.to_string(), "tags": [] })
}

#[tokio::test]
async fn malformed_key_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let long = "x".repeat(CACHE_KEY_BYTES_MAX + 1);
    for key in ["", "a\0b", "a\nb", "\u{1b}[0m", "\u{85}", &long] {
        let arguments = || json!({ "key": key });
        assert!(invalid(set(&host, "probe", key, b"v", tagged(&[])).await).contains("512 bytes"), "{key:?}");
        assert!(
            invalid(call(&host, "probe", "reads/cache-get", arguments()).await)
                .contains("control characters")
        );
        assert!(invalid(call(&host, "probe", "reads/cache-delete", arguments()).await).contains("cache key"));
    }
    let longest = "x".repeat(CACHE_KEY_BYTES_MAX);
    for key in ["k", "../other", "other:k", "ключ ☃", &longest] {
        set(&host, "probe", key, b"v", tagged(&[])).await.unwrap();
        assert_eq!(get(&host, "probe", key).await.unwrap(), b"v", "{key:?}");
    }
}

#[tokio::test]
async fn malformed_tag_is_rejected_and_stores_nothing() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (long, longest) = ("x".repeat(CACHE_TAG_BYTES_MAX + 1), "x".repeat(CACHE_TAG_BYTES_MAX));
    for tag in ["", "a\0", "a\n", &long] {
        invalid(set(&host, "probe", "k", b"v", tagged(&["good", tag])).await);
        invalid(call(&host, "probe", "reads/cache-invalidate-tag", json!({ "tag": tag })).await);
    }
    let many: Vec<String> = (0..=CACHE_TAGS_MAX).map(|tag| tag.to_string()).collect();
    assert!(invalid(set(&host, "probe", "k", b"v", json!({ "tags": many })).await).contains("16 tags"));
    assert_eq!(get(&host, "probe", "k").await, None);

    set(&host, "probe", "k", b"v", json!({ "tags": many[1..] })).await.unwrap();
    set(&host, "probe", "l", b"v", tagged(&[&longest])).await.unwrap();
    invalidate(&host, "probe", &longest).await;
    assert_eq!(
        (get(&host, "probe", "k").await.as_deref(), get(&host, "probe", "l").await),
        (Some(&b"v"[..]), None)
    );
}

#[tokio::test]
async fn ttl_out_of_range_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for ttl_ms in [0, CACHE_TTL_MAX_MS + 1, u64::MAX] {
        assert!(
            invalid(set(&host, "probe", "k", b"v", lasting(ttl_ms)).await).contains("30 days"),
            "{ttl_ms}"
        );
    }
    assert_eq!(get(&host, "probe", "k").await, None);
    for ttl_ms in [1, CACHE_TTL_MAX_MS] {
        set(&host, "probe", "k", b"v", lasting(ttl_ms)).await.unwrap();
    }
    assert_eq!(get(&host, "probe", "k").await.unwrap(), b"v");
}

#[tokio::test]
async fn entry_expires_after_its_ttl_and_others_stay() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    set(&host, "probe", "short", b"v", lasting(30)).await.unwrap();
    set(&host, "probe", "renewed", b"v", lasting(30)).await.unwrap();
    set(&host, "probe", "renewed", b"w", lasting(60_000)).await.unwrap();
    set(&host, "probe", "default", b"v", tagged(&[])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(get(&host, "probe", "short").await, None);
    assert_eq!(get(&host, "probe", "renewed").await.unwrap(), b"w");
    assert_eq!(get(&host, "probe", "default").await.unwrap(), b"v");
}

#[tokio::test]
async fn value_over_1_mib_returns_limit_exceeded_and_stores_nothing() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let fill =
        |bytes: u64| call(&host, "steps", "sequences/cache-fill", json!({ "key": "k", "bytes": bytes }));
    let over = CACHE_VALUE_BYTES_MAX + 1;
    assert_eq!(exceeded(fill(over).await), ("cache-value-bytes".into(), over, CACHE_VALUE_BYTES_MAX));
    fill(CACHE_VALUE_BYTES_MAX).await.unwrap();
}

#[tokio::test]
async fn cache_bytes_over_the_manifest_limit_return_limit_exceeded() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("cache-bytes = \"2000 B\"")).await;
    let value = |bytes: u64| vec![7; usize::try_from(bytes).unwrap()];
    let overhead = CACHE_ENTRY_OVERHEAD_BYTES + CACHE_TAG_OVERHEAD_BYTES;
    let fits = 2_000 - overhead - "key".len() as u64 - "tag".len() as u64;
    let over = set(&host, "probe", "key", &value(fits + 1), tagged(&["tag"])).await;
    assert_eq!(exceeded(over), ("cache-bytes".into(), 2_001, 2_000));
    assert_eq!(get(&host, "probe", "key").await, None);
    set(&host, "probe", "key", &value(fits), tagged(&["tag"])).await.unwrap();
    assert_eq!(get(&host, "probe", "key").await.unwrap(), value(fits));
}

#[tokio::test]
async fn full_cache_evicts_least_recently_used_entries() {
    let world = World::new().await;
    let store = Arc::new(InProcessCache::default());
    let shared = world
        .builder()
        .cache(store.clone())
        .plugin(guest("steps"), Policy::as_asked())
        .build()
        .await
        .unwrap();
    let key = |index: u64| CacheKey::parse(&PluginName::parse("steps").unwrap(), index.to_string()).unwrap();
    let fill = |index: u64| {
        let arguments = json!({ "key": index.to_string(), "bytes": CACHE_VALUE_BYTES_MAX });
        call(&shared, "steps", "sequences/cache-fill", arguments)
    };
    // Each entry has an overhead beside its value, so one entry fewer fits than the share divided by the size of a
    // value.
    let fitting = CACHE_PLUGIN_BYTES_MAX / CACHE_VALUE_BYTES_MAX - 1;
    for index in 0..fitting {
        fill(index).await.unwrap();
    }
    // The first entry is read again and again, so the least recently used one is another.
    for _ in 0..20 {
        assert!(store.get(&key(0)).await.unwrap().is_some());
    }
    for index in 1..fitting {
        for _ in 0..3 {
            assert!(store.get(&key(index)).await.unwrap().is_some(), "{index}");
        }
    }
    assert!(store.get(&key(0)).await.unwrap().is_some());
    fill(fitting).await.unwrap();
    assert!(store.get(&key(fitting)).await.unwrap().is_some(), "a new entry is always accepted");
    assert!(store.get(&key(0)).await.unwrap().is_some(), "the entry used last stays");
    assert!(store.get(&key(1)).await.unwrap().is_none(), "the least recently used entry is evicted");
}

#[tokio::test]
async fn invalidated_tag_removes_exactly_the_entries_that_carry_it() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    // The old entry expires before the key is set again. Removing it from the index must not remove the new one.
    set(&host, "probe", "again", b"old", json!({ "ttlMs": 5, "tags": ["t"] })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    set(&host, "probe", "again", b"new", tagged(&["t"])).await.unwrap();
    // Set twice with the same tag, then once without it.
    set(&host, "probe", "twice", b"1", tagged(&["t"])).await.unwrap();
    set(&host, "probe", "twice", b"2", tagged(&["u", "t", "t"])).await.unwrap();
    set(&host, "probe", "freed", b"1", tagged(&["t"])).await.unwrap();
    set(&host, "probe", "freed", b"2", tagged(&["u"])).await.unwrap();
    set(&host, "probe", "prefix", b"1", tagged(&["tt", "T", "t "])).await.unwrap();
    invalidate(&host, "probe", "t").await;
    for key in ["again", "twice"] {
        assert_eq!(get(&host, "probe", key).await, None, "{key}");
    }
    for key in ["freed", "prefix"] {
        assert!(get(&host, "probe", key).await.is_some(), "{key}");
    }
    invalidate(&host, "probe", "t").await;
}

#[tokio::test]
async fn cache_entry_of_another_plugin_is_not_visible() {
    let world = World::new().await;
    let host = world.twins("probe").await;
    set(&host, "probe", "k", b"mine", tagged(&["t"])).await.unwrap();
    assert_eq!(get(&host, "other", "k").await, None);
    set(&host, "other", "k", b"theirs", tagged(&["t"])).await.unwrap();
    call(&host, "other", "reads/cache-delete", json!({ "key": "k" })).await.unwrap();
    set(&host, "other", "l", b"theirs", tagged(&["t"])).await.unwrap();
    invalidate(&host, "other", "t").await;
    assert_eq!(get(&host, "probe", "k").await.unwrap(), b"mine");
    assert_eq!(get(&host, "other", "l").await, None);
}

#[tokio::test]
async fn entry_is_shared_by_invocations_and_can_be_replaced_and_removed() {
    let world = World::new().await;
    let store = Arc::new(InProcessCache::default());
    let host = world
        .builder()
        .cache(store.clone())
        .plugin(guest("probe"), Policy::as_asked())
        .build()
        .await
        .unwrap();
    let key = CacheKey::parse(&PluginName::parse("probe").unwrap(), "k".into()).unwrap();
    for value in [&b"first"[..], b"", b"\0\xff"] {
        set(&host, "probe", "k", value, tagged(&[])).await.unwrap();
        assert_eq!(get(&host, "probe", "k").await.as_deref(), Some(value));
        assert_eq!(store.get(&key).await.unwrap().unwrap().value(), value);
    }
    for _ in 0..2 {
        call(&host, "probe", "reads/cache-delete", json!({ "key": "k" })).await.unwrap();
        assert_eq!(get(&host, "probe", "k").await, None);
    }
    assert!(store.get(&key).await.unwrap().is_none());
}

#[tokio::test]
async fn failed_mutation_keeps_its_cache_writes() {
    let world = World::new().await;
    let store = Arc::new(InProcessCache::default());
    let host = world
        .builder()
        .cache(store.clone())
        .plugin(guest("steps"), Policy::as_asked())
        .build()
        .await
        .unwrap();
    let failed = call(&host, "steps", "sequences/cache-then-fail", json!({ "key": "k" })).await;
    assert_eq!(returned(failed), json!("failed after the set"));
    let key = CacheKey::parse(&PluginName::parse("steps").unwrap(), "k".into()).unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap().value(), b"kept");
}
