//! Columns that PostgreSQL would round, cut or pad: a structured call stores a value exactly or not at all.

use super::text;
use crate::harness::{World, call, invalid};
use serde_json::{Value, json};

fn scalar(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": tag, "val": val.into() } })
}

fn list(numbers: &[&str]) -> Value {
    let numbers = numbers.iter().map(|number| json!({ "tag": "numeric", "val": number }));
    json!({ "tag": "array", "val": numbers.collect::<Vec<_>>() })
}

#[tokio::test]
async fn inexact_value_for_a_column_is_rejected_and_an_exact_one_stored() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for (column, exact, lossy, rule) in [
        ("amount", scalar("numeric", "12.50"), scalar("numeric", "12.505"), "keeps 2 digits after the point"),
        ("list", list(&["0.1", "2"]), list(&["0.1", "0.25"]), "keeps 1 digits after the point"),
        (
            "at",
            scalar("timestamptz", 5_000_000),
            scalar("timestamptz", 5_000_001),
            "keeps 0 digits of a second",
        ),
        ("code", text("abc"), text("ab  "), "at most 3 characters"),
        ("padded", text("abc"), text("ab"), "exactly 3 characters"),
    ] {
        for (kind, count) in [("in-mutation", 1), ("in-action", 2)] {
            let insert = |value: &Value| json!({ "insertion": { "table": "rounded", "columns": [column], "rows": [[value]], "returning": [column] } });
            let update = |value: &Value| {
                let assignments = json!([{ "column": column, "change": { "tag": "set", "val": value } }]);
                json!({ "modification": { "table": "rounded", "assignments": assignments, "filter": [[{ "column": column, "test": { "tag": "is-null" } }]], "returning": [] } })
            };
            for (function, arguments) in [("insert", insert(&lossy)), ("update", update(&lossy))] {
                let refusal = invalid(call(&host, "sql", &format!("{kind}/{function}"), arguments).await);
                assert!(refusal.contains(rule), "{function} of {column} in {kind}: {refusal}");
            }
            let stored = call(&host, "sql", &format!("{kind}/insert"), insert(&exact)).await.unwrap();
            // A `2` in the list is returned as the equal `2.0`.
            if column != "list" {
                assert_eq!(stored["rows"][0][0], exact, "{column} in {kind}");
            }
            let rows = format!("SELECT count(*) FROM plugin_sql.rounded WHERE {column} IS NOT NULL");
            assert_eq!(world.count(&rows).await, count, "{column} in {kind}");
        }
    }
}
