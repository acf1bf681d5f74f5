//! Calls every interface of the contract in every kind, from one component. An interface that a kind lacks does not
//! exist there.

use crate::harness::{World, call, trapped};
use serde_json::json;

/// The kinds, from least to most privileged, with the interface that runs as each.
const KINDS: [(&str, &str); 3] =
    [("query", "as-query"), ("mutation", "as-mutation"), ("action", "as-action")];

/// The contract's table: an interface, and whether queries, mutations and actions have it.
const TABLE: [(&str, [bool; 3]); 13] = [
    ("db", [true, true, true]),
    ("db-write", [false, true, true]),
    ("user", [true, true, true]),
    ("cache", [true, true, true]),
    ("variables", [true, true, true]),
    ("variables-write", [false, true, true]),
    ("item", [true, true, true]),
    ("item-write", [false, true, true]),
    ("logging", [true, true, true]),
    ("request-context", [true, true, true]),
    ("clock", [true, true, true]),
    ("random", [true, true, true]),
    ("http", [false, false, true]),
];

#[tokio::test]
async fn interface_answers_only_in_the_kinds_that_have_it() {
    let world = World::new().await;
    let host = world.host(&["kinds"]).await;
    for (interface, has) in TABLE {
        for ((kind, export), has) in KINDS.into_iter().zip(has) {
            let answer =
                call(&host, "kinds", &format!("{export}/attempt"), json!({ "name": interface })).await;
            if has {
                let answer = answer.unwrap();
                assert!(
                    !answer.as_str().unwrap().contains("no interface"),
                    "{interface} in {kind}: {answer}"
                );
            } else {
                let reason = trapped(answer);
                assert!(reason.contains(&format!("`{interface}.")), "{interface} in {kind}: {reason}");
                let kind = if kind == "action" { "an action" } else { &format!("a {kind}") };
                let rest = format!(
                    "does not exist in {kind}; `probe:kinds/{export}` is declared as {kind} in palisade.toml"
                );
                assert!(reason.ends_with(&rest), "{interface} in {kind}: {reason}");
            }
        }
    }
    // One row from the mutation, one from the action, and none from the query.
    assert_eq!(world.count("SELECT count(*) FROM plugin_kinds.marks").await, 2);
}

#[tokio::test]
async fn clock_moves_only_in_actions_and_randomness_differs_per_invocation() {
    let world = World::new().await;
    let host = world.host(&["kinds"]).await;
    let attempt = async |export: &str, name: &str| {
        let answer = call(&host, "kinds", &format!("{export}/attempt"), json!({ "name": name })).await;
        answer.unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(attempt("as-query", "clock").await, "(0, 0)");
    assert_eq!(attempt("as-mutation", "clock").await, "(0, 0)");
    assert_ne!(attempt("as-action", "clock").await, "(0, 0)");
    for (_, export) in KINDS {
        assert_ne!(attempt(export, "random").await, attempt(export, "random").await);
    }
}
