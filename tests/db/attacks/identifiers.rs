//! S10: deceptive names, in SQL text and in structured calls.

use super::arena::{Arena, KINDS, assert_rejected, assert_reveals_nothing};
use crate::harness::returned;
use serde_json::{Value, json};

/// S10: names in SQL text.
const TEXTS: &[&str] = &[
    "SELECT * FROM \"NOTES\"",
    "SELECT * FROM \"Notes\"",
    "SELECT * FROM \"notes \"",
    "SELECT * FROM \" notes\"",
    "SELECT * FROM \"notes\u{200b}\"",
    "SELECT * FROM n\u{43e}tes",
    "SELECT * FROM \"n\u{43e}tes\"",
    "SELECT * FROM \u{ff4e}otes",
    "SELECT * FROM \"no\u{74}\u{301}es\"",
    "SELECT * FROM \"notes\0\"",
    "SELECT * FROM notes\0",
    "SELECT * FROM \"notes\\0\"",
    "SELECT * FROM \"\"",
    "SELECT * FROM \"plugin_sql.notes\"",
    "SELECT * FROM \"plugin_sql\".\"NOTES\"",
    "SELECT * FROM \"PLUGIN_SQL\".notes",
    "SELECT * FROM pg_temp.notes",
    "SELECT * FROM pg_temp_3.notes",
    "SELECT * FROM pg_toast.pg_toast_1",
    "SELECT * FROM notes_id_seq",
    "SELECT * FROM notes_pkey",
    "SELECT * FROM _notes",
    "SELECT * FROM user",
    "SELECT * FROM \"user\"",
    "SELECT ctid FROM notes",
    "SELECT xmin, xmax, cmin, cmax FROM notes",
    "SELECT tableoid FROM notes",
    "SELECT \"ctid\" FROM notes",
    "SELECT CTID FROM notes",
    "SELECT n.ctid FROM notes n",
    "SELECT oid FROM notes",
    "SELECT notes FROM notes",
    "SELECT n FROM notes n",
    "SELECT n.notes FROM notes n",
    "SELECT notes.notes FROM notes",
    "SELECT \"user\" FROM notes",
    "SELECT \"TITLE\" FROM notes",
    "SELECT t\u{456}tle FROM notes",
    "SELECT title AS ctid FROM notes ORDER BY notes.ctid",
    "SELECT title FROM notes GROUP BY title, ctid",
    "SELECT title FROM notes ORDER BY tableoid",
    "SELECT title FROM notes WHERE ctid = '(0,1)'",
    "SELECT x.ctid FROM (SELECT * FROM notes) x",
    "WITH x AS (SELECT ctid FROM notes) SELECT * FROM x",
    "UPDATE notes SET ctid = '(0,1)'",
    "UPDATE notes SET \"TITLE\" = 'x'",
    "UPDATE \"NOTES\" SET title = 'x'",
    "INSERT INTO notes (tableoid) VALUES (1)",
    "INSERT INTO notes (title) VALUES ('x') RETURNING ctid",
    "DELETE FROM n\u{43e}tes",
    "DELETE FROM notes WHERE xmin = '1'",
];

/// Names of tables and columns that do not exist or do not belong to the plugin.
fn names() -> Vec<String> {
    let long = "n".repeat(64);
    let cut = format!("notes{}", "_".repeat(63));
    let fixed = [
        "",
        " ",
        "*",
        "\"",
        "'",
        ";",
        "--",
        "/*",
        "\\",
        "%",
        "$1",
        "NULL",
        "NOTES",
        "Notes",
        "notes ",
        " notes",
        "notes\0",
        "notes\0x",
        "\0",
        "notes\n",
        "notes\u{200b}",
        "n\u{43e}tes",
        "\u{ff4e}otes",
        "notes;",
        "notes--",
        "notes/**/",
        "notes\"",
        "notes\" WHERE true; --",
        "\"notes\"",
        "plugin_sql.notes",
        "\"plugin_sql\".\"notes\"",
        "plugin_rival.notes",
        "vault",
        "secret",
        "pg_settings",
        "pg_catalog.pg_settings",
        "pg_authid",
        "pg_class",
        "information_schema.tables",
        "palisade.items",
        "items",
        "palisade",
        "plugins",
        "user",
        "current_user",
        "session_user",
        "ctid",
        "CTID",
        "tableoid",
        "xmin",
        "xmax",
        "cmin",
        "oid",
        "leak",
        "notes.title",
        "notes_id_seq",
        "notes_pkey",
        "now()",
        "title, body",
        "title::regclass",
        "t\u{456}tle",
        "TITLE",
        "title ",
        "title\0",
    ];
    let fixed = fixed.into_iter().map(str::to_owned);
    fixed.chain([long, cut, "\u{e9}".repeat(32), "x".repeat(100_000)]).collect()
}

fn selection() -> Value {
    json!({ "table": "notes", "columns": ["title"], "filter": [], "orderBy": [], "limit": null, "after": [] })
}

fn condition(column: &str) -> Value {
    json!([[{ "column": column, "test": { "tag": "is-not-null" } }]])
}

fn with(mut call: Value, field: &str, value: Value) -> Value {
    call[field] = value;
    call
}

/// Every place of a structured call that takes a name.
fn calls(name: &str) -> Vec<(&'static str, &'static str, Value)> {
    let text = json!({ "tag": "scalar", "val": { "tag": "text", "val": "evil" } });
    let insertion = json!({ "table": "notes", "columns": ["title"], "rows": [[text]], "returning": [] });
    let set = |column: &str| json!([{ "column": column, "change": { "tag": "set", "val": text } }]);
    let modification = json!({ "table": "notes", "assignments": set("title"), "filter": condition("title"), "returning": [] });
    let removal = json!({ "table": "notes", "filter": condition("title"), "returning": [] });
    let order = json!([{ "column": name, "direction": "ascending" }]);
    let add = json!({ "tag": "add", "val": { "tag": "scalar", "val": { "tag": "integer", "val": 1 } } });
    let add = json!([{ "column": name, "change": add }]);
    let counted = json!([{ "name": "n", "computation": { "tag": "count" } }]);
    let aggregation = json!({ "table": "notes", "groupBy": ["rank"], "measures": counted, "filter": [], "orderBy": [], "limit": null });
    let computed = |tag: &str| json!([{ "name": "n", "computation": { "tag": tag, "val": name } }]);
    let conflict = |key: &str, column: &str, merge: Value| json!({ "columns": [key], "resolution": { "tag": "update", "val": [{ "column": column, "merge": merge }] } });
    let (inserted, sum) = (json!({ "tag": "inserted" }), json!({ "tag": "sum" }));
    let changed = json!({ "tag": "change", "val": { "tag": "set", "val": text } });
    let one = json!([name]);
    vec![
        ("select", "selection", with(selection(), "table", json!(name))),
        ("select", "selection", with(selection(), "columns", one.clone())),
        ("select", "selection", with(selection(), "columns", json!(["title", name]))),
        ("select", "selection", with(selection(), "filter", condition(name))),
        ("select", "selection", with(selection(), "orderBy", order.clone())),
        ("aggregate", "aggregation", with(aggregation.clone(), "table", json!(name))),
        ("aggregate", "aggregation", with(aggregation.clone(), "groupBy", one.clone())),
        ("aggregate", "aggregation", with(aggregation.clone(), "filter", condition(name))),
        ("aggregate", "aggregation", with(aggregation.clone(), "orderBy", order)),
        ("aggregate", "aggregation", with(aggregation.clone(), "measures", computed("count-of"))),
        ("aggregate", "aggregation", with(aggregation.clone(), "measures", computed("count-distinct"))),
        ("aggregate", "aggregation", with(aggregation.clone(), "measures", computed("sum"))),
        ("aggregate", "aggregation", with(aggregation, "measures", computed("maximum"))),
        (
            "insert",
            "insertion",
            with(insertion.clone(), "onConflict", conflict(name, "body", inserted.clone())),
        ),
        ("insert", "insertion", with(insertion.clone(), "onConflict", conflict("title", name, inserted))),
        ("insert", "insertion", with(insertion.clone(), "onConflict", conflict("title", name, sum))),
        ("insert", "insertion", with(insertion.clone(), "onConflict", conflict("title", name, changed))),
        ("update", "modification", with(modification.clone(), "assignments", add)),
        ("insert", "insertion", with(insertion.clone(), "table", json!(name))),
        ("insert", "insertion", with(insertion.clone(), "columns", one.clone())),
        ("insert", "insertion", with(insertion, "returning", one.clone())),
        ("update", "modification", with(modification.clone(), "table", json!(name))),
        ("update", "modification", with(modification.clone(), "assignments", set(name))),
        ("update", "modification", with(modification.clone(), "filter", condition(name))),
        ("update", "modification", with(modification, "returning", one.clone())),
        ("delete", "removal", with(removal.clone(), "table", json!(name))),
        ("delete", "removal", with(removal.clone(), "filter", condition(name))),
        ("delete", "removal", with(removal, "returning", one)),
    ]
}

#[tokio::test]
async fn ungranted_name_is_rejected_in_sql_text() {
    let long = format!("SELECT * FROM {}", "n".repeat(64));
    let cut = format!("SELECT title AS x FROM notes AS {}", "n".repeat(64));
    let texts: Vec<String> = TEXTS.iter().map(|&sql| sql.to_owned()).chain([long, cut]).collect();
    Arena::new().await.withstands(&texts).await;
}

#[tokio::test]
async fn ungranted_name_is_rejected_everywhere_in_structured_calls() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    for name in names() {
        for (function, parameter, argument) in calls(&name) {
            for (kind, can_write) in KINDS {
                if can_write || ["select", "aggregate"].contains(&function) {
                    let sent = format!("{function} {name}");
                    let outcome =
                        arena.call(&format!("{kind}/{function}"), json!({ parameter: argument })).await;
                    assert_rejected(&format!("{kind}/{function}"), &sent, Err(returned(outcome)));
                }
            }
        }
    }
    arena.assert_unharmed(&before).await;
}

/// S4, S10: an update of the view `pg_settings`, which the server treats like SET.
#[tokio::test]
async fn structured_update_of_settings_is_denied() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    let zero = json!({ "tag": "scalar", "val": { "tag": "text", "val": "0" } });
    let name = json!({ "tag": "scalar", "val": { "tag": "text", "val": "statement_timeout" } });
    let filter = json!([[{ "column": "name", "test": { "tag": "equal", "val": name } }]]);
    let assignments = json!([{ "column": "setting", "change": { "tag": "set", "val": zero } }]);
    for kind in ["in-mutation", "in-action"] {
        let modification =
            json!({ "table": "pg_settings", "assignments": assignments, "filter": filter, "returning": [] });
        let error =
            returned(arena.call(&format!("{kind}/update"), json!({ "modification": modification })).await);
        assert_eq!(error, json!({ "tag": "access-denied" }));
        assert_reveals_nothing("statement_timeout", &error);
    }
    arena.assert_unharmed(&before).await;
}
