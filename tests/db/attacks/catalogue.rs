//! S9: what the server knows about itself and about other plugins, and errors that could reveal it.

use super::arena::{Arena, KINDS, assert_reveals_nothing};
use crate::harness::returned;
use serde_json::json;

/// S9: catalogues, and functions and casts that read them.
const CATALOGUE: &[&str] = &[
    "SELECT * FROM pg_authid",
    "SELECT rolname FROM pg_catalog.pg_authid",
    "SELECT * FROM pg_roles",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_stat_statements",
    "SELECT * FROM pg_stat_user_tables",
    "SELECT * FROM pg_locks",
    "SELECT prosrc FROM pg_proc",
    "SELECT * FROM pg_settings",
    "SELECT * FROM pg_class",
    "SELECT * FROM pg_attribute",
    "SELECT * FROM pg_namespace",
    "SELECT * FROM pg_largeobject",
    "SELECT * FROM pg_database",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_stats",
    "SELECT * FROM pg_prepared_statements",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM \"information_schema\".\"tables\"",
    "SELECT * FROM plugin_rival.notes",
    "SELECT * FROM plugin_sql.vault",
    "SELECT secret FROM vault",
    "SELECT * FROM journal",
    "SELECT what FROM journal",
    "SELECT * FROM palisade.users",
    "SELECT * FROM palisade.items",
    "SELECT * FROM palisade.tokens",
    "SELECT * FROM palisade.secrets",
    "SELECT * FROM palisade.plugins",
    "SELECT * FROM palisade.variables",
    "SELECT * FROM items",
    "SELECT * FROM no_such_table",
    "SELECT * FROM no_such_schema.notes",
    "SELECT * FROM other_database.public.notes",
    "SELECT 'vault'::regclass",
    "SELECT 'plugin_rival.notes'::regclass::oid",
    "SELECT 'evil'::regproc",
    "SELECT 'palisade'::regrole",
    "SELECT CAST('plugin_rival' AS regnamespace)",
    "SELECT regtype 'plugin_rival.mood'",
    "SELECT to_regclass('plugin_rival.notes')",
    "SELECT has_table_privilege('plugin_rival.notes', 'select')",
    "SELECT has_schema_privilege('plugin_rival', 'usage')",
    "SELECT has_column_privilege('vault', 'secret', 'select')",
    "SELECT pg_table_size('vault')",
    "SELECT pg_total_relation_size('plugin_rival.notes')",
    "SELECT pg_relation_filepath('vault')",
    "SELECT pg_get_viewdef('pg_roles')",
    "SELECT pg_get_functiondef(1)",
    "SELECT pg_get_userbyid(10)",
    "SELECT obj_description(1)",
    "SELECT col_description(1, 1)",
    "SELECT format_type(23, -1)",
    "SELECT pg_typeof(title) FROM notes",
    "SELECT row_security_active('vault')",
    "SELECT version()",
    "SELECT current_database()",
    "SELECT current_schema()",
    "SELECT current_schemas(true)",
    "SELECT current_user",
    "SELECT session_user",
    "SELECT user",
    "SELECT current_catalog",
    "SELECT inet_server_addr()",
    "SELECT pg_postmaster_start_time()",
    "SELECT txid_current_snapshot()",
    "UPDATE vault SET secret = 'x'",
    "UPDATE notes SET title = (SELECT secret FROM vault)",
    "INSERT INTO notes (title) SELECT secret FROM vault",
    "INSERT INTO readings (id) VALUES (9)",
    "UPDATE readings SET body = 'x'",
    "DELETE FROM readings",
    "UPDATE journal SET what = 'x'",
    "DELETE FROM journal",
    "INSERT INTO journal (what) VALUES ('x') RETURNING what",
    "INSERT INTO plugin_rival.notes (title) VALUES ('x')",
    "DELETE FROM palisade.plugins",
];

#[tokio::test]
async fn catalogue_and_foreign_tables_are_rejected() {
    Arena::new().await.withstands(CATALOGUE).await;
}

/// Compares an ungranted table, another plugin's table and one that does not exist.
#[tokio::test]
async fn rejection_does_not_reveal_what_exists() {
    let arena = Arena::new().await;
    for (there, absent) in [
        ("SELECT secret FROM vault", "SELECT secret FROM vualt"),
        ("SELECT hwat FROM journal", "SELECT hwta FROM journal"),
        ("SELECT title FROM plugin_rival.notes", "SELECT title FROM plugin_nobody.notes"),
        ("SELECT name FROM palisade.users", "SELECT name FROM palisade.usres"),
        ("SELECT n.leak FROM notes n", "SELECT n.laek FROM notes n"),
    ] {
        for (kind, can_write) in KINDS {
            let functions = if can_write { &["query-each", "execute-each"][..] } else { &["query-each"] };
            for function in functions {
                let both = [there.to_owned(), absent.to_owned()];
                let outcomes = arena.each(&format!("{kind}/{function}"), &both).await;
                assert_eq!(outcomes[0], outcomes[1], "{kind}/{function} {there}");
                assert!(outcomes[0].is_err(), "{kind}/{function} {there}");
            }
        }
    }
}

/// Errors of the server itself would name the value, the key or the table.
#[tokio::test]
async fn server_error_reveals_neither_its_text_nor_a_stored_value() {
    let arena = Arena::new().await;
    arena
        .world
        .sql
        .batch_execute("UPDATE plugin_sql.notes SET body = 'planted-own', title = 'planted-' || id")
        .await
        .unwrap();
    let before = arena.world.snapshot().await;
    for sql in [
        "SELECT CAST(body AS integer) FROM notes",
        "SELECT body::numeric FROM notes",
        "SELECT body::jsonb FROM notes",
        "SELECT body::uuid FROM notes",
        "SELECT body::timestamptz FROM notes",
        "SELECT body::mood FROM notes",
        "SELECT decode(body, 'hex') FROM notes",
        "SELECT 1 / (rank - rank) FROM notes",
        "SELECT sqrt(- rank) FROM notes",
        "SELECT (SELECT title FROM notes) AS t",
        "SELECT to_date(body, 'YYYY') FROM notes",
        "SELECT title FROM notes WHERE title = 1",
        "SELECT title + body FROM notes",
        "SELECT title, count(*) FROM notes",
        "SELECT sum(title) FROM notes",
        "SELECT chr(0) FROM notes",
        "SELECT 9223372036854775807 + id FROM notes",
        "SELECT id FROM notes UNION SELECT title FROM notes",
    ] {
        for (kind, _) in KINDS {
            let outcome = arena.each(&format!("{kind}/query-each"), &[sql.to_owned()]).await.remove(0);
            let error = outcome.expect_err(sql);
            assert!(
                ["invalid-argument", "other"].contains(&error["tag"].as_str().unwrap()),
                "{sql}: {error}"
            );
            assert_reveals_nothing(sql, &error);
        }
    }
    for (sql, expected) in [
        (
            "UPDATE notes SET title = 'same'",
            json!({ "kind": "unique", "name": "notes_title_key", "column": null }),
        ),
        ("UPDATE notes SET title = NULL", json!({ "kind": "not-null", "name": null, "column": "title" })),
        (
            "UPDATE notes SET rank = 0 - rank",
            json!({ "kind": "check", "name": "notes_rank_check", "column": null }),
        ),
    ] {
        for kind in ["in-mutation", "in-action"] {
            let error = returned(
                arena.call(&format!("{kind}/execute"), json!({ "sql": sql, "parameters": [] })).await,
            );
            assert_eq!(error, json!({ "tag": "constraint-violation", "val": expected }), "{sql}");
        }
    }
    arena.assert_unharmed(&before).await;
}

/// What the server alone finds has a sentence, and its place in the author's text where the server names one.
#[tokio::test]
async fn server_error_says_what_to_write_and_where() {
    let arena = Arena::new().await;
    arena.world.sql.batch_execute("UPDATE plugin_sql.notes SET body = 'planted-own'").await.unwrap();
    for (sql, expected) in [
        ("SELECT 1 / (rank - rank) FROM notes", "a division by zero: write `a / nullif(b, 0)`"),
        (
            "SELECT body::integer FROM notes",
            "a text does not have the form of a value of type integer (SQLSTATE 22P02)",
        ),
        (
            "SELECT body::mood FROM notes",
            "a text is not a label of the enum that it stands for (SQLSTATE 22P02)",
        ),
        ("SELECT\n  'x'::mood", "near line 2, column 3: a text is not a label of the enum"),
        (
            "SELECT to_tsquery('simple', left(body, 20) || ' x') FROM notes",
            "a text is not a query for words: to_tsquery needs an operator",
        ),
        (
            "SELECT n.id FROM notes n\nJOIN notes m ON m.id = n.id\nWHERE id = 1",
            "near line 3, column 7: a column's name is that of several",
        ),
        (
            "SELECT lower(title),\n  upper(rank) FROM notes",
            "near line 2, column 3: no operator or function fits",
        ),
        ("SELECT id FROM notes WHERE title\n  = 1", "near line 2, column 3: no operator or function fits"),
        (
            "SELECT title,\n body, count(*) FROM notes GROUP BY title",
            "near line 2, column 2: a column stands beside an aggregate",
        ),
        (
            "SELECT id FROM notes\nUNION SELECT id, title FROM notes",
            "near line 2, column 14: lists do not fit each other",
        ),
        (
            "SELECT id FROM notes WHERE\n row_number() OVER () = 1",
            "near line 2, column 2: a window function can stand only",
        ),
        ("SELECT 2147483647 + rank FROM notes WHERE rank > 0", "a number is outside the range of its type"),
    ] {
        let outcome = arena.each("in-query/query-each", &[sql.to_owned()]).await.remove(0);
        let error = outcome.expect_err(sql);
        assert_eq!(error["tag"], "invalid-argument", "{sql}: {error}");
        let sentence = error["val"].as_str().unwrap();
        assert!(sentence.contains(expected) && sentence.contains("(SQLSTATE "), "{sql}: {sentence}");
        assert_reveals_nothing(sql, &error);
    }
    arena
        .world
        .sql
        .batch_execute("ALTER TABLE plugin_sql.notes ALTER id SET GENERATED ALWAYS")
        .await
        .unwrap();
    for (sql, expected) in [
        (
            "INSERT INTO notes (id, title) VALUES (1000, 'x')",
            "the column `id` is made by PostgreSQL: leave it out",
        ),
        ("UPDATE notes SET id = 1000 WHERE id = 1", "the column `id` is made by PostgreSQL: leave it out"),
        (
            "INSERT INTO notes (title,\n body) VALUES ('x')",
            "near line 2, column 2: lists do not fit each other",
        ),
    ] {
        let arguments = json!({ "sql": sql, "parameters": [] });
        let error = returned(arena.call("in-mutation/execute", arguments).await);
        let sentence = error["val"].as_str().unwrap();
        assert!(sentence.contains(expected), "{sql}: {sentence}");
    }
}

#[tokio::test]
async fn unique_value_of_another_plugin_does_not_conflict() {
    let arena = Arena::new().await;
    let sql = json!({ "sql": "INSERT INTO notes (title) VALUES ('planted-rival')", "parameters": [] });
    assert_eq!(arena.call("in-mutation/execute", sql.clone()).await.unwrap(), json!(1));
    let error = returned(arena.call("in-mutation/execute", sql).await);
    assert_eq!(error["tag"], "constraint-violation", "a duplicate of its own value is a violation");
    assert_eq!(arena.world.count("SELECT count(*) FROM plugin_rival.notes").await, 1);
}
