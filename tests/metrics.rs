//! `/metrics` and `Host::metrics`: what calls record there, and that no caller can write text into them.

use crate::harness::{Served, World, call, limited, returned, trapped};
use crate::supervision::{panics, quarantine};
use palisade::Host;
use palisade::guard::request_context::RequestId;
use reqwest::Method;
use serde_json::json;

/// The value of one line, found by the text before it.
fn value(text: &str, line: &str) -> Option<f64> {
    let rest =
        text.lines().find_map(|other| other.strip_prefix("palisade_")?.strip_prefix(line)?.strip_prefix(' '));
    rest.map(|value| value.parse().unwrap())
}

fn ended(host: &Host, plugin: &str, outcome: &str) -> Option<f64> {
    value(
        &host.metrics(),
        &format!(r#"invocations_total{{plugin="{plugin}",kind="query",outcome="{outcome}"}}"#),
    )
}

#[tokio::test]
async fn text_of_callers_and_guests_never_appears_in_the_metrics() {
    let world = World::new().await;
    let host = world.host(&["probe", "greeter"]).await;
    trapped(panics(&host).await);
    let before = host.metrics();
    let evil = "evil\"} 1\n# EOF";
    let request = RequestId::parse("evil-request").unwrap();
    call(&host, evil, "a/b", json!({})).await.unwrap_err();
    call(&host, "probe", evil, json!({})).await.unwrap_err();
    let message = json!({ "message": evil });
    trapped(
        host.call("probe", "abuses/panic").arguments(message).request(request).await.map(|out| out.value),
    );
    call(&host, "greeter", "greeting/greet", json!({ "name": evil })).await.unwrap();
    let after = host.metrics();
    assert!(!after.contains("evil"), "{after}");
    assert_eq!(after.lines().count(), before.lines().count());
    assert_eq!(after.matches("# EOF").count(), 1);
}

#[tokio::test]
async fn invocations_are_counted_by_outcome() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("guest-time = \"50 ms\"")).await;
    host.load(crate::harness::guest("greeter"), &palisade::Policy::harmless()).await.unwrap();
    assert_eq!(ended(&host, "greeter", "answered"), Some(0.0));
    for _ in 0..3 {
        call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    }
    returned(call(&host, "greeter", "greeting/greet", json!({ "name": "" })).await);
    trapped(panics(&host).await);
    call(&host, "probe", "abuses/spin", json!({})).await.unwrap_err();
    for (plugin, outcome, times) in [
        ("greeter", "answered", 3.0),
        ("greeter", "error", 1.0),
        ("greeter", "trap", 0.0),
        ("probe", "answered", 0.0),
        ("probe", "trap", 1.0),
        ("probe", "limit", 1.0),
    ] {
        assert_eq!(ended(&host, plugin, outcome), Some(times), "{plugin} {outcome}");
    }
    let text = host.metrics();
    let durations = |line: &str| value(&text, &format!("invocation_duration_seconds_{line}"));
    assert_eq!(durations(r#"count{plugin="greeter",kind="query"}"#), Some(4.0));
    assert_eq!(durations(r#"bucket{le="+Inf",plugin="probe",kind="query"}"#), Some(2.0));
    assert!(durations(r#"sum{plugin="probe",kind="query"}"#).unwrap() > 0.05);
    for (line, times) in [
        (r#"limit_hits_total{plugin="probe",limit="guest-time"}"#, 1.0),
        (r#"limit_warnings_total{plugin="probe",limit="guest-time"}"#, 1.0),
        (r#"limit_hits_total{plugin="greeter",limit="guest-time"}"#, 0.0),
        (r#"limit_hits_total{plugin="probe",limit="memory"}"#, 0.0),
    ] {
        assert_eq!(value(&text, line), Some(times), "{line}");
    }
}

#[tokio::test]
async fn abandoned_call_is_counted_as_cancelled() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let spin = tokio::spawn({
        let host = host.clone();
        async move { call(&host, "probe", "abuses/spin", json!({})).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(ended(&host, "probe", "cancelled"), Some(0.0));
    spin.abort();
    assert!(spin.await.unwrap_err().is_cancelled());
    // The call is in the slow lane, where it ends when it next yields.
    while ended(&host, "probe", "cancelled") != Some(1.0) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn totals_sum_the_usage_of_each_limit() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let used = |limit: &str| {
        value(&host.metrics(), &format!(r#"limit_used_total{{plugin="probe",limit="{limit}"}}"#)).unwrap()
    };
    for length in [3, 4] {
        call(&host, "probe", "reads/random", json!({ "length": length })).await.unwrap();
    }
    assert!(
        (used("random-bytes") - 7.0).abs() < f64::EPSILON && (used("host-calls") - 2.0).abs() < f64::EPSILON
    );
    assert!(used("memory") > 0.0 && used("table-elements") > 0.0 && used("db-rows") == 0.0);
}

#[tokio::test]
async fn plugin_state_and_turned_away_calls_are_reported() {
    let world = World::new().await;
    let host = world.host(&["probe", "greeter"]).await;
    let state = |plugin: &str, state: &str| {
        value(&host.metrics(), &format!(r#"plugin_state{{plugin="{plugin}",state="{state}"}}"#))
    };
    assert_eq!((state("probe", "serving"), state("probe", "quarantined")), (Some(1.0), Some(0.0)));
    quarantine(&host).await;
    panics(&host).await.unwrap_err();
    assert_eq!((state("probe", "serving"), state("probe", "quarantined")), (Some(0.0), Some(1.0)));
    assert_eq!(state("greeter", "serving"), Some(1.0));
    assert_eq!(value(&host.metrics(), r#"turned_away_total{plugin="probe"}"#), Some(1.0));
    host.disable("greeter", "a test").await.unwrap();
    assert_eq!((state("greeter", "serving"), state("greeter", "disabled")), (Some(0.0), Some(1.0)));
}

#[tokio::test]
async fn database_connections_in_use_are_counted() {
    let world = World::new().await;
    let host = world.builder().plugin_connections(3);
    let host =
        host.plugin(crate::harness::guest("probe"), palisade::Policy::as_asked()).build().await.unwrap();
    assert_eq!(value(&host.metrics(), "plugin_connections_max"), Some(3.0));
    let sql = json!({ "sql": "SELECT 1", "parameters": [] });
    call(&host, "probe", "reads/query", sql).await.unwrap();
    assert!(value(&host.metrics(), "plugin_connections").unwrap() >= 1.0, "its connection is kept");
}

#[tokio::test]
async fn server_returns_the_metrics_to_any_caller() {
    let world = World::new().await;
    let served = Served::new(world.host(&["greeter"]).await).await;
    served.post("/call/greeter/greeting/greet", &json!({ "name": "Ada" })).await;
    let response = served.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text().await.unwrap();
    let answered = r#"invocations_total{plugin="greeter",kind="query",outcome="answered"}"#;
    assert_eq!(value(&text, answered), Some(1.0), "{text}");
    assert!(
        text.ends_with("# EOF\n") && text.contains("# TYPE palisade_invocation_duration_seconds histogram\n")
    );
}
