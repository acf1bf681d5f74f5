//! New values through a component: increments, and what an insert does with the row in its way.

use super::attacks::arena::Arena;
use super::{integer, text};
use crate::harness::{World, call, invalid, returned};
use palisade::{CallError, Host, limits};
use serde_json::{Value, json};

const WRITING: [&str; 2] = ["in-mutation", "in-action"];

fn scalar(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": tag, "val": val.into() } })
}

fn no_value() -> Value {
    json!({ "tag": "scalar", "val": { "tag": "null" } })
}

fn nothing() -> Value {
    json!({ "tag": "nothing" })
}

/// The resolution that gives columns new values.
#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn update(merges: &[(&str, Value)]) -> Value {
    let merges = merges.iter().map(|(column, merge)| json!({ "column": column, "merge": merge }));
    json!({ "tag": "update", "val": merges.collect::<Value>() })
}

fn inserted() -> Value {
    json!({ "tag": "inserted" })
}

fn sum() -> Value {
    json!({ "tag": "sum" })
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn change(tag: &str, value: Value) -> Value {
    json!({ "tag": "change", "val": { "tag": tag, "val": value } })
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn upsert(columns: &[&str], rows: Value, key: &[&str], resolution: Value) -> Value {
    let conflict = json!({ "columns": key, "resolution": resolution });
    json!({ "insertion": { "table": "notes", "columns": columns, "rows": rows, "onConflict": conflict, "returning": ["title", "rank"] } })
}

/// The columns that `upsert` returns.
fn returned_columns() -> Value {
    json!([{ "name": "title", "typeName": "text" }, { "name": "rank", "typeName": "int4" }])
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn add(table: &str, column: &str, value: Value) -> Value {
    let assignment = json!({ "column": column, "change": { "tag": "add", "val": value } });
    let all = json!([[{ "column": "id", "test": { "tag": "is-not-null" } }]]);
    json!({ "modification": { "table": table, "assignments": [assignment], "filter": all, "returning": [column] } })
}

async fn write(host: &Host, kind: &str, arguments: Value) -> Result<Value, CallError> {
    let function = if arguments.get("insertion").is_some() { "insert" } else { "update" };
    call(host, "sql", &format!("{kind}/{function}"), arguments).await
}

#[tokio::test]
async fn row_in_the_way_is_changed_and_counted_and_another_row_is_inserted() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for kind in WRITING {
        world.sql.batch_execute("DELETE FROM plugin_sql.notes").await.unwrap();
        let columns = ["title", "rank", "body"];
        let rows = |rank: i64| {
            json!([[text("a"), integer(rank), text("new")], [text("b"), integer(rank), text("new")]])
        };
        let put = |rank, merges: &[(&str, Value)]| upsert(&columns, rows(rank), &["title"], update(merges));
        let outcome = |first: i64, second: i64| json!({ "count": 2, "columns": returned_columns(), "rows": [[text("a"), integer(first)], [text("b"), integer(second)]] });
        assert_eq!(write(&host, kind, put(1, &[("rank", inserted())])).await.unwrap(), outcome(1, 1));
        world
            .sql
            .batch_execute(
                "DELETE FROM plugin_sql.notes WHERE title = 'b'; UPDATE plugin_sql.notes SET body = 'old'",
            )
            .await
            .unwrap();
        assert_eq!(write(&host, kind, put(5, &[("rank", inserted())])).await.unwrap(), outcome(5, 5));
        // Only the named columns change.
        assert_eq!(
            world.count("SELECT count(*) FROM plugin_sql.notes WHERE body = 'old' AND title = 'a'").await,
            1
        );
        assert_eq!(write(&host, kind, put(3, &[("rank", sum())])).await.unwrap(), outcome(8, 8));
        assert_eq!(
            write(&host, kind, put(0, &[("rank", change("set", integer(70)))])).await.unwrap(),
            outcome(70, 70)
        );
        let both = [("rank", change("add", integer(7))), ("body", inserted())];
        assert_eq!(write(&host, kind, put(0, &both)).await.unwrap(), outcome(77, 77));
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes WHERE body = 'new'").await, 2);
        assert_eq!(
            write(&host, kind, put(0, &[("rank", change("set", no_value()))])).await.unwrap()["rows"][0][1],
            no_value()
        );
    }
}

#[tokio::test]
async fn row_that_is_left_out_is_neither_counted_nor_returned() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for kind in WRITING {
        world.sql.batch_execute("DELETE FROM plugin_sql.notes").await.unwrap();
        let rows = json!([[text("a"), integer(1)], [text("b"), integer(2)], [text("a"), integer(3)]]);
        let put = |rows| upsert(&["title", "rank"], rows, &["title"], nothing());
        let outcome = write(&host, kind, put(rows)).await.unwrap();
        assert_eq!(
            outcome,
            json!({ "count": 2, "columns": returned_columns(), "rows": [[text("a"), integer(1)], [text("b"), integer(2)]] })
        );
        let outcome =
            write(&host, kind, put(json!([[text("a"), integer(9)], [text("c"), integer(3)]]))).await.unwrap();
        let expected =
            json!({ "count": 1, "columns": returned_columns(), "rows": [[text("c"), integer(3)]] });
        assert_eq!(outcome, expected);
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes WHERE rank = 9").await, 0);
    }
}

#[tokio::test]
async fn key_that_no_constraint_has_is_refused_with_a_sentence() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let keys = "CREATE UNIQUE INDEX ON plugin_sql.notes (lower(body)); \
         CREATE UNIQUE INDEX ON plugin_sql.notes (rank) WHERE rank > 5; CREATE INDEX ON plugin_sql.notes (amount); \
         ALTER TABLE plugin_sql.notes ADD UNIQUE (body) DEFERRABLE";
    world.sql.batch_execute(keys).await.unwrap();
    let not_a_key = "not exactly those of a primary key or UNIQUE constraint";
    for (key, rule) in [
        (&["rank"][..], not_a_key),
        (&["amount"], not_a_key),
        (&["title", "id"], not_a_key),
        (&["extra"], not_a_key),
        (&["body"], "those of a DEFERRABLE constraint"),
    ] {
        for kind in WRITING {
            for resolution in [nothing(), update(&[("rank", inserted())])] {
                let put = upsert(&["title", "rank"], json!([[text("a"), integer(1)]]), key, resolution);
                let refusal = invalid(write(&host, kind, put).await);
                assert!(refusal.starts_with("on-conflict: ") && refusal.contains(rule), "{key:?}: {refusal}");
            }
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 0);
    // The order of a key's columns does not matter, and a null is in nobody's way.
    world.sql.batch_execute("ALTER TABLE plugin_sql.notes ADD UNIQUE (rank, amount)").await.unwrap();
    let put = |rank| upsert(&["title", "rank"], json!([[text("x"), rank]]), &["amount", "rank"], nothing());
    assert_eq!(write(&host, "in-mutation", put(integer(1))).await.unwrap()["count"], 1);
    let error = returned(write(&host, "in-mutation", put(integer(1))).await);
    assert_eq!(error["val"]["kind"], "unique", "another key's violation stays one: {error}");
}

#[tokio::test]
async fn two_rows_of_one_call_for_one_key_are_refused_when_they_change_it() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let rows = json!([[text("a"), integer(1)], [text("a"), integer(2)]]);
    for kind in WRITING {
        let put = upsert(&["title", "rank"], rows.clone(), &["title"], update(&[("rank", sum())]));
        let refusal = invalid(write(&host, kind, put).await);
        assert!(refusal.contains("touches a row twice"), "{refusal}");
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 0);
    }
}

#[tokio::test]
async fn new_value_that_breaks_a_constraint_is_a_violation_and_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute("INSERT INTO plugin_sql.notes (title, rank) VALUES ('a', 1)").await.unwrap();
    for kind in WRITING {
        let put = |merge| {
            upsert(
                &["title", "rank"],
                json!([[text("a"), integer(5)]]),
                &["title"],
                update(&[("rank", merge)]),
            )
        };
        for arguments in [
            put(change("set", integer(-1))),
            put(change("add", integer(-2))),
            add("notes", "rank", integer(-2)),
        ] {
            let error = returned(write(&host, kind, arguments).await);
            assert_eq!(
                (&error["tag"], &error["val"]["kind"]),
                (&json!("constraint-violation"), &json!("check"))
            );
        }
        assert_eq!(world.count("SELECT rank::bigint FROM plugin_sql.notes").await, 1);
    }
}

/// Each type, with a value, what is added, the exact sum, and a value to which it cannot be added.
const SUMS: [(&str, &str, &str, &str, &str, &str); 6] = [
    ("small", "integer", "-3", "5", "2", "32763"),
    ("middle", "integer", "2147483640", "7", "2147483647", "2147483647"),
    ("large", "integer", "9223372036854775800", "7", "9223372036854775807", "9223372036854775801"),
    ("amount", "numeric", "99999999999999999999.5", "0.25", "99999999999999999999.75", ""),
    ("single", "float", "1.5", "2.25", "3.75", "3.4e38"),
    ("ratio", "float", "0.5", "1e308", "1e308", "1.7e308"),
];

#[tokio::test]
async fn increment_of_every_number_is_exact_in_its_type_and_never_wraps() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for kind in WRITING {
        for (column, tag, stored, added, expected, full) in SUMS {
            let value = |text: &str| match tag {
                "numeric" => scalar(tag, text),
                _ => scalar(tag, text.parse::<serde_json::Number>().unwrap()),
            };
            let put = async |stored: &str| {
                let put = format!(
                    "DELETE FROM plugin_sql.kinds; INSERT INTO plugin_sql.kinds (id, {column}) VALUES (1, {stored})"
                );
                world.sql.batch_execute(&put).await.unwrap();
            };
            put(stored).await;
            let outcome = write(&host, kind, add("kinds", column, value(added))).await.unwrap();
            let returned = &outcome["rows"][0][0]["val"]["val"];
            if tag == "float" {
                assert_eq!(returned.as_f64(), expected.parse().ok(), "{column}");
            } else {
                assert_eq!(returned.to_string().trim_matches('"'), expected, "{column}");
            }
            if !full.is_empty() {
                put(full).await;
                let added = if column == "single" { "3.4028234663852886e38" } else { added };
                let refusal = invalid(write(&host, kind, add("kinds", column, value(added))).await);
                assert_eq!(refusal, "a number is outside the range of its type (SQLSTATE 22003)", "{column}");
                let kept = format!(
                    "SELECT count(*) FROM plugin_sql.kinds WHERE {column} = {full}::{}",
                    if column == "single" { "real" } else { "numeric" }
                );
                assert_eq!(world.count(&kept).await, 1, "{column}");
            }
            put("NULL").await;
            let outcome = write(&host, kind, add("kinds", column, value(added))).await.unwrap();
            assert_eq!(
                (&outcome["count"], &outcome["rows"]),
                (&json!(1), &json!([[no_value()]])),
                "{column}"
            );
        }
    }
}

#[tokio::test]
async fn sum_with_the_row_to_insert_overflows_into_the_same_error() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world
        .sql
        .batch_execute("INSERT INTO plugin_sql.notes (title, rank) VALUES ('a', 2147483647)")
        .await
        .unwrap();
    for kind in WRITING {
        let put = upsert(
            &["title", "rank"],
            json!([[text("a"), integer(1)]]),
            &["title"],
            update(&[("rank", sum())]),
        );
        let refusal = invalid(write(&host, kind, put).await);
        assert_eq!(refusal, "a number is outside the range of its type (SQLSTATE 22003)");
    }
}

/// By the type of what is added, by the column's digits, and by what the sum would take to store.
#[tokio::test]
async fn number_that_the_column_would_not_store_exactly_is_refused() {
    let arena = Arena::new().await;
    let most = "9".repeat(usize::try_from(limits::STORED_NUMERIC_BYTES_MAX).unwrap());
    let fill = format!(
        "INSERT INTO plugin_sql.kinds (id, middle, single, amount, label) VALUES (1, 1, 1, {most}, 'a'); \
         INSERT INTO plugin_sql.rounded (amount) VALUES (99999999.99)"
    );
    arena.world.sql.batch_execute(&fill).await.unwrap();
    let before = arena.world.snapshot().await;
    let rounded = |value: &str| {
        let mut call = add("rounded", "amount", scalar("numeric", value));
        call["modification"]["filter"] = json!([[{ "column": "amount", "test": { "tag": "is-not-null" } }]]);
        call
    };
    for kind in WRITING {
        for (call, rule) in [
            (
                add("kinds", "middle", scalar("float", 0.5)),
                "column `middle`: expected `integer`, found `float`",
            ),
            (
                add("kinds", "middle", scalar("numeric", "1")),
                "column `middle`: expected `integer`, found `numeric`",
            ),
            (add("kinds", "middle", integer(2_147_483_648)), "out of the range of `integer`"),
            (add("kinds", "single", scalar("float", 0.1)), "`real` cannot hold"),
            (add("kinds", "label", text("b")), "adding needs a column of numbers"),
            (add("kinds", "middle", no_value()), "null cannot be added"),
            (add("kinds", "amount", scalar("numeric", "1")), "a stored value has at most"),
            (rounded("0.001"), "keeps 2 digits after the point"),
            (rounded("0.01"), "outside the range of its type"),
        ] {
            let refusal = invalid(arena.call(&format!("{kind}/update"), call.clone()).await);
            assert!(refusal.contains(rule), "{kind} {call}: {refusal}");
        }
    }
    arena.assert_unharmed(&before).await;
}

/// Who adds does not read first, so nothing is lost, whatever the isolation.
#[tokio::test]
async fn counter_that_many_callers_upsert_loses_no_visit() {
    const CALLERS: i64 = 8;
    const VISITS: i64 = 10;
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for kind in WRITING {
        world.sql.batch_execute("DELETE FROM plugin_sql.notes").await.unwrap();
        let visit = upsert(
            &["title", "rank"],
            json!([[text("page"), integer(1)]]),
            &["title"],
            update(&[("rank", sum())]),
        );
        let callers = (0..CALLERS).map(|_| async {
            let mut done = 0;
            while done < VISITS {
                match write(&host, kind, visit.clone()).await {
                    Ok(outcome) => done += outcome["count"].as_i64().unwrap(),
                    // The call rolled back and reported it, so the caller tries again.
                    Err(CallError::Contended { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        futures_util::future::join_all(callers).await;
        assert_eq!(
            world.count("SELECT rank::bigint FROM plugin_sql.notes").await,
            CALLERS * VISITS,
            "{kind}"
        );
    }
}
