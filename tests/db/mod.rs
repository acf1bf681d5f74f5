//! Tests `wit/db.wit` through a component: structured calls, SQL text, transactions by kind, and what no plugin
//! reaches.
//!
//! Attacks are in `db/attacks/`. Retries and cached statements are in `db/transactions.rs`.

mod aggregate;
pub mod attacks;
mod autocommit;
mod cost;
mod documented;
mod ending;
mod extensions;
mod outage;
mod pgbouncer;
mod returning;
pub mod rows;
mod seats;
mod storage;
mod transactions;
mod typmod;
mod upsert;

use crate::harness::{World, altered, call, guest, returned};
use palisade::{Host, Policy};
use serde_json::{Value, json};

fn text(text: &str) -> Value {
    json!({ "tag": "scalar", "val": { "tag": "text", "val": text } })
}

fn integer(number: i64) -> Value {
    json!({ "tag": "scalar", "val": { "tag": "integer", "val": number } })
}

fn titles(titles: &[&str]) -> Value {
    let rows: Vec<Value> = titles.iter().map(|&title| json!([text(title)])).collect();
    json!({ "table": "notes", "columns": ["title"], "rows": rows, "returning": [] })
}

fn all_titles() -> Value {
    selection(json!([]))
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn selection(filter: Value) -> Value {
    let order = json!([{ "column": "id", "direction": "ascending" }]);
    json!({ "table": "notes", "columns": ["title"], "filter": filter, "orderBy": order, "limit": null, "after": [] })
}

async fn insert(host: &Host, plugin: &str, names: &[&str]) {
    call(host, plugin, "writes/insert", json!({ "insertion": titles(names) })).await.unwrap();
}

/// The titles in the rows of a select or query.
fn names(rows: &Value) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[0]["val"]["val"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn mutation_inserts_into_the_plugins_own_schema() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let insertion = json!({ "table": "notes", "columns": ["title", "rank"], "rows": [[text("a"), integer(1)]], "returning": ["id", "title"] });
    let outcome = call(&host, "probe", "writes/insert", json!({ "insertion": insertion })).await.unwrap();
    let columns = json!([{ "name": "id", "typeName": "int8" }, { "name": "title", "typeName": "text" }]);
    assert_eq!(outcome, json!({ "count": 1, "columns": columns, "rows": [[integer(1), text("a")]] }));
    assert_eq!(
        world.count("SELECT count(*) FROM plugin_probe.notes WHERE title = 'a' AND rank = 1").await,
        1
    );
}

#[tokio::test]
async fn select_returns_the_rows_that_match_the_conditions() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["alpha", "beta", "gamma", "delta"]).await;
    let condition =
        |tag: &str, val: Value| json!([[{ "column": "title", "test": { "tag": tag, "val": val } }]]);
    for (filter, expected) in [
        (json!([]), vec!["alpha", "beta", "gamma", "delta"]),
        (condition("equal", text("beta")), vec!["beta"]),
        (condition("not-equal", text("beta")), vec!["alpha", "gamma", "delta"]),
        (condition("less", text("beta")), vec!["alpha"]),
        (condition("at-most", text("beta")), vec!["alpha", "beta"]),
        (condition("greater", text("delta")), vec!["gamma"]),
        (condition("at-least", text("delta")), vec!["gamma", "delta"]),
        (condition("between", json!([text("b"), text("e")])), vec!["beta", "delta"]),
        (condition("one-of", json!([text("alpha"), text("gamma")])), vec!["alpha", "gamma"]),
        (condition("one-of", json!([])), vec![]),
        (condition("like", json!("%lt%")), vec!["delta"]),
        (condition("ilike", json!("B%")), vec!["beta"]),
    ] {
        let rows = call(&host, "probe", "reads/select", json!({ "selection": selection(filter.clone()) }))
            .await
            .unwrap();
        assert_eq!(names(&rows), expected, "{filter}");
    }
    let either = json!([
        [{ "column": "title", "test": { "tag": "equal", "val": text("beta") } }, { "column": "id", "test": { "tag": "equal", "val": integer(2) } }],
        [{ "column": "title", "test": { "tag": "equal", "val": text("delta") } }],
    ]);
    let rows = call(&host, "probe", "reads/select", json!({ "selection": selection(either) })).await.unwrap();
    assert_eq!(names(&rows), ["beta", "delta"]);
}

#[tokio::test]
async fn select_from_ungranted_table_or_column_is_denied() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["a"]).await;
    for table in [
        "pg_settings",
        "pg_authid",
        "Notes",
        "notes\0",
        "notes ",
        "palisade.items",
        "items",
        "plugin_probe.notes",
        "",
    ] {
        let mut selection = all_titles();
        selection["table"] = json!(table);
        let error = returned(call(&host, "probe", "reads/select", json!({ "selection": selection })).await);
        assert_eq!(error, json!({ "tag": "access-denied" }), "{table:?}");
    }
    for column in ["ctid", "tableoid", "xmin", "notes", "TITLE", "title\"", "user", ""] {
        let mut selection = all_titles();
        selection["columns"] = json!([column]);
        let error = returned(call(&host, "probe", "reads/select", json!({ "selection": selection })).await);
        assert_eq!(error, json!({ "tag": "access-denied" }), "{column:?}");
    }
}

#[tokio::test]
async fn keyset_pages_return_every_row_once() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["a", "b", "c", "d", "e"]).await;
    let mut seen = Vec::new();
    let mut after = json!([]);
    loop {
        let mut page = all_titles();
        page["columns"] = json!(["title", "id"]);
        page["limit"] = json!(2);
        page["after"] = after;
        let rows = call(&host, "probe", "reads/select", json!({ "selection": page })).await.unwrap();
        let Some(last) = rows.as_array().unwrap().last() else { break };
        seen.extend(names(&rows));
        after = json!([last[1]]);
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn update_and_delete_change_only_the_matching_rows() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["a", "b", "c"]).await;
    let is = |title: &str| json!([[{ "column": "title", "test": { "tag": "equal", "val": text(title) } }]]);
    let modification = json!({ "table": "notes", "assignments": [{ "column": "rank", "change": { "tag": "set", "val": integer(7) } }], "filter": is("b"), "returning": ["title"] });
    let outcome =
        call(&host, "probe", "writes/update", json!({ "modification": modification })).await.unwrap();
    let columns = json!([{ "name": "title", "typeName": "text" }]);
    assert_eq!(outcome, json!({ "count": 1, "columns": columns, "rows": [[text("b")]] }));
    let removal = json!({ "table": "notes", "filter": is("a"), "returning": [] });
    let outcome = call(&host, "probe", "writes/delete", json!({ "removal": removal })).await.unwrap();
    assert_eq!(outcome, json!({ "count": 1, "columns": [], "rows": [] }));
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes WHERE rank = 7").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 2);
    for filter in [json!([]), json!([[]])] {
        let removal = json!({ "table": "notes", "filter": filter, "returning": [] });
        let error = returned(call(&host, "probe", "writes/delete", json!({ "removal": removal })).await);
        assert_eq!(error["tag"], "invalid-argument");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 2);
}

#[tokio::test]
async fn query_text_reads_the_plugins_tables_with_parameters() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["a", "b", "c"]).await;
    let sql = "SELECT title FROM notes WHERE id >= $1 ORDER BY id DESC LIMIT 2";
    let rows =
        call(&host, "probe", "reads/query", json!({ "sql": sql, "parameters": [integer(1)] })).await.unwrap();
    assert_eq!(names(&rows), ["c", "b"]);
    let count = call(
        &host,
        "probe",
        "writes/execute",
        json!({ "sql": "UPDATE notes SET rank = 1 WHERE title = $1", "parameters": [text("b")] }),
    );
    assert_eq!(count.await.unwrap(), json!(1));
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes WHERE rank = 1").await, 1);
}

#[tokio::test]
async fn query_text_that_writes_is_rejected_and_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["a"]).await;
    let before = world.state().await;
    for sql in [
        "DELETE FROM notes",
        "WITH x AS (DELETE FROM notes RETURNING 1) SELECT * FROM x",
        "SELECT title INTO other FROM notes",
        "SELECT title FROM notes FOR UPDATE",
        "EXPLAIN ANALYZE DELETE FROM notes",
        "SELECT 1; DELETE FROM notes",
        "COMMIT",
        "SET TRANSACTION READ WRITE",
        "SET statement_timeout = 0",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT pg_sleep(60)",
        "SELECT nextval('notes_id_seq')",
        "SELECT query_to_xml('DELETE FROM notes', true, true, '')",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT * FROM palisade.tokens",
        "SELECT * FROM palisade.items",
        "SELECT 'notes'::regclass",
        "SELECT lo_from_bytea(0, 'x')",
        "COPY notes TO PROGRAM 'sh'",
        "DO $$ BEGIN DELETE FROM notes; END $$",
    ] {
        let error =
            returned(call(&host, "probe", "reads/query", json!({ "sql": sql, "parameters": [] })).await);
        assert!(error["tag"] == "access-denied" || error["tag"] == "invalid-argument", "{sql}: {error}");
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn parameter_of_wrong_type_or_count_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for (sql, parameters) in [
        ("SELECT title FROM notes WHERE id = $1", json!([text("1")])),
        ("SELECT title FROM notes WHERE id = $1", json!([])),
        ("SELECT title FROM notes WHERE id = $1", json!([integer(1), integer(2)])),
    ] {
        let error = returned(
            call(&host, "probe", "reads/query", json!({ "sql": sql, "parameters": parameters })).await,
        );
        assert_eq!(error["tag"], "invalid-argument", "{sql} {parameters}");
    }
}

#[tokio::test]
async fn mutation_that_returns_err_or_traps_rolls_back() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["kept"]).await;
    let before = world.state().await;
    let failed =
        call(&host, "probe", "writes/fail-after-insert", json!({ "insertion": titles(&["x"]) })).await;
    assert!(returned(failed).is_string());
    let trapped =
        call(&host, "probe", "writes/trap-after-insert", json!({ "insertion": titles(&["x"]) })).await;
    assert!(matches!(trapped, Err(palisade::CallError::Trapped { .. })), "{trapped:?}");
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn action_that_returns_err_keeps_its_writes() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let failed =
        call(&host, "probe", "effects/fail-after-insert", json!({ "insertion": titles(&["kept"]) })).await;
    assert!(returned(failed).is_string());
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1);
}

#[tokio::test]
async fn mutation_sees_its_own_writes() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let arguments = json!({ "insertion": titles(&["mine"]), "selection": all_titles() });
    let rows = call(&host, "probe", "writes/insert-then-select", arguments).await.unwrap();
    assert_eq!(names(&rows), ["mine"]);
}

#[tokio::test]
async fn constraint_violation_undoes_only_its_statement() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let bad = json!({ "table": "notes", "columns": ["title", "rank"], "rows": [[text("bad"), integer(-1)]], "returning": [] });
    let error = returned(call(&host, "probe", "writes/insert", json!({ "insertion": bad })).await);
    assert_eq!(error["tag"], "constraint-violation");
    assert_eq!(error["val"], json!({ "kind": "check", "name": "notes_rank_check", "column": null }));
    let missing = json!({ "table": "notes", "columns": ["rank"], "rows": [[integer(1)]], "returning": [] });
    let error = returned(call(&host, "probe", "writes/insert", json!({ "insertion": missing })).await);
    assert_eq!(
        error,
        json!({ "tag": "constraint-violation", "val": { "kind": "not-null", "name": null, "column": "title" } })
    );
    let both = json!({ "first": bad, "second": titles(&["good"]) });
    call(&host, "probe", "writes/insert-despite", both).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes WHERE title = 'good'").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1);
}

#[tokio::test]
async fn two_plugins_with_the_same_tables_see_only_their_own() {
    let world = World::new().await;
    let other = altered("probe", |manifest| manifest.replace("name = \"probe\"", "name = \"other\""));
    let builder =
        world.builder().plugin(guest("probe"), Policy::as_asked()).plugin(other.path(), Policy::as_asked());
    let host = builder.build().await.unwrap();
    insert(&host, "probe", &["of probe"]).await;
    insert(&host, "other", &["of other"]).await;
    for plugin in ["probe", "other"] {
        let rows = call(&host, plugin, "reads/select", json!({ "selection": all_titles() })).await.unwrap();
        assert_eq!(names(&rows), [format!("of {plugin}")]);
        let foreign =
            format!("SELECT title FROM plugin_{}.notes", if plugin == "probe" { "other" } else { "probe" });
        let error =
            returned(call(&host, plugin, "reads/query", json!({ "sql": foreign, "parameters": [] })).await);
        assert_eq!(error, json!({ "tag": "access-denied" }));
    }
}

#[tokio::test]
async fn login_cannot_reach_other_plugins_schemas_or_host_tables() {
    let world = World::new().await;
    let other = altered("probe", |manifest| manifest.replace("name = \"probe\"", "name = \"other\""));
    let builder =
        world.builder().plugin(guest("probe"), Policy::as_asked()).plugin(other.path(), Policy::as_asked());
    let _host = builder.build().await.unwrap();
    let role: String = world
        .sql
        .query_one("SELECT role FROM palisade.plugins WHERE name = 'probe'", &[])
        .await
        .unwrap()
        .get(0);
    // Runs statements as the plugin's role, without any guard in between.
    world.sql.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await.unwrap();
    for sql in [
        "SELECT * FROM plugin_other.notes",
        "INSERT INTO plugin_other.notes (title) VALUES ('x')",
        "SELECT * FROM palisade.tokens",
        "SELECT * FROM palisade.users",
        "SELECT * FROM palisade.secrets",
        "UPDATE palisade.plugins SET role = 'x'",
        "INSERT INTO palisade.item_grants VALUES (session_user, 'post', true)",
        "CREATE TABLE plugin_probe.mine (x int)",
        "DROP TABLE plugin_probe.notes",
        "ALTER TABLE plugin_probe.notes ADD COLUMN x int",
    ] {
        let error = world.sql.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
    let seen = world.sql.query("SELECT name FROM palisade.plugins", &[]).await.unwrap();
    assert_eq!(seen.len(), 1, "row-level security shows a plugin only its own row");
}

#[tokio::test]
async fn rows_at_the_limit_are_returned_and_over_it_rejected() {
    let world = World::new().await;
    let small = altered("probe", |manifest| format!("{manifest}\n[limits]\ndb-rows = 3\n"));
    let host = world.builder().plugin(small.path(), Policy::as_asked()).build().await.unwrap();
    insert(&host, "probe", &["a", "b", "c"]).await;
    let rows = call(&host, "probe", "reads/select", json!({ "selection": all_titles() })).await.unwrap();
    assert_eq!(names(&rows).len(), 3);
    insert(&host, "probe", &["d"]).await;
    let error = returned(call(&host, "probe", "reads/select", json!({ "selection": all_titles() })).await);
    assert_eq!(error, json!({ "tag": "limit-exceeded", "val": { "which": "db-rows", "used": 4, "max": 3 } }));
    let rows = call(
        &host,
        "probe",
        "reads/query",
        json!({ "sql": "SELECT title FROM notes LIMIT 3", "parameters": [] }),
    )
    .await;
    assert_eq!(names(&rows.unwrap()).len(), 3, "the plugin continues with a new connection");
}

#[tokio::test]
async fn rows_written_over_the_limit_are_undone_even_if_the_plugin_goes_on() {
    let world = World::new().await;
    let small = altered("probe", |manifest| format!("{manifest}\n[limits]\ndb-rows = 3\n"));
    let host = world.builder().plugin(small.path(), Policy::as_asked()).build().await.unwrap();
    let over = json!({ "first": titles(&["a", "b", "c", "d"]), "second": titles(&["e"]) });
    assert!(call(&host, "probe", "writes/insert-despite", over).await.is_err());
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 0);
    insert(&host, "probe", &["a", "b", "c"]).await;
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 3);
}
