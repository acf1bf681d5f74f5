//! The slow lane: guests that compute for long continue there, and nothing else changes.

use crate::db::rows::{run, step};
use crate::harness::{EmptyCache, OnGet, World, call, guest};
use crate::logging::Lines;
use async_trait::async_trait;
use futures_util::FutureExt;
use palisade::limits::{
    EPOCH_TICK_MS, JSON_INLINE_BYTES_MAX, SLOW_LANE_CALLS, SLOW_LANE_NICE, SQL_INLINE_BYTES_MAX,
};
use palisade::{Caller, Host, Policy};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

/// A slow cache that records the priority of the thread that calls it.
#[derive(Default)]
struct Priorities(Mutex<Vec<i32>>);

impl Priorities {
    fn taken(&self) -> Vec<i32> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl OnGet for Priorities {
    async fn on_get(&self) {
        self.0.lock().unwrap().push(rustix::process::getpriority_process(None).unwrap());
        tokio::time::sleep(Duration::from_millis(3 * EPOCH_TICK_MS)).await;
    }
}

fn pause() -> Value {
    json!({ "tag": "pause" })
}

/// Longer than two ticks, so that one tick comes after the guest has run for a whole one.
fn spin() -> Value {
    step("spin", 5 * EPOCH_TICK_MS)
}

async fn watched(world: &World) -> (Host, Arc<Priorities>) {
    let priorities = Arc::new(Priorities::default());
    let builder = world
        .builder()
        .cache(Arc::new(EmptyCache(priorities.clone())))
        .plugin(guest("cursors"), Policy::as_asked());
    (builder.build().await.unwrap(), priorities)
}

#[tokio::test]
async fn only_a_guest_that_computes_long_moves_to_the_lowest_priority() {
    let world = World::new().await;
    let (host, priorities) = watched(&world).await;
    let own = rustix::process::getpriority_process(None).unwrap();
    for _ in 0..2 {
        // Time that the host spends on a call does not count as computing.
        run(&host, "acting", &[pause(), pause(), pause()]).await;
        assert_eq!(priorities.taken(), [own, own, own]);
    }
    assert_eq!(run(&host, "acting", &[pause(), spin(), pause()]).await.len(), 3);
    assert_eq!(priorities.taken(), [own, SLOW_LANE_NICE]);
}

#[tokio::test]
async fn long_running_function_starts_in_the_slow_lane_until_it_is_short() {
    let world = World::new().await;
    let (host, priorities) = watched(&world).await;
    let own = rustix::process::getpriority_process(None).unwrap();
    run(&host, "acting", &[spin()]).await;
    for _ in 0..SLOW_LANE_CALLS {
        run(&host, "acting", &[pause()]).await;
        // Each function of a plugin is judged on its own.
        run(&host, "reading", &[pause()]).await;
    }
    run(&host, "acting", &[pause()]).await;
    let mut expected = [SLOW_LANE_NICE, own].repeat(usize::from(SLOW_LANE_CALLS));
    expected.push(own);
    assert_eq!(priorities.taken(), expected);
}

#[tokio::test]
async fn tap_that_gets_a_large_item_starts_in_the_slow_lane() {
    let world = World::new().await;
    let priorities = Arc::new(Priorities::default());
    let builder = world.builder().cache(Arc::new(EmptyCache(priorities.clone())));
    let host = builder.plugin(guest("blog"), Policy::as_asked()).build().await.unwrap();
    let own = rustix::process::getpriority_process(None).unwrap();
    // Both ways: a large item says nothing about how long the tap takes for others.
    for (bytes, priority) in [
        (10, own),
        (JSON_INLINE_BYTES_MAX, SLOW_LANE_NICE),
        (10, own),
        (JSON_INLINE_BYTES_MAX, SLOW_LANE_NICE),
    ] {
        let id = Uuid::now_v7();
        let item = format!(
            "INSERT INTO palisade.items (id, item_type, title, status, fields, revision, created_at, updated_at) \
             VALUES ('{id}', 'post', 't', 'published', json_build_object('body', repeat('x', {bytes})), 1, now(), now())"
        );
        world.sql.batch_execute(&item).await.unwrap();
        host.items(Caller::Anonymous).get(&id.to_string()).await.unwrap();
        assert_eq!(priorities.taken(), [priority], "{bytes}");
    }
}

#[tokio::test]
async fn only_large_arguments_are_converted_away_from_the_thread_that_answers_callers() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let bad = |arguments: Value| host.call("probe", "reads/cache-set").arguments(arguments).into_future();
    let small = json!({ "key": "k", "value": "AAAA", "retention": { "ttlMs": null, "tags": [] }, "no": 0 });
    let mut large = small.clone();
    large["value"] = json!("AAAA".repeat(300_000));
    // Whatever is done on this thread is done in the first poll.
    let error = bad(small).now_or_never().expect("it is refused at once").unwrap_err();
    let mut converting = bad(large);
    assert!((&mut converting).now_or_never().is_none());
    assert_eq!(converting.await.unwrap_err().to_string(), error.to_string());
}

#[tokio::test]
async fn only_a_long_sql_text_is_judged_in_the_slow_lane() {
    let world = World::new().await;
    let (host, priorities) = watched(&world).await;
    let own = rustix::process::getpriority_process(None).unwrap();
    let text = |bytes: usize| step("open-text", format!("{:bytes$}", "SELECT n FROM numbers"));
    // On a busy machine a call may take long for another reason.
    let mut stays = false;
    for _ in 0..10 * SLOW_LANE_CALLS {
        run(&host, "acting", &[text(SQL_INLINE_BYTES_MAX), pause()]).await;
        stays = priorities.taken() == [own];
        if stays {
            break;
        }
    }
    assert!(stays);
    run(&host, "acting", &[text(SQL_INLINE_BYTES_MAX + 1), pause()]).await;
    assert_eq!(priorities.taken(), [SLOW_LANE_NICE]);
}

#[tokio::test]
async fn transaction_survives_a_change_of_lanes_and_commits() {
    let world = World::new().await;
    let (host, priorities) = watched(&world).await;
    let select = step("open-text", "SELECT n FROM numbers ORDER BY n");
    let rest = json!({ "tag": "rest", "val": 0 });
    let steps = [step("insert", 1), spin(), pause(), step("insert", 2), select, rest];
    assert_eq!(run(&host, "acting", &steps).await.last().unwrap(), "1..2 (2)");
    assert_eq!(priorities.taken(), [SLOW_LANE_NICE]);
}

#[tokio::test]
async fn log_records_from_the_slow_lane_go_to_the_callers_log() {
    let world = World::new().await;
    let builder = crate::harness::builder(world.url()).plugin(guest("cursors"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let (lines, _guard) = Lines::capture();
    run(&host, "acting", &[step("log", "before"), spin(), step("log", "after")]).await;
    let messages: Vec<Value> =
        lines.of("palisade::plugin").iter().map(|event| event["fields"]["message"].clone()).collect();
    assert_eq!(messages, ["before", "after"]);
}

#[tokio::test]
async fn call_dropped_in_the_slow_lane_frees_its_place() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    // More calls than the plugin may run in parallel.
    for _ in 0..3 {
        let calls = (0..palisade::limits::PLUGIN_CONCURRENCY_MAX)
            .map(|_| call(&host, "probe", "abuses/spin", json!({})));
        let spinning = futures_util::future::join_all(calls);
        assert!(tokio::time::timeout(Duration::from_millis(500), spinning).await.is_err());
    }
    let answer =
        call(&host, "probe", "reads/log", json!({ "level": "info", "message": "still", "fields": [] }));
    assert_eq!(answer.await.unwrap(), Value::Null);
}
