//! Grants on columns.

use super::{
    equals, insertion, integer, is_denied, migration, modification, probe, removal, selection, sql, text,
};
use crate::harness::{World, call};
use palisade::Policy;
use palisade::grant::Grants;
use serde_json::{Value, json};

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn aggregation(group_by: &[&str], measures: Value) -> Value {
    json!({ "aggregation": { "table": "notes", "groupBy": group_by, "measures": measures, "filter": [], "orderBy": [], "limit": null } })
}

fn computed(tag: &str, column: &str) -> Value {
    json!([{ "name": "m", "computation": { "tag": tag, "val": column } }])
}

/// An insert that gives one column of the row in its way a new value.
fn upsert(key: &str, column: &str, merge: &str) -> Value {
    let mut call = insertion(&["title", "rank"], json!([text("c"), integer(1)]), &[]);
    let update = json!([{ "column": column, "merge": { "tag": merge } }]);
    call["insertion"]["onConflict"] =
        json!({ "columns": [key], "resolution": { "tag": "update", "val": update } });
    call
}

const SOME: &str =
    r#"{ select = ["id", "title"], insert = ["title", "rank"], update = ["title"], delete = true }"#;

#[tokio::test]
async fn ungranted_column_is_denied_in_structured_calls_and_sql_text() {
    let world = World::new().await;
    let folder = probe(SOME);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let row = json!([text("a"), integer(1)]);
    call(&host, "probe", "writes/insert", insertion(&["title", "rank"], row.clone(), &["id"])).await.unwrap();
    let before = world.state().await;
    let one = || equals("id", integer(1));
    let mut ordered = selection(&["id"], json!([]));
    ordered["selection"]["orderBy"] = json!([{ "column": "rank", "direction": "ascending" }]);
    let rows: Vec<(&str, Value)> = vec![
        ("reads/select", selection(&["rank"], json!([]))),
        ("reads/select", selection(&["id"], equals("rank", integer(1)))),
        ("reads/select", ordered),
        ("writes/insert", insertion(&["title", "slug"], json!([text("b"), text("b")]), &[])),
        ("writes/insert", insertion(&["title", "rank"], row, &["rank"])),
        ("writes/update", modification("rank", integer(2), one(), &[])),
        ("writes/update", modification("title", text("b"), equals("rank", integer(1)), &[])),
        ("writes/update", modification("title", text("b"), one(), &["rank"])),
        ("writes/delete", removal(equals("rank", integer(1)), &[])),
        ("writes/delete", removal(one(), &["rank"])),
        ("reads/aggregate", aggregation(&["rank"], json!([]))),
        ("reads/aggregate", aggregation(&["id"], computed("count-of", "rank"))),
        ("reads/aggregate", aggregation(&[], computed("maximum", "rank"))),
        ("reads/aggregate", aggregation(&[], computed("sum", "rank"))),
        ("writes/insert", upsert("slug", "title", "inserted")),
        ("writes/insert", upsert("id", "rank", "inserted")),
        ("writes/insert", upsert("id", "slug", "inserted")),
        ("writes/insert", upsert("rank", "rank", "sum")),
        ("reads/query", sql("SELECT rank FROM notes")),
        ("reads/query", sql("SELECT * FROM notes")),
        ("reads/query", sql("SELECT n.* FROM notes n")),
        ("reads/query", sql("SELECT id FROM notes WHERE rank = 1")),
        ("reads/query", sql("SELECT id FROM notes ORDER BY rank")),
        ("reads/query", sql("SELECT count(*) FROM notes GROUP BY rank")),
        ("writes/execute", sql("INSERT INTO notes (title, slug) VALUES ('b', 'b')")),
        ("writes/execute", sql("INSERT INTO notes (title) VALUES ('b') RETURNING rank")),
        ("writes/execute", sql("INSERT INTO notes (title) VALUES ('b') ON CONFLICT (slug) DO NOTHING")),
        (
            "writes/execute",
            sql("INSERT INTO notes (title) VALUES ('b') ON CONFLICT (id) DO UPDATE SET rank = 2"),
        ),
        (
            "writes/execute",
            sql("INSERT INTO notes (title) VALUES ('b') ON CONFLICT (id) DO UPDATE SET title = notes.slug"),
        ),
        ("writes/execute", sql("UPDATE notes SET rank = 2")),
        ("writes/execute", sql("UPDATE notes SET title = slug")),
        ("writes/execute", sql("UPDATE notes SET title = 'b' WHERE rank = 1")),
        ("writes/execute", sql("DELETE FROM notes WHERE rank = 1")),
    ];
    // A condition on a column that may not be read, and a count that only its rows would change.
    let mut counted = aggregation(&[], json!([{ "name": "n", "computation": { "tag": "count" } }]));
    counted["aggregation"]["filter"] = equals("rank", integer(1));
    let rows = rows.into_iter().chain([("reads/aggregate", counted)]);
    for (function, arguments) in rows {
        let result = call(&host, "probe", function, arguments.clone()).await;
        assert!(is_denied(result), "{function} {arguments}");
    }
    assert_eq!(world.state().await, before);
    call(&host, "probe", "writes/update", modification("title", text("b"), one(), &["id"])).await.unwrap();
    let upsert =
        "INSERT INTO notes (title) VALUES ('c') ON CONFLICT (id) DO UPDATE SET title = excluded.title";
    call(&host, "probe", "writes/execute", sql(upsert)).await.unwrap();
    let rows = call(
        &host,
        "probe",
        "reads/query",
        sql("SELECT title, count(*) FROM notes GROUP BY title ORDER BY 1"),
    );
    assert_eq!(rows.await.unwrap(), json!([[text("b"), integer(1)], [text("c"), integer(1)]]));
}

#[tokio::test]
async fn login_itself_is_denied_ungranted_columns() {
    let world = World::new().await;
    let folder = probe(SOME);
    let _host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    world.become_login("probe").await;
    for statement in [
        "SELECT * FROM notes",
        "SELECT notes FROM notes",
        "SELECT rank FROM notes",
        "SELECT id FROM notes WHERE rank = 1",
        "SELECT id FROM notes ORDER BY slug",
        "INSERT INTO notes (title, slug) VALUES ('a', 'a')",
        "INSERT INTO notes (title) VALUES ('a') RETURNING rank",
        "INSERT INTO notes (title) VALUES ('a') ON CONFLICT (slug) DO NOTHING",
        "UPDATE notes SET rank = 1",
        "UPDATE notes SET title = slug",
        "UPDATE notes SET title = 'b' WHERE rank = 1",
        "DELETE FROM notes WHERE rank = 1",
        "SELECT nextval('notes_id_seq')",
    ] {
        let error = world.sql.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code().unwrap().code(), "42501", "{statement}");
    }
    for statement in [
        "INSERT INTO notes (title, rank) VALUES ('a', 1) RETURNING id",
        "UPDATE notes SET title = 'b' WHERE id = 1",
        "SELECT id, title FROM notes",
        "DELETE FROM notes WHERE title = 'b'",
    ] {
        world.sql.batch_execute(statement).await.expect(statement);
    }
}

#[tokio::test]
async fn narrowed_grant_is_revoked_in_the_database() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let may = async |column: &str, right: &str| {
        let role = "SELECT has_column_privilege(role, 'plugin_probe.notes', $1, $2) FROM palisade.plugins";
        world.sql.query_one(role, &[&column, &right]).await.unwrap().get::<_, bool>(0)
    };
    assert!(may("rank", "SELECT").await && may("rank", "UPDATE").await);
    for (notes, read, changed) in [
        (r#"{ select = ["id", "rank"], insert = true, update = ["rank"], delete = true }"#, true, true),
        (r#"{ select = ["id", "rank"], insert = true, update = ["title"], delete = true }"#, true, false),
        (r#"{ select = ["id"], insert = true, update = ["title"], delete = true }"#, false, false),
    ] {
        let narrower = probe(notes);
        host.load(narrower.path(), &Policy::as_asked()).await.unwrap();
        assert_eq!((may("rank", "SELECT").await, may("rank", "UPDATE").await), (read, changed), "{notes}");
    }
    assert!(may("id", "SELECT").await && may("rank", "INSERT").await);
}

#[tokio::test]
async fn policy_with_fewer_columns_narrows_the_grant() {
    let world = World::new().await;
    let grants: Grants = toml::from_str(
        "db = { tables = { notes = { select = [\"id\"], insert = true, update = true, delete = true } }, query = true, \
         execute = true }\nuser = [\"has-permission\", \"get\"]\nvariables = [\"write\"]\n\
         item = { types = { note = [\"read\", \"write\"] } }\n\
         http = [{ url = \"https://api.example.com/v1/\", methods = [\"GET\", \"POST\"] }]",
    )
    .unwrap();
    let host =
        world.builder().plugin(crate::harness::guest("probe"), Policy::only(grants)).build().await.unwrap();
    assert!(is_denied(call(&host, "probe", "reads/select", selection(&["title"], json!([]))).await));
    call(&host, "probe", "reads/select", selection(&["id"], json!([]))).await.unwrap();
    let described = host.plugins()[0].grants.db.tables["notes"].to_string();
    assert_eq!(described, "select (id), insert, update, delete");
}

#[tokio::test]
async fn grant_on_an_unusable_column_is_rejected_by_name() {
    let world = World::new().await;
    for (notes, expected) in [
        (
            r#"{ select = ["id", "titel"], insert = true, update = true, delete = true }"#,
            "the column `titel` of the table `notes`",
        ),
        (
            r#"{ select = true, insert = ["ctid"], update = true, delete = true }"#,
            "the column `ctid` of the table `notes`",
        ),
        (
            r#"{ select = true, insert = true, update = ["x\"; DROP TABLE notes; --"], delete = true }"#,
            "DROP TABLE",
        ),
        (
            r#"{ select = true, insert = true, update = true, delete = true, owner = "author" }"#,
            "the column `author` of the table `notes`",
        ),
        (
            r#"{ select = true, insert = true, update = true, delete = true, owner = "title" }"#,
            "`title` as the owner of a row of `notes`, and it is no `uuid`",
        ),
    ] {
        let folder = probe(notes);
        let result = world.builder().plugin(folder.path(), Policy::as_asked()).build().await;
        let sentence = result.map(drop).unwrap_err().to_string();
        assert!(sentence.contains("plugin `probe`") && sentence.contains(expected), "{sentence}");
    }
    assert_eq!(world.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'plugin_probe'").await, 0);
}

#[tokio::test]
async fn sequence_is_usable_only_with_insert_on_its_table() {
    let world = World::new().await;
    let folder = probe(r#"["select", "insert", "update", "delete"], extra = ["select"]"#);
    migration(
        &folder,
        "0002_extra.sql",
        "CREATE TABLE extra (id bigint GENERATED BY DEFAULT AS IDENTITY, n bigint);",
    );
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    // No migration creates a sequence of its own, but the owner of the database can.
    let owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'plugin_probe'";
    let owner: String = world.sql.query_one(owner, &[]).await.unwrap().get(0);
    for (name, column) in [("of_notes", "notes.rank"), ("of_extra", "extra.n"), ("free", "NONE")] {
        let column = if column == "NONE" { column.to_owned() } else { format!("plugin_probe.{column}") };
        let make = format!(
            "CREATE SEQUENCE plugin_probe.{name}; ALTER SEQUENCE plugin_probe.{name} OWNER TO {owner}; \
             ALTER SEQUENCE plugin_probe.{name} OWNED BY {column}"
        );
        world.sql.batch_execute(&make).await.unwrap();
    }
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    for (name, expected) in [
        ("of_notes", true),
        ("of_extra", false),
        ("free", false),
        ("notes_id_seq", false),
        ("extra_id_seq", false),
    ] {
        let may = "SELECT has_sequence_privilege(role, $1::text, 'USAGE') FROM palisade.plugins";
        let sequence = format!("plugin_probe.{name}");
        let may: bool = world.sql.query_one(may, &[&sequence]).await.unwrap().get(0);
        assert_eq!(may, expected, "{name}");
    }
    call(&host, "probe", "writes/insert", insertion(&["title"], json!([text("a")]), &["id"])).await.unwrap();
}
