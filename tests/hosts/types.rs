//! A column whose type changes under a running host: each way to read or write it ends with what is there now, or with an
//! error, and never with bytes of one type read as another.
//!
//! Each way has a host of its own, so that each meets the change first.

use super::{add, insertion, modification, scalar, selection, sql_with};
use crate::harness::{World, call, guest, returned};
use crate::supervision::until;
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};

/// A change, as SQL after `ALTER TABLE plugin_sql.kinds`, and a value of the column before it.
struct Change {
    column: &'static str,
    before: &'static str,
    alter: &'static str,
}

const fn change(column: &'static str, before: &'static str, alter: &'static str) -> Change {
    Change { column, before, alter }
}

const CHANGES: &[Change] = &[
    change("middle", "42", "ALTER middle TYPE real"),
    change("large", "42", "ALTER large TYPE double precision"),
    change("small", "7", "ALTER small TYPE bigint"),
    change("single", "0.5", "ALTER single TYPE integer"),
    change("ratio", "0.5", "ALTER ratio TYPE bigint"),
    change("amount", "12.5", "ALTER amount TYPE double precision"),
    change("flag", "true", "ALTER flag TYPE smallint USING flag::integer"),
    change("label", "'abcd'", "ALTER label TYPE bytea USING convert_to(label, 'UTF8')"),
    change("data", "'\\x61626364'", "ALTER data TYPE text USING convert_from(data, 'UTF8')"),
    change("code", "'true'", "ALTER code TYPE boolean USING code::boolean"),
    change("key", "'00000000-0000-0000-0000-000000000007'", "ALTER key TYPE text"),
    change("day", "'2026-01-31'", "ALTER day TYPE timestamp"),
    change("hour", "'12:30'", "ALTER hour TYPE interval"),
    change(
        "local_at",
        "'2026-01-31 12:00'",
        "ALTER local_at TYPE timestamptz USING local_at AT TIME ZONE 'Asia/Tokyo'",
    ),
    change("at", "'2026-01-31 12:00Z'", "ALTER at TYPE timestamp USING at AT TIME ZONE 'Asia/Tokyo'"),
    change("span", "'1 hour'", "ALTER span TYPE bigint USING extract(epoch FROM span)"),
    change("raw", "'[1]'", "ALTER raw TYPE jsonb"),
    change("extra", "'[1]'", "ALTER extra TYPE text"),
    change("address", "'10.0.0.1'", "ALTER address TYPE text"),
    change("network", "'10.0.0.0/8'", "ALTER network TYPE inet"),
    change("feeling", "'sad'", "ALTER feeling TYPE text"),
    change("tags", "'{abcd}'", "ALTER tags TYPE bytea[] USING ARRAY['\\x01'::bytea]"),
    change("numbers", "'{1,2}'", "ALTER numbers TYPE double precision[]"),
    change("amounts", "'{1.5}'", "ALTER amounts TYPE text[]"),
    change("feelings", "'{sad,glad}'", "ALTER feelings TYPE text[]"),
    // What the columns are now, after the changes above.
    change("middle", "42", "DROP middle, ADD middle text DEFAULT 'new'"),
    change("large", "7", "DROP large, ADD large bytea DEFAULT '\\x00000000000000ff'"),
    change("small", "7", "DROP small"),
];

/// The ways to read a column of the row with an id.
const READS: &[(&str, &str, Option<u32>)] = &[
    ("in-query", "select", Some(1)),
    ("in-query", "select", None),
    ("in-mutation", "select", Some(1)),
    ("in-mutation", "select", None),
    ("in-action", "select", Some(1)),
    ("in-action", "select", None),
];

/// The ways to write one.
const WRITES: &[(&str, &str)] =
    &[("in-mutation", "insert"), ("in-mutation", "update"), ("in-action", "insert"), ("in-action", "update")];

/// Calls until no race is lost: an action is told that it lost one when the tables changed under it.
async fn settled(host: &Host, function: &str, arguments: &Value) -> Result<Value, Value> {
    for _ in 0..3 {
        match call(host, "sql", function, arguments.clone()).await {
            Ok(value) => return Ok(value),
            Err(CallError::Returned(error)) if error["tag"] == "serialization" => {}
            Err(CallError::Returned(error)) => return Err(error),
            Err(other) => panic!("{function}: {other:?}"),
        }
    }
    panic!("{function} loses every race")
}

/// What a column of a row has, by the types that the server names at this moment.
async fn now(host: &Host, column: &str, id: i64) -> Result<Value, Value> {
    let sql = format!("SELECT \"{column}\" FROM kinds WHERE id = {id}");
    let answer = settled(host, "in-query/query", &json!({ "sql": sql, "parameters": [] })).await?;
    Ok(answer["rows"].clone())
}

async fn hosts(world: &World, count: usize) -> Vec<Host> {
    let mut hosts = Vec::new();
    for _ in 0..count {
        hosts.push(world.host(&["sql"]).await);
    }
    // What a later migration would do by itself.
    world
        .sql
        .batch_execute("ALTER TABLE plugin_sql.kinds DROP CONSTRAINT palisade_value_size")
        .await
        .unwrap();
    hosts
}

#[tokio::test]
async fn value_of_a_column_whose_type_changes_is_read_as_what_it_is_now() {
    let world = World::new().await;
    let hosts = hosts(&world, READS.len() + 1).await;
    let (other, hosts) = hosts.split_last().unwrap();
    for (id, Change { column, before, alter }) in (1..).zip(CHANGES) {
        let row = format!("INSERT INTO plugin_sql.kinds (id, {column}) VALUES ({id}, {before})");
        world.sql.batch_execute(&row).await.unwrap();
        for (host, (kind, function, limit)) in hosts.iter().zip(READS) {
            let read = settled(host, &format!("{kind}/{function}"), &selection(column, id, *limit)).await;
            assert_eq!(read.unwrap()["rows"], now(other, column, id).await.unwrap(), "{column} in {kind}");
        }
        world.sql.batch_execute(&format!("ALTER TABLE plugin_sql.kinds {alter}")).await.unwrap();
        let expected = now(other, column, id).await;
        assert_eq!(expected.is_err(), *alter == "DROP small", "{alter}: {expected:?}");
        for (host, (kind, function, limit)) in hosts.iter().zip(READS) {
            let way = format!("{alter} in {kind} with limit {limit:?}");
            let read = settled(host, &format!("{kind}/{function}"), &selection(column, id, *limit)).await;
            match (&expected, read) {
                (Ok(expected), Ok(read)) => assert_eq!(read["rows"], *expected, "{way}"),
                (Err(_), Err(error)) => assert_eq!(error["tag"], "access-denied", "{way}"),
                (expected, read) => panic!("{way}: {read:?} instead of {expected:?}"),
            }
        }
    }
}

#[tokio::test]
async fn value_for_a_column_whose_type_changes_is_refused_or_stored_as_what_it_is() {
    let world = World::new().await;
    let hosts = hosts(&world, WRITES.len() + 1).await;
    let (other, hosts) = hosts.split_last().unwrap();
    for (id, Change { column, before, alter }) in (1..).zip(&CHANGES[..25]) {
        let (first, last) = (id * 100, id * 100 + 1);
        let row =
            format!("INSERT INTO plugin_sql.kinds (id, {column}) VALUES ({first}, {before}), ({last}, NULL)");
        world.sql.batch_execute(&row).await.unwrap();
        let value = now(other, column, first).await.unwrap()[0][0].clone();
        let write = async |host: &Host, (kind, function): &(&str, &str), id: i64| {
            let arguments = match *function {
                "insert" => insertion(column, id, &value),
                _ => modification(column, last, &value, if *kind == "in-action" { &[] } else { &["id"] }),
            };
            settled(host, &format!("{kind}/{function}"), &arguments).await
        };
        for (number, (host, way)) in (2..).zip(hosts.iter().zip(WRITES)) {
            write(host, way, first + number).await.unwrap();
        }
        let reset = format!(
            "DELETE FROM plugin_sql.kinds WHERE id > {last}; UPDATE plugin_sql.kinds SET {column} = NULL WHERE id = {last}; \
             ALTER TABLE plugin_sql.kinds {alter}"
        );
        world.sql.batch_execute(&reset).await.unwrap();
        for (number, (host, way)) in (2..).zip(hosts.iter().zip(WRITES)) {
            let written = write(host, way, first + number).await;
            let wrong = format!(
                "SELECT count(*) FROM plugin_sql.kinds n, plugin_sql.kinds o WHERE o.id = {first} AND n.id >= {last} \
                 AND n.id < {first} + 100 AND n.{column} IS NOT NULL AND n.{column}::text <> o.{column}::text"
            );
            assert_eq!(world.count(&wrong).await, 0, "{alter} by {way:?}: {written:?}");
            if let Err(error) = written {
                assert_eq!(error["tag"], "invalid-argument", "{alter} by {way:?}: {error}");
            }
        }
    }
}

/// Before the change the column stores the value as it is; after it PostgreSQL would round, cut or pad it without a word.
#[tokio::test]
async fn value_that_a_changed_column_would_not_store_exactly_is_refused() {
    let world = World::new().await;
    let hosts = hosts(&world, WRITES.len()).await;
    for (id, (column, value, alter)) in (1..).zip([
        ("amount", scalar("numeric", "1.25"), "ALTER amount TYPE numeric(10, 0)"),
        ("ratio", scalar("float", 0.1), "ALTER ratio TYPE real"),
        ("middle", scalar("integer", 16_777_217), "ALTER middle TYPE real"),
        ("large", scalar("integer", 9_007_199_254_740_993_i64), "ALTER large TYPE double precision"),
        ("at", scalar("timestamptz", 5_000_001), "ALTER at TYPE timestamptz(0)"),
        ("local_at", scalar("timestamp", 5_000_001), "ALTER local_at TYPE date"),
        ("label", scalar("text", "ab "), "ALTER label TYPE varchar(2)"),
        ("code", scalar("text", "ab"), "ALTER code TYPE char(5)"),
    ]) {
        let row = format!("INSERT INTO plugin_sql.kinds (id) VALUES ({id})");
        world.sql.batch_execute(&row).await.unwrap();
        for (number, (host, (kind, function))) in (1..).zip(hosts.iter().zip(WRITES)) {
            let write = |new| match *function {
                "insert" => insertion(column, new, &value),
                _ => modification(column, id, &value, &[]),
            };
            settled(host, &format!("{kind}/{function}"), &write(id * 100 + number)).await.unwrap();
        }
        let reset =
            format!("UPDATE plugin_sql.kinds SET {column} = NULL; ALTER TABLE plugin_sql.kinds {alter}");
        world.sql.batch_execute(&reset).await.unwrap();
        for (number, (host, (kind, function))) in (11..).zip(hosts.iter().zip(WRITES)) {
            let write = match *function {
                "insert" => insertion(column, id * 100 + number, &value),
                _ => modification(column, id, &value, &[]),
            };
            let written = settled(host, &format!("{kind}/{function}"), &write).await;
            assert_eq!(
                written.map_err(|error| error["tag"].clone()),
                Err(json!("invalid-argument")),
                "{alter}"
            );
            let stored = format!("SELECT count(*) FROM plugin_sql.kinds WHERE {column} IS NOT NULL");
            assert_eq!(world.count(&stored).await, 0, "{alter} by {function} in {kind}");
        }
    }
}

/// A comparison of a `timestamp` with a `timestamptz` would depend on the session's time zone, and no returned column shows it.
#[tokio::test]
async fn column_that_is_only_compared_is_known_to_have_changed() {
    let world = World::new().await;
    let host = hosts(&world, 1).await.remove(0);
    world
        .sql
        .batch_execute("INSERT INTO plugin_sql.kinds (id, local_at) VALUES (1, '1970-01-01')")
        .await
        .unwrap();
    let zero = scalar("timestamp", 0);
    let filter = json!([[{ "column": "local_at", "test": { "tag": "equal", "val": zero } }]]);
    let select = |limit: Option<u32>| {
        json!({ "selection": {
        "table": "kinds", "columns": ["id"], "filter": filter, "orderBy": [], "limit": limit, "after": [] } })
    };
    let rows = settled(&host, "in-query/select", &select(Some(2))).await.unwrap();
    assert_eq!(rows["rows"], json!([[scalar("integer", 1)]]));
    let alter =
        "ALTER TABLE plugin_sql.kinds ALTER local_at TYPE timestamptz USING local_at AT TIME ZONE 'UTC'";
    world.sql.batch_execute(alter).await.unwrap();
    for removes in [false, true] {
        let removal = json!({ "removal": { "table": "kinds", "filter": filter, "returning": [] } });
        let ended = if removes {
            settled(&host, "in-mutation/delete", &removal).await
        } else {
            settled(&host, "in-query/select", &select(Some(2))).await
        };
        assert_eq!(ended.unwrap_err()["tag"], "invalid-argument");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.kinds").await, 1);
}

#[tokio::test]
async fn host_goes_on_when_another_host_migrates_its_tables() {
    let world = World::new().await;
    let old = world.host(&["sql"]).await;
    let row = insertion("middle", 1, &scalar("integer", 42));
    settled(&old, "in-mutation/insert", &row).await.unwrap();
    settled(&old, "in-query/select", &selection("middle", 1, Some(1))).await.unwrap();
    let folder = sql_with(&[("2.sql", "ALTER TABLE kinds ALTER COLUMN middle TYPE real;")]);
    let new = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    for host in [&old, &new] {
        for limit in [Some(1), None] {
            let read = settled(host, "in-query/select", &selection("middle", 1, limit)).await.unwrap();
            assert_eq!(read["rows"], json!([[scalar("float", 42.0)]]));
            assert_eq!(read["columns"][0]["typeName"], "float4");
        }
    }
    // A label of an enum has no type of its own: the host hears of it from the other's note.
    add(&folder, "3.sql", "ALTER TYPE mood ADD VALUE 'calm';");
    new.load(folder.path(), &Policy::as_asked()).await.unwrap();
    let calm = |id| insertion("feeling", id, &scalar("text", "calm"));
    settled(&new, "in-mutation/insert", &calm(2)).await.unwrap();
    let mut tries = 0;
    while settled(&old, "in-mutation/insert", &calm(3)).await.is_err() {
        tries += 1;
        assert!(tries < 100, "the host never hears of the new label");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let read = settled(&old, "in-query/select", &selection("feeling", 3, None)).await.unwrap();
    assert_eq!(read["rows"], json!([[scalar("text", "calm")]]));
}

#[tokio::test]
async fn host_whose_plugin_no_longer_fits_its_tables_stops_serving_it_with_a_sentence() {
    let world = World::new().await;
    let narrow = crate::harness::altered("sql", |manifest| {
        let all = r#"kinds = ["select", "insert", "update", "delete"]"#;
        assert!(manifest.contains(all));
        manifest.replace(all, r#"kinds = { select = ["id", "middle"], insert = ["id", "middle"] }"#)
    });
    let host = world.builder().plugin(narrow.path(), Policy::as_asked()).build().await.unwrap();
    settled(&host, "in-mutation/insert", &insertion("middle", 1, &scalar("integer", 42))).await.unwrap();
    let rename = "ALTER TABLE plugin_sql.kinds RENAME middle TO centre";
    world.sql.batch_execute(rename).await.unwrap();
    let read = async || call(&host, "sql", "in-query/select", selection("middle", 1, Some(1))).await;
    assert!(matches!(read().await, Err(CallError::NotLoaded { .. })));
    let status = host.statuses().remove(0).status;
    assert_eq!(status.state(), "not-loaded");
    let sentence = format!("{status:?}");
    assert!(sentence.contains("the column `middle` of the table `kinds`"), "{sentence}");
    // The version that fits is loaded, here or by another host.
    world.sql.batch_execute("ALTER TABLE plugin_sql.kinds RENAME centre TO middle").await.unwrap();
    let _other = world.builder().plugin(narrow.path(), Policy::as_asked()).build().await.unwrap();
    until(&host, "sql", "serving").await;
    let rows = read().await.unwrap();
    assert_eq!(rows["rows"], json!([[scalar("integer", 42)]]));
}

/// A guest's SQL text can fail as often as it likes without a change of any table.
#[tokio::test]
async fn text_that_never_fitted_the_tables_keeps_its_error() {
    let world = World::new().await;
    let host = world.builder().plugin(guest("sql"), Policy::as_asked()).build().await.unwrap();
    for kind in ["in-query", "in-mutation", "in-action"] {
        for _ in 0..3 {
            let text = json!({ "sql": "SELECT id FROM notes WHERE title = rank", "parameters": [] });
            let error = returned(call(&host, "sql", &format!("{kind}/query"), text).await);
            assert_eq!(error["tag"], "invalid-argument", "{error}");
        }
    }
}
