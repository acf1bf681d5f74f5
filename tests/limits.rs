//! Tests `wit/limits.wit` through components: which of several maxima applies, and who is warned when a limit is
//! nearly reached.
//!
//! The tests of each limit, at it and over it, are with the tests of what it limits.

use crate::harness::{Answer, Served, World, altered, call, exceeded, guest, limited};
use crate::logging::Lines;
use crate::supervision::create;
use palisade::guard::request_context::RequestId;
use palisade::limits::{Limit, Limits, MEMORY_CEILING_BYTES, MIB};
use palisade::{CallError, Host, Policy};
use reqwest::Method;
use serde_json::{Value, json};

/// Logs this many records in the request `mine`.
async fn flood(host: &Host, count: u64) {
    let (request, arguments) = (RequestId::parse("mine").unwrap(), json!({ "count": count }));
    host.call("probe", "reads/flood-log").arguments(arguments).request(request).await.unwrap();
}

#[tokio::test]
async fn limit_warning_is_logged_once_per_invocation_from_its_threshold() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("log-records = 10")).await;
    for (count, used) in [(7, None), (8, Some(8)), (10, Some(10)), (30, Some(10)), (0, None)] {
        let (lines, _capturing) = Lines::capture();
        flood(&host, count).await;
        let logged: Vec<Value> =
            lines.of("palisade::limits").into_iter().map(|event| event["fields"].clone()).collect();
        let warning = used.map(|used| {
            json!({
                "message": "an invocation came near to a limit", "plugin": "probe", "entered": "reads/flood-log",
                "request": "mine", "limit": "log-records", "used": used, "max": 10,
            })
        });
        assert_eq!(logged, warning.into_iter().collect::<Vec<_>>(), "{count} records");
    }
}

#[tokio::test]
async fn limit_warning_of_a_tap_names_the_tap() {
    let world = World::new().await;
    let host = world.host_with("steps", limited("log-records = 1")).await;
    let (lines, _capturing) = Lines::capture();
    create(&host, json!({})).await.unwrap();
    let events = lines.of("palisade::limits");
    let names: Vec<&str> = events.iter().map(|event| event["fields"]["entered"].as_str().unwrap()).collect();
    assert_eq!(names, ["tap-item-presave", "tap-item-changed", "tap-item-view"]);
}

#[tokio::test]
async fn limit_warning_is_listed_in_the_requested_usage() {
    let world = World::new().await;
    let served = Served::new(world.host_with("probe", limited("log-records = 10")).await).await;
    for (count, warnings) in [(7, Value::Null), (8, json!(["log-records"]))] {
        let flood = served.request(Method::POST, "/call/probe/reads/flood-log");
        let flood = flood.json(&json!({ "count": count })).header("x-palisade-usage", "1");
        let usage: Value = serde_json::from_str(Answer::to(flood).await.header("x-palisade-usage")).unwrap();
        assert_eq!((&usage["log-records"], &usage["warnings"]), (&json!(count), &warnings), "{usage}");
    }
}

#[tokio::test]
async fn effective_limit_is_the_smallest_of_host_policy_and_manifest() {
    let world = World::new().await;
    for (host, policy, manifest, max) in
        [(5, 7, 9, 5), (9, 5, 7, 5), (7, 9, 5, 5), (6, 6, 6, 6), (9, 8, 0, 0)]
    {
        let of = |max| Limits::default().with(Limit::RandomBytes, max);
        let folder = altered("probe", limited(&format!("random-bytes = {}", json!(format!("{manifest} B")))));
        let policy = Policy::as_asked().limits(of(policy));
        let host = world.builder().limits(of(host)).plugin(folder.path(), policy).build().await.unwrap();
        call(&host, "probe", "reads/random", json!({ "length": max })).await.unwrap();
        let over = call(&host, "probe", "reads/random", json!({ "length": max + 1 })).await;
        assert_eq!(exceeded(over), ("random-bytes".into(), max + 1, max));
    }
}

#[tokio::test]
async fn policy_raises_a_limit_above_its_default_unless_it_is_fixed() {
    let world = World::new().await;
    let raised = Limits::unlimited().with(Limit::RandomBytes, 2 * MIB).with(Limit::Memory, 4_096 * MIB);
    let policy = Policy::as_asked().limits(raised);
    let host = world.builder().plugin(guest("probe"), policy).build().await.unwrap();
    let outcome = host.call("probe", "reads/now").await.unwrap();
    let max = |limit| outcome.usage.iter().find(|usage| usage.limit == limit).unwrap().max;
    assert_eq!(max(Limit::RandomBytes), 2 * MIB);
    assert_eq!(max(Limit::Memory), MEMORY_CEILING_BYTES);
    for fixed in [Limit::WallTime, Limit::ActionTime, Limit::TableElements, Limit::Instances, Limit::Stack] {
        assert_eq!(max(fixed), fixed.default_max(), "{fixed}");
    }
}

/// The fuel that a call of the probe uses, on a new host.
async fn fuel_used(world: &World, fuel: u64, bytes: u64) -> Result<u64, CallError> {
    let host = world.host_with("probe", limited(&format!("fuel = {fuel}"))).await;
    let arguments = json!({ "bytes": bytes });
    let outcome = host.call("probe", "abuses/allocate").arguments(arguments).await?;
    Ok(outcome.usage.iter().find(|usage| usage.limit == Limit::Fuel).unwrap().used)
}

#[tokio::test]
async fn fuel_over_the_limit_ends_the_call_and_fuel_use_is_repeatable() {
    let world = World::new().await;
    let plenty = 1_000_000_000;
    let used = fuel_used(&world, plenty, 10_000).await.unwrap();
    assert!(used > 10_000, "a byte takes an instruction at least: {used}");
    assert_eq!(fuel_used(&world, plenty, 10_000).await.unwrap(), used, "on another host");
    assert!(fuel_used(&world, plenty, 20_000).await.unwrap() > used);
    assert_eq!(fuel_used(&world, used, 10_000).await.unwrap(), used, "at the limit");
    for fuel in [used / 2, 1, 0] {
        match fuel_used(&world, fuel, 10_000).await {
            Err(error @ CallError::LimitExceeded { usage, .. }) => {
                assert_eq!((usage.limit, usage.used, usage.max), (Limit::Fuel, fuel + 1, fuel), "{error}");
            }
            other => panic!("expected the fuel to run out, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn fuel_is_counted_only_if_a_policy_sets_it() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let spin = async |host: &Host| host.call("probe", "abuses/spin").await;
    let outcome = host.call("probe", "reads/now").await.unwrap();
    let fuel = outcome.usage.into_iter().find(|usage| usage.limit == Limit::Fuel).unwrap();
    assert_eq!((fuel.used, fuel.max), (0, u64::MAX));
    let policy = Policy::as_asked().limits(Limits::default().with(Limit::Fuel, 1_000_000));
    host.load(guest("probe"), &policy).await.unwrap();
    match spin(&host).await {
        Err(CallError::LimitExceeded { usage, .. }) => {
            assert_eq!((usage.limit, usage.max), (Limit::Fuel, 1_000_000));
        }
        other => panic!("expected the fuel to run out, got {other:?}"),
    }
}
