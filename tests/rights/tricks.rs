//! Attempts to reach an ungranted column by every SQL construct that could bypass a list of columns.

use super::{insertion, integer, migration, probe, sql, text};
use crate::harness::{World, call, returned};
use palisade::{CallError, Policy};
use serde_json::{Value, json};

/// The value in the ungranted column, which occurs nowhere else.
const SECRET: i64 = 987_654_321;

const SOME: &str =
    r#"{ select = ["id", "title"], insert = ["title", "rank"], update = ["title"], delete = true }"#;

/// Whether a call was rejected, because of a column or because of a construct.
fn is_refused(result: &Result<Value, CallError>) -> bool {
    let Err(CallError::Returned(error)) = result else { return false };
    error["tag"] == "access-denied" || error["tag"] == "invalid-argument"
}

const READS: [&str; 34] = [
    "SELECT * FROM notes",
    "SELECT n.* FROM notes n",
    "SELECT notes FROM notes",
    "SELECT n FROM notes n",
    "SELECT (n).rank FROM notes n",
    "SELECT (notes).* FROM notes",
    "SELECT row_to_json(n) FROM notes n",
    "SELECT to_jsonb(n) FROM notes n",
    "SELECT json_agg(n) FROM notes n",
    "SELECT array_agg(n) FROM notes n",
    "SELECT count(n) FROM notes n",
    "SELECT concat(n) FROM notes n",
    "SELECT n::text FROM notes n",
    "SELECT ROW(n.*) FROM notes n",
    "SELECT rank(n) FROM notes n",
    "SELECT n IS NULL FROM notes n",
    "SELECT x.e FROM (SELECT rank AS e FROM notes) x",
    "SELECT f FROM notes AS n (a, b, c, d, f)",
    "WITH x AS (SELECT * FROM notes) SELECT rank FROM x",
    "WITH x (a) AS (SELECT rank FROM notes) SELECT a FROM x",
    "TABLE notes",
    "SELECT id FROM notes a JOIN notes b USING (rank)",
    "SELECT a.id FROM notes a NATURAL JOIN notes b",
    "SELECT a.id FROM notes a JOIN notes b ON a.rank = b.id",
    "SELECT DISTINCT ON (rank) id FROM notes",
    "SELECT id FROM notes GROUP BY id HAVING max(rank) = 1",
    "SELECT row_number() OVER (ORDER BY rank) FROM notes",
    "SELECT count(*) FILTER (WHERE rank = 1) FROM notes",
    "SELECT id FROM notes WHERE (id, rank) = (1, 1)",
    "SELECT id FROM notes WHERE EXISTS (SELECT 1 FROM notes b WHERE b.id = rank)",
    "SELECT x.i FROM notes n, LATERAL (SELECT n.rank AS i) x",
    "SELECT id FROM notes LIMIT (SELECT max(rank) FROM notes)",
    "SELECT ctid FROM notes",
    "SELECT tableoid FROM notes",
];

const WRITES: [&str; 12] = [
    "INSERT INTO notes VALUES (5, 'b')",
    "INSERT INTO notes (title) SELECT rank::text FROM notes",
    "INSERT INTO notes (title, rank) VALUES ('b', 1) RETURNING *",
    "INSERT INTO notes (title) VALUES ('b') ON CONFLICT (rank) DO NOTHING",
    "INSERT INTO notes (title) VALUES ('b') ON CONFLICT (id) DO UPDATE SET title = excluded.rank::text",
    "INSERT INTO notes (title) VALUES ('b') ON CONFLICT (id) DO UPDATE SET title = 'x' WHERE notes.rank = 1",
    "UPDATE notes SET (title, rank) = ('x', 1)",
    "UPDATE notes SET title = rank::text",
    "UPDATE notes SET title = to_jsonb(notes)::text",
    "UPDATE notes SET title = b.rank::text FROM notes b",
    "DELETE FROM notes USING notes b WHERE b.rank = 1",
    "DELETE FROM notes WHERE notes IS NOT NULL",
];

#[tokio::test]
async fn no_form_of_statement_reaches_an_ungranted_column() {
    let world = World::new().await;
    let folder = probe(SOME);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let row = insertion(&["title", "rank"], json!([text("a"), integer(SECRET)]), &["id"]);
    call(&host, "probe", "writes/insert", row).await.unwrap();
    let before = world.state().await;
    for (function, texts) in [("reads/query", READS.as_slice()), ("writes/execute", WRITES.as_slice())] {
        for text in texts {
            let result = call(&host, "probe", function, sql(text)).await;
            assert!(is_refused(&result), "{text}: {result:?}");
        }
    }
    assert_eq!(world.state().await, before);
    // The same constructs work with granted columns.
    for text in
        ["SELECT a.id FROM notes a JOIN notes b USING (title)", "SELECT DISTINCT ON (title) id FROM notes"]
    {
        assert_eq!(call(&host, "probe", "reads/query", sql(text)).await.unwrap(), json!([[integer(1)]]));
    }
}

#[tokio::test]
async fn constraint_on_an_ungranted_column_reveals_no_value() {
    let world = World::new().await;
    let folder = probe(SOME);
    migration(&folder, "0002_unique.sql", "CREATE UNIQUE INDEX notes_by_rank ON notes (rank);");
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let row = || insertion(&["title", "rank"], json!([text("a"), integer(SECRET)]), &["id"]);
    call(&host, "probe", "writes/insert", row()).await.unwrap();
    let error = returned(call(&host, "probe", "writes/insert", row()).await);
    assert_eq!(error["tag"], "constraint-violation");
    assert!(!error.to_string().contains(&SECRET.to_string()), "{error}");
}
