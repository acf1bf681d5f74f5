//! Supervision: plugins that fail repeatedly, and plugins that an operator disables.
//!
//! The operator's routes and commands are in `operator.rs`.

mod entries;
mod spared;

use crate::harness::{OwnServer, World, altered, builder, call, guest, returned, trapped};
use palisade::grant::ItemPower;
use palisade::guard::address::AddressPolicy;
use palisade::guard::item::Item;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::limits::{BREAKER_FAILURES, PROBE_MS, PROBES_MAX};
use palisade::{Blame, CallError, Caller, DisabledWhere, Host, Policy, ServingStatus};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A timeout for operations that take a second or two.
const WAIT_MAX: Duration = Duration::from_mins(1);

fn status(host: &Host, plugin: &str) -> ServingStatus {
    host.statuses().into_iter().find(|status| status.name == plugin).unwrap().status
}

/// Waits until a plugin has this state.
pub async fn until(host: &Host, plugin: &str, state: &str) {
    let deadline = Instant::now() + WAIT_MAX;
    while status(host, plugin).state() != state {
        assert!(Instant::now() < deadline, "never {state}: {:?}", status(host, plugin));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes the probe panic, each time with other arguments.
pub async fn panics(host: &Host) -> Result<Value, CallError> {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let message = format!("secret of the guest {}", CALLS.fetch_add(1, Ordering::Relaxed));
    call(host, "probe", "abuses/panic", json!({ "message": message })).await
}

pub async fn answers(host: &Host) -> Result<Value, CallError> {
    call(host, "probe", "reads/now", json!({})).await
}

/// Makes a function of the probe fail until it is quarantined.
pub async fn quarantine(host: &Host) {
    for _ in 0..BREAKER_FAILURES {
        let _failed = panics(host).await;
    }
    assert_eq!(status(host, "probe").state(), "quarantined");
}

/// Waits for the end of the quarantine.
pub async fn wait_out_quarantine(host: &Host, plugin: &str) {
    let ServingStatus::Quarantined { until, .. } = status(host, plugin) else {
        panic!("the plugin is not quarantined")
    };
    tokio::time::sleep(until.duration_since(std::time::SystemTime::now()).unwrap_or_default()).await;
}

fn assert_quarantined<T: std::fmt::Debug>(result: Result<T, CallError>) {
    let error = result.expect_err("a quarantined plugin is not called");
    assert_eq!(error.blame(), Blame::Guest);
    match error {
        CallError::Quarantined { reason, retry_after_ms, .. } => {
            assert!(retry_after_ms > 0 && !reason.contains("secret"), "{reason}");
        }
        other => panic!("expected a quarantined plugin, got {other:?}"),
    }
}

pub fn assert_disabled<T: std::fmt::Debug>(result: Result<T, CallError>) {
    match result {
        Err(error @ CallError::Disabled { .. }) => assert_eq!(error.blame(), Blame::Operator),
        other => panic!("expected a disabled plugin, got {other:?}"),
    }
}

fn spawn(host: &Host, function: &'static str, arguments: Value) -> JoinHandle<Result<Value, CallError>> {
    let host = host.clone();
    tokio::spawn(async move { call(&host, "probe", function, arguments).await })
}

fn insertion() -> Value {
    json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "t" } }]], "returning": [] } })
}

pub async fn create(host: &Host, fields: Value) -> Result<Item, CallError> {
    let draft = Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::from_value(fields).unwrap(),
    };
    host.items(Caller::Host).create(draft).await
}

/// As many items as must fail to quarantine a tap. They have no author, so each counts for itself.
pub async fn create_many(host: &Host) -> Vec<Item> {
    let mut items = Vec::new();
    for _ in 0..BREAKER_FAILURES {
        items.push(create(host, json!({})).await.unwrap());
    }
    items
}

#[tokio::test]
async fn plugin_is_quarantined_at_the_failure_threshold_and_not_before() {
    let world = World::new().await;
    let host = world.host(&["probe", "greeter"]).await;
    for _ in 1..BREAKER_FAILURES {
        trapped(panics(&host).await);
        assert_eq!(status(&host, "probe"), ServingStatus::Serving);
    }
    trapped(panics(&host).await);
    assert_quarantined(panics(&host).await);
    let ServingStatus::Quarantined { reason, since, until } = status(&host, "probe") else {
        panic!("the plugin is not quarantined")
    };
    assert!(reason.contains("10 different invocations") && reason.contains("a trap"), "{reason}");
    assert!(reason.contains("`abuses/panic` for anonymous callers") && until > since, "{reason}");
    let greeting = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    assert_eq!(greeting, json!("Hello, Ada!"));
}

#[tokio::test]
async fn error_of_the_guest_or_the_caller_never_quarantines() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for _ in 0..3 * BREAKER_FAILURES {
        returned(call(&host, "probe", "writes/fail-after-insert", insertion()).await);
        assert!(matches!(
            call(&host, "probe", "abuses/panic", json!({ "message": 5 })).await,
            Err(CallError::BadArguments(_))
        ));
        assert!(matches!(
            call(&host, "probe", "abuses/none", json!({})).await,
            Err(CallError::NoFunction { .. })
        ));
    }
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
}

#[tokio::test]
async fn caller_who_disconnects_never_quarantines() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for _ in 0..3 * BREAKER_FAILURES {
        let spinning = call(&host, "probe", "abuses/spin", json!({}));
        assert!(tokio::time::timeout(Duration::from_millis(30), spinning).await.is_err());
    }
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
    answers(&host).await.unwrap();
}

#[tokio::test]
async fn half_open_admits_a_few_callers_whose_failures_double_the_quarantine() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    quarantine(&host).await;
    wait_out_quarantine(&host, "probe").await;
    let failing: Vec<_> = (0..20)
        .map(|number| spawn(&host, "abuses/panic", json!({ "message": format!("probe {number}") })))
        .collect();
    let mut probes = 0;
    for call in failing {
        match call.await.unwrap() {
            Err(CallError::Trapped { .. }) => probes += 1,
            other => assert_quarantined(other),
        }
    }
    assert!((1..=PROBES_MAX).contains(&probes), "{probes}");
    // Those that were admitted have failed, and nobody else is answered.
    tokio::time::sleep(Duration::from_millis(PROBE_MS)).await;
    assert_quarantined(panics(&host).await);
    let ServingStatus::Quarantined { reason, since, until } = status(&host, "probe") else {
        panic!("the plugin is not quarantined again")
    };
    assert!(reason.contains("probed"), "{reason}");
    assert!(
        until.duration_since(since).unwrap() > Duration::from_millis(1_500),
        "the second quarantine is twice as long"
    );
}

#[tokio::test]
async fn operator_and_upgrade_lift_a_quarantine_and_only_operator_enables() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    quarantine(&host).await;
    host.enable("probe").await.unwrap();
    trapped(panics(&host).await);
    quarantine(&host).await;
    host.load(guest("probe"), &Policy::as_asked()).await.unwrap();
    trapped(panics(&host).await);
    host.disable("probe", "a test").await.unwrap();
    host.load(guest("probe"), &Policy::as_asked()).await.unwrap();
    assert_disabled(answers(&host).await);
}

#[tokio::test]
async fn tap_of_an_unavailable_plugin_never_counts_as_consent() {
    let world = World::new().await;
    let host = world.host(&["taps"]).await;
    let items = create_many(&host).await;
    let read = async || host.items(Caller::Host).get(&items[0].id.to_string()).await;
    read().await.unwrap();
    world.sql.batch_execute("UPDATE palisade.items SET fields = '{\"access\": \"trap\"}'").await.unwrap();
    while status(&host, "taps") == ServingStatus::Serving {
        for item in &items {
            let read = host.items(Caller::Host).get(&item.id.to_string()).await;
            assert!(matches!(read, Err(CallError::NotFound | CallError::Quarantined { .. })), "{read:?}");
        }
    }
    world.sql.batch_execute("UPDATE palisade.items SET fields = '{}'").await.unwrap();
    assert_quarantined(read().await);
    assert_quarantined(create(&host, json!({})).await);
    host.disable("taps", "a test").await.unwrap();
    assert_disabled(read().await);
    assert_disabled(create(&host, json!({})).await);
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, i64::from(BREAKER_FAILURES));
    host.enable("taps").await.unwrap();
    read().await.unwrap();
}

#[tokio::test]
async fn cron_tap_of_a_disabled_plugin_does_not_run() {
    let world = World::new().await;
    let often = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let first = world.host(&["taps"]).await;
    first.disable("taps", "a test").await.unwrap();
    first.stop().await;
    let host = world.builder().plugin(often.path(), Policy::as_asked()).build().await.unwrap();
    let ran = "SELECT count(*) FROM palisade.variables WHERE plugin = 'taps' AND name = 'last-run'";
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(world.count(ran).await, 0);
    host.enable("taps").await.unwrap();
    let deadline = Instant::now() + WAIT_MAX;
    while world.count(ran).await == 0 {
        assert!(Instant::now() < deadline, "the cron tap never runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn disable_stops_running_calls_and_rejects_new_ones() {
    let world = World::new().await;
    // A server that accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", silent.local_addr().unwrap());
    let probe = altered("probe", |manifest| manifest.replace("https://api.example.com/v1/", &url));
    let loopback = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
    let builder = world.builder().addresses(loopback).plugin(probe.path(), Policy::as_asked());
    let host = builder.plugin(guest("greeter"), Policy::as_asked()).build().await.unwrap();
    let spinning = spawn(&host, "abuses/spin", json!({}));
    let request = json!({ "request": { "method": "get", "url": url, "headers": [], "body": null, "secret": null, "timeoutMs": null } });
    let waiting = spawn(&host, "effects/fetch", request);
    let _connection = silent.accept().await.unwrap();
    // One tick, after which the spinning call is running.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!spinning.is_finished() && !waiting.is_finished());
    host.disable("probe", "a test").await.unwrap();
    assert_disabled(spinning.await.unwrap());
    assert_disabled(waiting.await.unwrap());
    assert_disabled(answers(&host).await);
    assert!(matches!(status(&host, "probe"), ServingStatus::Disabled { reason, .. } if reason == "a test"));
    call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    host.enable("probe").await.unwrap();
    answers(&host).await.unwrap();
}

#[tokio::test]
async fn disable_rolls_back_the_writes_of_a_running_call() {
    let world = World::new().await;
    let host = world.host(&["probe", "taps"]).await;
    let before = world.count("SELECT count(*) FROM plugin_probe.notes").await;
    world.sql.batch_execute("BEGIN; LOCK TABLE plugin_probe.notes IN SHARE MODE").await.unwrap();
    let writing = spawn(&host, "writes/insert", insertion());
    let waits =
        "SELECT count(*) FROM pg_locks WHERE relation = 'plugin_probe.notes'::regclass AND NOT granted";
    while world.count(waits).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.disable("probe", "a test").await.unwrap();
    assert_disabled(writing.await.unwrap());
    world.sql.batch_execute("COMMIT").await.unwrap();
    while world.count("SELECT count(*) FROM pg_locks WHERE relation = 'plugin_probe.notes'::regclass").await
        > 0
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, before);

    let spinning = tokio::spawn({
        let host = host.clone();
        async move { create(&host, json!({ "changed": "spin" })).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.disable("taps", "a test").await.unwrap();
    assert_disabled(spinning.await.unwrap());
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 0);
}

#[tokio::test]
async fn disable_outlives_the_host_and_stops_calls_on_other_hosts() {
    let world = World::new().await;
    let (one, two) = (world.host(&["probe"]).await, world.host(&["probe"]).await);
    let spinning = spawn(&two, "abuses/spin", json!({}));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!spinning.is_finished());
    one.disable("probe", "a test").await.unwrap();
    assert_disabled(answers(&one).await);
    assert_disabled(spinning.await.unwrap());
    until(&two, "probe", "disabled").await;
    one.stop().await;
    let three = world.host(&["probe"]).await;
    assert_disabled(answers(&three).await);
    three.enable("probe").await.unwrap();
    answers(&three).await.unwrap();
    until(&two, "probe", "serving").await;
    answers(&two).await.unwrap();
    quarantine(&two).await;
    three.enable("probe").await.unwrap();
    until(&two, "probe", "serving").await;
}

#[tokio::test]
async fn disable_during_a_database_outage_applies_and_is_stored_later() {
    let server = OwnServer::new();
    let database = server.start().await;
    let url = database.url();
    let build = || {
        let builder = builder(&*url);
        builder.plugin(guest("greeter"), Policy::as_asked()).build()
    };
    let host = build().await.unwrap();
    let greet = async |host: &Host| call(host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await;
    database.stop().await;
    for _ in 0..2 * BREAKER_FAILURES {
        greet(&host).await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(host.disable("greeter", "a test").await.unwrap(), DisabledWhere::Here);
    assert!(began.elapsed() < Duration::from_secs(10), "it does not wait for the database");
    assert_disabled(greet(&host).await);
    // Only the database knows what other operators have done, so nothing is enabled without it.
    let failed = host.enable("greeter").await;
    assert!(matches!(failed, Err(CallError::Unavailable { .. })), "{failed:?}");
    assert_disabled(greet(&host).await);
    let again = server.start().await;
    let deadline = Instant::now() + WAIT_MAX;
    let mut other = build().await.unwrap();
    while status(&other, "greeter").state() != "disabled" {
        assert!(Instant::now() < deadline, "the change is never stored");
        other.stop().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        other = build().await.unwrap();
    }
    assert_disabled(greet(&host).await);
    drop((host, other));
    again.stop().await;
}

#[tokio::test]
async fn disable_of_an_unknown_plugin_or_without_a_reason_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for name in ["", "prob", "../probe", "PROBE", "probe\0"] {
        assert!(matches!(host.disable(name, "a test").await, Err(CallError::NoPlugin { .. })), "{name:?}");
        assert!(matches!(host.enable(name).await, Err(CallError::NoPlugin { .. })), "{name:?}");
    }
    for reason in ["", "a\nb", "\u{1b}[2J", &"x".repeat(501)] {
        assert!(matches!(host.disable("probe", reason).await, Err(CallError::BadArguments(_))), "{reason:?}");
    }
    answers(&host).await.unwrap();
    // A host without the plugin can disable it for hosts that have it.
    let bare = world.host(&[]).await;
    bare.disable("probe", &"x".repeat(500)).await.unwrap();
    until(&host, "probe", "disabled").await;
}
