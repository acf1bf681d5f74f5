//! Tests `wit/variables.wit` through a component and in the table behind it.

use crate::harness::{World, call, connect, exceeded, invalid, limited, returned, trapped};
use palisade::guard::request_context::RequestId;
use palisade::limits::{VARIABLE_NAME_BYTES_MAX, VARIABLE_TEXT_BYTES_MAX};
use palisade::{CallError, Host};
use serde_json::{Value, json};

async fn get(host: &Host, plugin: &str, name: &str) -> Result<Value, CallError> {
    call(host, plugin, "reads/get-variable", json!({ "name": name })).await
}

async fn set(
    host: &Host,
    plugin: &str,
    name: &str,
    case: &str,
    value: impl Into<Value>,
) -> Result<Value, CallError> {
    let arguments = json!({ "name": name, "value": { "tag": case, "val": value.into() } });
    call(host, plugin, "writes/set-variable", arguments).await
}

async fn unset(host: &Host, name: &str) -> Result<Value, CallError> {
    call(host, "probe", "writes/unset-variable", json!({ "name": name })).await
}

/// The rows of `palisade.variables` as text.
async fn stored(world: &World) -> Vec<String> {
    let text = "SELECT plugin || ' ' || name || ' ' || value::text FROM palisade.variables ORDER BY 1";
    world.sql.query(text, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn variable(case: &str, value: impl Into<Value>) -> Value {
    json!({ "tag": case, "val": value.into() })
}

#[tokio::test]
async fn undeclared_name_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    // An undeclared row, as an older version of the plugin may have left it.
    world.sql.execute("INSERT INTO palisade.variables VALUES ('probe', 'older', '1')", &[]).await.unwrap();
    let (long, other) = ("n".repeat(VARIABLE_NAME_BYTES_MAX + 1), "other/label");
    for name in ["", "older", "Label", "label ", "label\0", "probe:label", "%", other, &long] {
        for refused in [
            get(&host, "probe", name).await,
            set(&host, "probe", name, "text", "x").await,
            unset(&host, name).await,
        ] {
            assert!(invalid(refused).contains("[variables] in palisade.toml"), "{name:?}");
        }
    }
    assert_eq!(stored(&world).await, ["probe older 1"]);
}

#[tokio::test]
async fn value_of_the_wrong_type_is_rejected_and_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    set(&host, "probe", "count", "integer", 1).await.unwrap();
    for (name, case, value, expected) in [
        ("flag", "integer", json!(1), "type boolean"),
        ("flag", "text", json!("true"), "type boolean"),
        ("count", "number", json!(1.0), "type integer"),
        ("count", "text", json!("1"), "type integer"),
        ("ratio", "number", json!("NaN"), "type number"),
        ("ratio", "number", json!("Infinity"), "type number"),
        ("ratio", "number", json!("-Infinity"), "type number"),
        ("ratio", "text", json!("0.5"), "type number"),
        ("label", "boolean", json!(true), "type text"),
        ("label", "text", json!("a\0b"), "NUL"),
    ] {
        let sentence = invalid(set(&host, "probe", name, case, value.clone()).await);
        assert!(sentence.contains(expected), "{name} {case} {value}: {sentence}");
    }
    assert_eq!(stored(&world).await, ["probe count 1"]);
}

#[tokio::test]
async fn text_over_64_kib_returns_limit_exceeded() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let most = "é".repeat(usize::try_from(VARIABLE_TEXT_BYTES_MAX).unwrap() / 2);
    let over = exceeded(set(&host, "probe", "label", "text", format!("{most}x")).await);
    assert_eq!((over.1, over.2), (VARIABLE_TEXT_BYTES_MAX + 1, VARIABLE_TEXT_BYTES_MAX));
    assert!(stored(&world).await.is_empty());
    set(&host, "probe", "label", "text", most.clone()).await.unwrap();
    assert_eq!(get(&host, "probe", "label").await.unwrap(), variable("text", most));
}

#[tokio::test]
async fn unset_variable_has_the_manifest_default() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for (name, expected) in [
        ("flag", variable("boolean", false)),
        ("count", variable("integer", 7)),
        ("ratio", variable("number", 0.5)),
        ("label", variable("text", "none")),
    ] {
        assert_eq!(get(&host, "probe", name).await.unwrap(), expected);
        unset(&host, name).await.unwrap();
        assert_eq!(get(&host, "probe", name).await.unwrap(), expected);
    }
    assert!(stored(&world).await.is_empty());
}

#[tokio::test]
async fn set_value_is_read_exactly_until_it_is_unset() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for (name, case, value) in [
        ("flag", "boolean", json!(true)),
        ("count", "integer", json!(i64::MAX)),
        ("count", "integer", json!(i64::MIN)),
        ("count", "integer", json!(0)),
        ("ratio", "number", json!(0.1 + 0.2)),
        ("ratio", "number", json!(f64::MAX)),
        ("ratio", "number", json!(5e-324)),
        ("ratio", "number", json!(1.234_567_890_123_456_7e18)),
        ("ratio", "number", json!(3.0)),
        ("label", "text", json!("")),
        ("label", "text", json!("true")),
        ("label", "text", json!("7")),
        ("label", "text", json!("line\n\u{1b} ☃ \\u0000 ' \" '; DROP TABLE x")),
    ] {
        set(&host, "probe", name, case, value.clone()).await.unwrap();
        assert_eq!(get(&host, "probe", name).await.unwrap(), variable(case, value));
    }
    let value: Value = world
        .sql
        .query_one("SELECT value FROM palisade.variables WHERE name = 'flag'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(value, json!(true));
    unset(&host, "flag").await.unwrap();
    assert_eq!(get(&host, "probe", "flag").await.unwrap(), variable("boolean", false));
    assert_eq!(world.count("SELECT count(*) FROM palisade.variables WHERE name = 'flag'").await, 0);
}

#[tokio::test]
async fn value_set_by_an_operator_is_used_unless_its_type_is_wrong() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let text = "INSERT INTO palisade.variables VALUES ('probe', 'count', '40'), ('probe', 'flag', '\"yes\"')";
    world.sql.execute(text, &[]).await.unwrap();
    assert_eq!(get(&host, "probe", "count").await.unwrap(), variable("integer", 40));
    assert_eq!(get(&host, "probe", "flag").await.unwrap(), variable("boolean", false));
}

#[tokio::test]
async fn variable_survives_a_restart_of_the_host() {
    let world = World::new().await;
    let first = world.host(&["probe"]).await;
    set(&first, "probe", "label", "text", "kept").await.unwrap();
    first.stop().await;
    let second = world.host(&["probe"]).await;
    assert_eq!(get(&second, "probe", "label").await.unwrap(), variable("text", "kept"));
}

#[tokio::test]
async fn variable_of_another_plugin_is_not_visible() {
    let world = World::new().await;
    let host = world.twins("probe").await;
    set(&host, "probe", "label", "text", "mine").await.unwrap();
    assert_eq!(get(&host, "other", "label").await.unwrap(), variable("text", "none"));
    set(&host, "other", "label", "text", "theirs").await.unwrap();
    unset(&host, "label").await.unwrap();
    assert_eq!(get(&host, "other", "label").await.unwrap(), variable("text", "theirs"));
    assert_eq!(stored(&world).await, [r#"other label "theirs""#]);
}

#[tokio::test]
async fn set_is_undone_when_its_mutation_fails_or_traps() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let before = world.state().await;
    let label = || json!({ "label": "lost" });
    assert_eq!(
        returned(call(&host, "steps", "sequences/set-then-fail", label()).await),
        json!("failed after the set")
    );
    trapped(call(&host, "steps", "sequences/set-then-trap", label()).await);
    assert_eq!(world.state().await, before);
    // In an action each call is its own transaction, so writes before the failure stay.
    let action = world.host_with("steps", |manifest| manifest.replace("\"mutation\"", "\"action\"")).await;
    returned(call(&action, "steps", "sequences/set-then-fail", json!({ "label": "kept" })).await);
    assert_eq!(stored(&world).await, [r#"steps label "kept""#]);
}

#[tokio::test]
async fn set_in_a_query_traps() {
    let world = World::new().await;
    let host = world.host_with("probe", |manifest| manifest.replace("\"mutation\"", "\"query\"")).await;
    let reason = trapped(set(&host, "probe", "count", "integer", 8).await);
    assert!(reason.contains("`variables-write.set` does not exist in a query"), "{reason}");
    assert!(stored(&world).await.is_empty());
}

#[tokio::test]
async fn calls_over_the_statement_budget_return_limit_exceeded() {
    let world = World::new().await;
    let none = world.host_with("probe", limited("db-statements = 0")).await;
    for refused in [
        get(&none, "probe", "count").await,
        set(&none, "probe", "count", "integer", 1).await,
        unset(&none, "count").await,
    ] {
        assert_eq!(exceeded(refused), ("db-statements".into(), 1, 0));
    }
    let one = world.host_with("probe", limited("db-statements = 1")).await;
    set(&one, "probe", "count", "integer", 1).await.unwrap();
    assert_eq!(get(&one, "probe", "count").await.unwrap(), variable("integer", 1));
}

#[tokio::test]
async fn retried_mutation_sees_the_same_time_and_randomness() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    world.sql.execute("INSERT INTO palisade.variables VALUES ('steps', 'count', '10')", &[]).await.unwrap();
    // Another transaction is about to change what the mutation has read, so the mutation waits at its own change.
    let rival = connect(&world.url()).await;
    rival
        .batch_execute("BEGIN; UPDATE palisade.variables SET value = '20' WHERE plugin = 'steps'")
        .await
        .unwrap();
    let request = RequestId::parse("race").unwrap();
    let call = host.call("steps", "sequences/increment").request(request);
    let rivalry = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while world.count(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(call, rivalry);
    assert_eq!(outcome.unwrap().value, json!(21), "no update is lost");
    assert_eq!(stored(&world).await, ["steps count 21"]);
    let runs = world.log.messages();
    assert!(runs.len() > 1, "{runs:?}");
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
}
