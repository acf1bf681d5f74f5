//! S8: conditions that match every row. What `execute` grants stays within the plugin's own tables and rights. The
//! grant does allow a plugin to delete all rows of its table.

use super::arena::{Arena, assert_rejected};
use serde_json::json;

/// S8: statements on all rows of the plugin's own table. The server's side effects also touch only `notes`.
const EVERY_ROW: &[&str] = &[
    "DELETE FROM notes",
    "DELETE FROM notes WHERE true",
    "DELETE FROM notes WHERE id = id",
    "DELETE FROM notes WHERE NOT (id IS NULL)",
    "DELETE FROM notes WHERE id IN (SELECT id FROM notes)",
    "DELETE FROM notes n USING readings r WHERE r.id = r.id",
    "WITH x AS (SELECT id FROM notes) DELETE FROM notes WHERE id IN (SELECT id FROM x)",
    "UPDATE notes SET rank = 0 WHERE 1 = 1",
    "UPDATE notes SET body = title || (SELECT max(body) FROM readings)",
    "UPDATE notes SET body = r.body FROM readings r WHERE r.note = notes.id OR true",
    "INSERT INTO notes (title) SELECT title || ' again' FROM notes",
    "INSERT INTO notes (title) VALUES ('note 1') ON CONFLICT (title) DO UPDATE SET body = excluded.title",
];

/// S8: writes beyond the grants.
const BEYOND: &[&str] = &[
    "UPDATE notes SET title = (SELECT secret FROM vault)",
    "UPDATE notes SET title = secret FROM vault",
    "UPDATE notes SET body = (SELECT what FROM journal LIMIT 1)",
    "UPDATE notes SET body = (SELECT name FROM palisade.users LIMIT 1)",
    "UPDATE notes SET title = (SELECT title FROM plugin_rival.notes)",
    "DELETE FROM notes USING vault WHERE secret LIKE 'p%'",
    "DELETE FROM notes WHERE EXISTS (SELECT 1 FROM vault)",
    "DELETE FROM vault WHERE true",
    "DELETE FROM readings WHERE true",
    "UPDATE readings SET body = 'x' WHERE id = id",
    "UPDATE plugin_rival.notes SET title = 'x' WHERE true",
    "DELETE FROM palisade.items WHERE true",
    "DELETE FROM palisade.tokens",
    "UPDATE palisade.item_grants SET can_write = true",
    "INSERT INTO palisade.item_grants VALUES ('x', 'post', true)",
    "INSERT INTO palisade.item_revisions SELECT * FROM palisade.items",
    "DELETE FROM ONLY notes",
    "UPDATE ONLY notes SET rank = 1",
    "UPDATE notes SET (title, body) = (SELECT secret, secret FROM vault)",
    "UPDATE notes SET title = 'x' WHERE CURRENT OF c",
    "UPDATE notes SET title = 'x' RETURNING (SELECT secret FROM vault)",
    "UPDATE notes SET ctid = '(0,1)'",
    "UPDATE notes SET id = DEFAULT WHERE tableoid = 1",
    "INSERT INTO vault (id) VALUES (2)",
    "INSERT INTO journal (what) SELECT secret FROM vault",
    "INSERT INTO journal (id, what) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET what = 'x'",
    "DELETE FROM notes, readings",
    "DELETE notes FROM notes",
];

#[tokio::test]
async fn write_beyond_the_grants_is_rejected() {
    let arena = Arena::new().await;
    arena.withstands(BEYOND).await;
}

#[tokio::test]
async fn write_of_every_row_stays_within_the_granted_table() {
    let arena = Arena::new().await;
    let rows = "CREATE TABLE watch.notes AS SELECT * FROM plugin_sql.notes";
    arena.world.sql.batch_execute(rows).await.unwrap();
    for sql in EVERY_ROW {
        for kind in ["in-mutation", "in-action"] {
            let before = arena.world.snapshot().await;
            let outcome =
                arena.call(&format!("{kind}/execute"), json!({ "sql": sql, "parameters": [] })).await;
            assert!(outcome.is_ok(), "{kind} {sql}: {outcome:?}");
            let after = arena.world.snapshot().await;
            let changed = after.changed_since(&before);
            assert!(changed.contains(&"plugin_sql.notes"), "{kind} {sql} changed nothing");
            let allowed = ["plugin_sql.notes", "sequence plugin_sql.notes_id_seq"];
            assert!(changed.iter().all(|part| allowed.contains(part)), "{kind} {sql}: {changed:?}");
            let back = "TRUNCATE plugin_sql.notes; INSERT INTO plugin_sql.notes SELECT * FROM watch.notes";
            arena.world.sql.batch_execute(back).await.unwrap();
        }
        let outcome = arena.each("in-query/query-each", &[(*sql).to_owned()]).await.remove(0);
        assert_rejected("in-query/query-each", sql, outcome);
    }
    arena.assert_clean_sessions().await;
}

/// The role itself cannot do what the gate forbids: these statements run as that role, without the gate.
#[tokio::test]
async fn role_itself_is_limited_to_the_grants() {
    let arena = Arena::new().await;
    let become_role = format!("SET SESSION AUTHORIZATION {}", arena.role);
    arena.world.sql.batch_execute(&become_role).await.unwrap();
    for sql in [
        "SELECT * FROM plugin_sql.vault",
        "SELECT * FROM plugin_sql.journal",
        "UPDATE plugin_sql.readings SET body = 'x'",
        "DELETE FROM plugin_sql.journal",
        "TRUNCATE plugin_sql.notes",
        "SELECT * FROM plugin_rival.notes",
        "SELECT * FROM palisade.users",
        "DELETE FROM palisade.plugins",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE evil",
        "SET ROLE palisade",
        "CREATE SCHEMA evil",
        "COPY plugin_sql.notes TO '/tmp/evil'",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        let error = arena.world.sql.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
    arena.world.sql.batch_execute("RESET SESSION AUTHORIZATION").await.unwrap();
}
