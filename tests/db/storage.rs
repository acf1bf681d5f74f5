//! The storage quota: what fits is written, what does not is undone, and deletes are always possible.

use crate::harness::{World, altered, call, returned};
use palisade::limits::MIB;
use palisade::{Host, Policy};
use serde_json::{Value, json};

/// A plugin whose tables may take this many bytes more than they take empty.
async fn host_with(world: &World, room: u64) -> (Host, u64) {
    let empty = world.host(&["sql"]).await;
    let taken = size(world).await;
    empty.stop().await;
    let quota = taken + room;
    let folder = altered("sql", |manifest| format!("{manifest}\n[limits]\nstorage = \"{quota} B\"\n"));
    (world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap(), quota)
}

async fn size(world: &World) -> u64 {
    let text = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c \
        WHERE relnamespace = 'plugin_sql'::regnamespace AND relkind = 'r'";
    u64::try_from(world.count(text).await).unwrap()
}

async fn execute(host: &Host, kind: &str, sql: &str) -> Result<u64, Value> {
    let done = call(host, "sql", &format!("{kind}/execute"), json!({ "sql": sql, "parameters": [] })).await;
    match done {
        Ok(value) => Ok(value.as_u64().unwrap()),
        other => Err(returned(other)),
    }
}

fn is_over(error: &Value, quota: u64) -> bool {
    let usage = &error["val"];
    error["tag"] == "limit-exceeded" && usage["which"] == "storage" && usage["max"] == quota
}

/// Fills `notes` with texts that do not compress.
const FILL: &str = "INSERT INTO notes (title, body) SELECT md5(random_text.n::text), \
    (SELECT string_agg(md5((random_text.n * 1000 + part)::text), '') FROM unnest(array[1,2,3,4,5,6,7,8]) part) \
    FROM unnest(array[";

fn rows(from: u32, count: u32) -> String {
    let numbers: Vec<String> = (from..from + count).map(|n| n.to_string()).collect();
    format!("{FILL}{}]) AS random_text(n)", numbers.join(","))
}

#[tokio::test]
async fn write_over_the_storage_quota_is_undone_and_one_within_it_is_kept() {
    for kind in ["in-mutation", "in-action"] {
        let world = World::new().await;
        let (host, quota) = host_with(&world, MIB).await;
        assert_eq!(execute(&host, kind, &rows(0, 100)).await, Ok(100), "{kind}");
        let mut written = 100;
        let refused = loop {
            match execute(&host, kind, &rows(written, 200)).await {
                Ok(_) => written += 200,
                Err(error) => break error,
            }
            assert!(written < 50_000, "nothing refuses it");
        };
        assert!(is_over(&refused, quota), "{kind}: {refused}");
        assert!(written > 1_000, "{kind}: a third of the room is used at least");
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, i64::from(written), "{kind}");
        // One statement, and what undone statements leave in the files.
        assert!(size(&world).await < quota + quota / 4, "{kind}");
        for _ in 0..20 {
            assert!(execute(&host, kind, &rows(written, 200)).await.is_err(), "{kind}");
        }
        assert!(size(&world).await < quota + quota / 4, "{kind}: refused statements fill the disk");
        let update = "UPDATE notes SET body = body || body || body";
        assert!(execute(&host, kind, update).await.is_err_and(|error| is_over(&error, quota)), "{kind}");
        assert_eq!(execute(&host, kind, "DELETE FROM notes").await, Ok(u64::from(written)), "{kind}");
        // VACUUM gives the end of the file back only if nobody looks at the table meanwhile.
        for _ in 0..50 {
            world.sql.batch_execute("VACUUM plugin_sql.notes").await.unwrap();
            if size(&world).await < quota / 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(execute(&host, kind, &rows(0, 100)).await, Ok(100), "{kind}: there is room again");
    }
}

#[tokio::test]
async fn structured_insert_over_the_storage_quota_is_undone() {
    let world = World::new().await;
    let (host, quota) = host_with(&world, 256 * 1024).await;
    let insert = async |number: u32| {
        let text = |text: String| json!({ "tag": "scalar", "val": { "tag": "text", "val": text } });
        let parts = (0..2_000_u64).map(|part| format!("{:x}", part * 2_654_435_761 + u64::from(number)));
        let body = parts.collect::<Vec<_>>().concat();
        let insertion = json!({ "table": "notes", "columns": ["title", "body"],
            "rows": [[text(format!("n{number}")), text(body)]], "returning": [] });
        call(&host, "sql", "in-mutation/insert", json!({ "insertion": insertion })).await
    };
    let mut number = 0;
    let refused = loop {
        match insert(number).await {
            Ok(_) => number += 1,
            other => break returned(other),
        }
        assert!(number < 1_000, "nothing refuses it");
    };
    assert!(number > 2 && is_over(&refused, quota), "{number}: {refused}");
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, i64::from(number));
}

/// An operator can raise the quota of a plugin over the default.
#[tokio::test]
async fn size_of_one_plugin_says_nothing_of_another_and_no_login_may_ask() {
    let world = World::new().await;
    let _host = world.host(&["sql", "probe"]).await;
    let other: String = world
        .sql
        .query_one("SELECT role FROM palisade.plugins WHERE name = 'probe'", &[])
        .await
        .unwrap()
        .get(0);
    let own = world.become_login("sql").await;
    let ask = async |role: &str| -> i64 {
        world.sql.query_one("SELECT palisade.storage($1::text::name)", &[&role]).await.unwrap().get(0)
    };
    assert!(ask(&own).await > 0);
    assert_eq!(ask(&other).await, 0);
}
