//! Tests `wit/clock.wit` through a component.

use crate::harness::{World, call};
use palisade::Host;
use serde_json::{Value, json};

/// Two answers of one function in one invocation. A JSON integer beyond 2^53 is a string.
async fn twice(host: &Host, function: &str) -> (i64, i64) {
    let both = call(host, "probe", function, json!({})).await.unwrap();
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap());
    (number(&both[0]), number(&both[1]))
}

/// The time of the database's clock, in microseconds since 1970.
async fn wall(world: &World) -> i64 {
    world.count("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await
}

/// A host whose export `reads` runs as this kind.
async fn host_of(world: &World, kind: &str) -> Host {
    let (from, to) = ("probe/reads\" = \"query\"", format!("probe/reads\" = \"{kind}\""));
    world.host_with("probe", |manifest| manifest.replace(from, &to)).await
}

#[tokio::test]
async fn now_in_a_query_or_mutation_is_the_start_of_the_invocation() {
    let world = World::new().await;
    for kind in ["query", "mutation"] {
        let host = host_of(&world, kind).await;
        let before = wall(&world).await;
        let (first, second) = twice(&host, "reads/now").await;
        let after = wall(&world).await;
        assert_eq!(first, second, "{kind}");
        assert!((before..=after).contains(&first), "{kind}: {before} {first} {after}");
        let (next, _) = twice(&host, "reads/now").await;
        assert!(next > first, "{kind}: each invocation has its own time");
    }
}

#[tokio::test]
async fn monotonic_in_a_query_or_mutation_is_always_0() {
    let world = World::new().await;
    for kind in ["query", "mutation"] {
        let host = host_of(&world, kind).await;
        assert_eq!(twice(&host, "reads/monotonic").await, (0, 0), "{kind}");
    }
}

#[tokio::test]
async fn now_in_an_action_is_the_hosts_real_time() {
    let world = World::new().await;
    for (host, function) in
        [(host_of(&world, "query").await, "effects/now"), (host_of(&world, "action").await, "reads/now")]
    {
        let before = wall(&world).await;
        let (first, second) = twice(&host, function).await;
        let after = wall(&world).await;
        assert!(before <= first && first <= second && second <= after, "{before} {first} {second} {after}");
    }
}

#[tokio::test]
async fn monotonic_in_an_action_advances_and_never_goes_back() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for _ in 0..20 {
        let (first, second) = twice(&host, "effects/monotonic").await;
        assert!(0 < first && first <= second, "{first} {second}");
    }
}

#[tokio::test]
async fn each_kind_in_one_component_has_its_own_clock() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    assert_eq!(twice(&host, "reads/monotonic").await, (0, 0));
    assert_ne!(twice(&host, "effects/monotonic").await, (0, 0));
    assert_eq!(twice(&host, "reads/monotonic").await, (0, 0));
}
