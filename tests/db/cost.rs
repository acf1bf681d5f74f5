//! What SQL may cost and reveal, through a component: bounds on stored values, refusals that name what to change, and
//! errors that blame the guest and not the database.

use super::attacks::arena::{Arena, KINDS};
use crate::harness::{altered, invalid};
use palisade::{Policy, limits};
use serde_json::{Value, json};

fn scalar(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": tag, "val": val.into() } })
}

fn text(bytes: usize) -> Value {
    scalar("text", "x".repeat(bytes))
}

fn statement(sql: &str, parameters: &[Value]) -> Value {
    json!({ "sql": sql, "parameters": parameters })
}

/// By a structured call, by a parameter of SQL text, and by growing what is stored.
#[tokio::test]
async fn stored_value_at_its_limit_is_accepted_and_over_it_refused() {
    let arena = Arena::new().await;
    // A value of PostgreSQL has a head of four bytes.
    let at = usize::try_from(limits::STORED_BYTES_MAX).unwrap() - 4;
    let insert = |column: &str, value: &Value| json!({ "insertion": { "table": "kinds", "columns": ["id", column], "rows": [[scalar("integer", 1), value]], "returning": [] } });
    let digits = usize::try_from(limits::STORED_NUMERIC_BYTES_MAX).unwrap();
    let elements = usize::try_from(limits::STORED_ELEMENTS_MAX).unwrap();
    let numbers =
        |count: usize| json!({ "tag": "array", "val": vec![json!({ "tag": "integer", "val": 1 }); count] });
    for (column, most, over) in [
        ("label", text(at), text(at + 1)),
        ("amount", scalar("numeric", "9".repeat(digits)), scalar("numeric", "9".repeat(digits + 1))),
        ("numbers", numbers(elements), numbers(elements + 1)),
    ] {
        arena.call("in-mutation/insert", insert(column, &most)).await.unwrap();
        arena.world.sql.batch_execute("DELETE FROM plugin_sql.kinds").await.unwrap();
        for kind in ["in-mutation", "in-action"] {
            let refusal = invalid(arena.call(&format!("{kind}/insert"), insert(column, &over)).await);
            assert!(refusal.contains("stored"), "{column}: {refusal}");
            let sql = format!("INSERT INTO kinds (id, {column}) VALUES (1, $1)");
            let refusal = invalid(
                arena.call(&format!("{kind}/execute"), statement(&sql, std::slice::from_ref(&over))).await,
            );
            assert!(refusal.contains("stored"), "{column}: {refusal}");
        }
    }
    arena.call("in-mutation/insert", insert("label", &text(at / 2 + 10))).await.unwrap();
    for sql in [
        "UPDATE kinds SET label = label || label",
        "INSERT INTO kinds (id, label) SELECT 2, label || label FROM kinds",
        "UPDATE kinds SET numbers = array_cat($1::bigint[], $1::bigint[])",
        "UPDATE kinds SET amount = CAST('1e131071' AS numeric)",
        // Ten bytes each, and as text a hundred kilobytes: each statement writes less than a row may take.
        &format!("UPDATE kinds SET extra = '[{}1]'::jsonb", "1e100000,".repeat(200)),
        &format!("UPDATE kinds SET amounts = '{{{}1}}'", "1e100000,".repeat(200)),
        "UPDATE kinds SET extra = to_jsonb(ARRAY(SELECT round(g, 2000) FROM generate_series(1, 9000) AS g))",
    ] {
        let parameters = if sql.contains("$1") { vec![numbers(elements)] } else { Vec::new() };
        let refusal = invalid(arena.call("in-mutation/execute", statement(sql, &parameters)).await);
        assert!(refusal.contains("a stored value has at most"), "{sql}: {refusal}");
    }
    assert_eq!(
        arena.world.count("SELECT count(*) FROM plugin_sql.kinds WHERE octet_length(label) < 600000").await,
        1
    );
}

/// A migration runs without the bound, and is undone if it leaves a value that is too large, compressed or not.
#[tokio::test]
async fn migration_that_leaves_a_large_value_is_undone() {
    let arena = Arena::new().await;
    let folder = altered("sql", |manifest| manifest.replace("name = \"sql\"", "name = \"large\""));
    let fill = format!(
        "CREATE TABLE grown (id bigint PRIMARY KEY, body text); INSERT INTO grown VALUES (1, '{}'); \
         UPDATE grown SET body = body || body;",
        "x".repeat(600_000)
    );
    std::fs::write(folder.path().join("migrations/0002_large.sql"), fill).unwrap();
    let refused = arena.world.builder().plugin(folder.path(), Policy::as_asked()).build().await;
    let sentence = format!("{:?}", refused.err().unwrap());
    assert!(sentence.contains("value that is too large"), "{sentence}");
}

#[tokio::test]
async fn refusal_of_an_expensive_call_names_the_operation() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    let condition = |test: Value| {
        let conditions = vec![json!([{ "column": "body", "test": test }]); 60];
        json!({ "selection": { "table": "notes", "columns": ["id"], "filter": conditions, "orderBy": [], "limit": null, "after": [] } })
    };
    let contains = |count: usize| {
        let json = format!("[{}1]", "1,".repeat(count));
        let test = json!({ "tag": "contains", "val": json });
        json!({ "selection": { "table": "notes", "columns": ["id"], "filter": [[{ "column": "extra", "test": test }]],
            "orderBy": [], "limit": null, "after": [] } })
    };
    let like = format!("%{}", "a".repeat(250));
    let needles = vec![format!("strpos(body, '{}')", "a".repeat(256)); 100].join(", ");
    for (kind, _) in KINDS {
        for (function, arguments, what) in [
            ("select", condition(json!({ "tag": "like", "val": like })), "like"),
            ("select", condition(json!({ "tag": "ilike", "val": like })), "like"),
            ("select", contains(50_000), "contains"),
            ("query", statement(&format!("SELECT {needles} FROM notes"), &[]), "strpos"),
            (
                "query",
                statement(
                    "SELECT $1::numeric / $2, $1 / $2, $1 / $2",
                    &[scalar("numeric", "7".repeat(131_000)), scalar("numeric", "7".repeat(65_000))],
                ),
                "/",
            ),
        ] {
            let refusal = invalid(arena.call(&format!("{kind}/{function}"), arguments).await);
            assert!(
                refusal.contains("for one row") && refusal.contains(what),
                "{kind} {function}: {refusal}"
            );
        }
    }
    let few = arena.call("in-query/select", contains(10)).await.unwrap();
    assert_eq!(few["rows"], json!([]));
    arena.assert_unharmed(&before).await;
}

/// Values that PostgreSQL or its driver cannot take are the guest's fault, by every route.
#[tokio::test]
async fn nul_and_untyped_parameters_are_the_guests_fault() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    for (sql, parameters, words) in [
        ("SELECT U&'\\0000'", vec![], "escape"),
        ("SELECT E'a\\000'", vec![], "NUL"),
        ("SELECT chr(0)", vec![], "NUL"),
        ("SELECT chr(id::int - id::int) FROM notes", vec![], "NUL"),
        ("SELECT $1::text", vec![scalar("text", "a\0b")], "NUL"),
        ("SELECT '\"\\u0000\"'::jsonb", vec![], "22P05"),
        ("SELECT ('\"' || $1 || 'u0000\"')::jsonb", vec![scalar("text", "\\")], "22P05"),
        ("SELECT '\\xff'::bytea::text::jsonb", vec![], "SQLSTATE 22"),
        ("SELECT id FROM notes WHERE $1 IS NULL OR title = $1", vec![scalar("text", "a")], "$1::text"),
        ("SELECT $1 IS NULL, $2 IS NULL", vec![scalar("text", "a"), scalar("text", "a")], "$1::text"),
        ("SELECT $1::int, id FROM notes WHERE title = $1", vec![scalar("integer", 1)], "type"),
        ("SELECT id + title FROM notes", vec![], "write a parameter or literal with its type"),
        (
            "SELECT CASE WHEN true THEN id ELSE title END FROM notes",
            vec![],
            "write a parameter or literal with its type",
        ),
        ("SELECT (SELECT id FROM notes)", vec![], "a subquery returns several"),
    ] {
        for (kind, _) in KINDS {
            let refusal = invalid(arena.call(&format!("{kind}/query"), statement(sql, &parameters)).await);
            assert!(refusal.contains(words), "{kind} {sql}: {refusal}");
        }
    }
    arena.assert_unharmed(&before).await;
}
