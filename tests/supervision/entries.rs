//! What a failure says, and about what: each entry of a plugin is judged by itself, and no single caller, item or oversized
//! result takes an entry from everybody.

use super::{assert_quarantined, create, panics, quarantine, status, wait_out_quarantine};
use crate::harness::{World, altered, call, call_as, guest, limited, oversized, trapped};
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, Item, ItemScope, ItemType, Status, Title};
use palisade::guard::user::Permission;
use palisade::limits::{
    BREAKER_ANSWER_MS, BREAKER_FAILURES, ITEM_FIELDS_BYTES_MAX, PROBE_FAILURES, PROBE_MS,
};
use palisade::{CallError, Caller, Host, Policy, ServingStatus};
use serde_json::{Value, json};
use std::time::Duration;

/// Reads of other items that must be served while one item's tap fails.
const OTHER_READS: usize = 885;

/// Memory that the probe is not granted, and memory that it is: a function that fails for some callers and answers others.
const TOO_MUCH: u64 = 200_000_000;
const ENOUGH: u64 = 1_000;

async fn allocate(host: &Host, bytes: u64, caller: Caller) -> Result<Value, CallError> {
    call_as(host, "probe", "abuses/allocate", json!({ "bytes": bytes }), caller).await
}

fn entries(host: &Host, plugin: &str) -> Vec<(String, String)> {
    let statuses = host.statuses();
    let status = statuses.iter().find(|status| status.name == plugin).unwrap();
    status.entries.iter().map(|entry| (entry.entry.clone(), entry.callers.clone())).collect()
}

/// Makes different anonymous requests fail until the function is quarantined for anonymous callers.
async fn take_from_anonymous(host: &Host) {
    for number in 0..u64::from(BREAKER_FAILURES) {
        allocate(host, TOO_MUCH + number, Caller::Anonymous).await.unwrap_err();
    }
    let quarantined = [("abuses/allocate".to_owned(), "anonymous".to_owned())];
    assert_eq!(entries(host, "probe"), quarantined);
}

#[tokio::test]
async fn quarantine_of_a_function_leaves_other_functions_and_taps_served() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    quarantine(&host).await;
    assert_quarantined(panics(&host).await);
    call(&host, "probe", "reads/now", json!({})).await.unwrap();
    allocate(&host, ENOUGH, Caller::Anonymous).await.unwrap();
    assert_eq!(entries(&host, "probe"), [("abuses/panic".to_owned(), "anonymous".to_owned())]);

    let taps = world.host(&["taps"]).await;
    let mut items = Vec::new();
    for _ in 0..BREAKER_FAILURES {
        items.push(create(&taps, json!({})).await.unwrap());
    }
    world.sql.batch_execute("UPDATE palisade.items SET fields = '{\"view\": \"trap\"}'").await.unwrap();
    // The tap has just answered.
    tokio::time::sleep(Duration::from_millis(BREAKER_ANSWER_MS)).await;
    for item in &items {
        let read = taps.items(Caller::Host).get(&item.id.to_string()).await;
        assert!(matches!(read, Err(CallError::Trapped { .. })), "{read:?}");
    }
    assert_quarantined(taps.items(Caller::Host).get(&items[0].id.to_string()).await);
    assert_eq!(entries(&taps, "taps"), [("tap-item-view".to_owned(), "known".to_owned())]);
    // The view tap alone is quarantined, so that the write goes through, and its item is shown without fields.
    let written = create(&taps, json!({ "presave": "append:x" })).await.unwrap();
    assert_eq!(written.fields.to_value(), json!({}));
    assert_eq!(world.count("SELECT count(*) FROM plugin_taps.seen").await, i64::from(BREAKER_FAILURES) + 1);
}

#[tokio::test]
async fn failures_of_anonymous_callers_never_take_a_function_from_users() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let ada = Caller::user(world.user(&host, "Ada", &[]).await);
    take_from_anonymous(&host).await;
    assert_quarantined(allocate(&host, ENOUGH, Caller::Anonymous).await);
    allocate(&host, ENOUGH, ada).await.unwrap();
    allocate(&host, ENOUGH, Caller::Host).await.unwrap();
}

#[tokio::test]
async fn one_user_and_one_repeated_request_never_quarantine() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let ada = Caller::user(world.user(&host, "Ada", &[]).await);
    for number in 0..3 * u64::from(BREAKER_FAILURES) {
        allocate(&host, TOO_MUCH + number, ada.clone()).await.unwrap_err();
        allocate(&host, TOO_MUCH, Caller::Anonymous).await.unwrap_err();
    }
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
    for caller in [ada, Caller::Anonymous] {
        allocate(&host, ENOUGH, caller).await.unwrap();
    }
}

#[tokio::test]
async fn different_users_who_all_fail_quarantine_a_function_for_users() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for number in 0..BREAKER_FAILURES {
        let user = Caller::user(world.user(&host, &format!("User {number}"), &[]).await);
        allocate(&host, TOO_MUCH, user).await.unwrap_err();
    }
    assert_eq!(entries(&host, "probe"), [("abuses/allocate".to_owned(), "known".to_owned())]);
    allocate(&host, ENOUGH, Caller::Anonymous).await.unwrap();
}

#[tokio::test]
async fn function_that_answers_others_is_not_quarantined_by_a_flood_of_failures() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for number in 0..10 * u64::from(BREAKER_FAILURES) {
        if number % u64::from(BREAKER_FAILURES) == 0 {
            allocate(&host, ENOUGH, Caller::Anonymous).await.unwrap();
        }
        allocate(&host, TOO_MUCH + number, Caller::Anonymous).await.unwrap_err();
    }
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
}

#[tokio::test]
async fn caller_who_repeats_a_failing_request_does_not_decide_the_half_open_phase() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    take_from_anonymous(&host).await;
    wait_out_quarantine(&host, "probe").await;
    allocate(&host, TOO_MUCH, Caller::Anonymous).await.unwrap_err();
    for _ in 0..2 * PROBE_FAILURES {
        assert_quarantined(allocate(&host, TOO_MUCH, Caller::Anonymous).await);
    }
    allocate(&host, ENOUGH, Caller::Anonymous).await.unwrap();
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
}

#[tokio::test]
async fn slow_probe_does_not_hold_the_half_open_phase() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for number in 0..u64::from(BREAKER_FAILURES) {
        let arguments = json!({ "bytes": TOO_MUCH + number, "rounds": 1 });
        call(&host, "probe", "abuses/churn", arguments).await.unwrap_err();
    }
    wait_out_quarantine(&host, "probe").await;
    let slow: Vec<_> = (0..PROBE_FAILURES)
        .map(|number| {
            let (host, arguments) =
                (host.clone(), json!({ "bytes": 1_000_000 + number, "rounds": 1_000_000 }));
            tokio::spawn(async move { call(&host, "probe", "abuses/churn", arguments).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(2 * PROBE_MS)).await;
    assert!(slow.iter().all(|probe| !probe.is_finished()), "the probes are not slow");
    call(&host, "probe", "abuses/churn", json!({ "bytes": 10, "rounds": 1 })).await.unwrap();
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
    for probe in slow {
        probe.abort();
        let _aborted = probe.await;
    }
}

#[tokio::test]
async fn too_large_result_is_counted_as_such_and_never_quarantines() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let results = 4 * u64::from(BREAKER_FAILURES) + 1;
    for number in 0..results {
        // Over the bound of a result's JSON, and in every other call over the bound of what a guest passes at once.
        let bytes = if number % 2 == 0 { 3_500_000 } else { 5_000_000 } + number;
        oversized(call(&host, "probe", "abuses/produce", json!({ "bytes": bytes })).await);
    }
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
    let ended = |outcome: &str| {
        let name = format!(r#"invocations_total{{plugin="probe",kind="query",outcome="{outcome}"}} "#);
        let metrics = host.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("palisade_")?.strip_prefix(&name));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert_eq!([ended("too-large"), ended("answered"), ended("trap")], [results, 0, 0]);
}

async fn post(host: &Host, author: &Caller, fields: Value) -> Item {
    let draft = Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::from_value(fields).unwrap(),
    };
    host.items(author.clone()).create(draft).await.unwrap()
}

async fn read(host: &Host, item: &Item) -> Result<Item, CallError> {
    host.items(Caller::Anonymous).get(&item.id.to_string()).await
}

#[tokio::test]
async fn items_of_one_author_whose_view_fails_leave_all_others_served() {
    let world = World::new().await;
    let host = world.host(&["taps"]).await;
    let permission = Permission::parse("item:create:note").unwrap();
    host.users().permit("author", &[permission]).await.unwrap();
    let author = Caller::user(world.user(&host, "Mallory", &["author"]).await);
    let other = create(&host, json!({})).await.unwrap();
    let mut bad = Vec::new();
    for _ in 0..2 * BREAKER_FAILURES {
        bad.push(post(&host, &author, json!({ "view": "trap" })).await);
    }
    // What the view adds makes the fields larger than an item may be.
    let full = usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap() - 30;
    for _ in 0..2 {
        bad.push(post(&host, &author, json!({ "view": "append:x", "text": "&".repeat(full) })).await);
    }
    // Nobody was answered lately, and then others are answered in between.
    tokio::time::sleep(Duration::from_millis(BREAKER_ANSWER_MS)).await;
    for item in &bad {
        read(&host, item).await.unwrap_err();
    }
    for number in 0..OTHER_READS {
        let failed = read(&host, &bad[number % bad.len()]).await;
        assert!(
            matches!(failed, Err(CallError::Trapped { .. } | CallError::LimitExceeded { .. })),
            "read {number}: {failed:?}"
        );
        read(&host, &other).await.unwrap_or_else(|error| panic!("read {number}: {error}"));
    }
    assert_eq!(status(&host, "taps"), ServingStatus::Serving);
}

#[tokio::test]
async fn memory_over_the_limit_still_counts_as_a_failure() {
    let world = World::new().await;
    let small = altered("probe", limited("memory = \"8 MiB\""));
    let host = world.builder().plugin(small.path(), Policy::as_asked()).build().await.unwrap();
    for number in 0..u64::from(BREAKER_FAILURES) {
        allocate(&host, 16_000_000 + number, Caller::Anonymous).await.unwrap_err();
    }
    assert_quarantined(allocate(&host, ENOUGH, Caller::Anonymous).await);
    host.load(guest("probe"), &Policy::as_asked()).await.unwrap();
    allocate(&host, 16_000_000, Caller::Anonymous).await.unwrap();
    trapped(panics(&host).await);
}
