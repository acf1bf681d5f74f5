//! Migrations beside those who use the tables: locks that others hold, and indexes that are built meanwhile.

use super::{add, scalar, selection, sql_with};
use crate::harness::{World, call, connect};
use palisade::limits::{MIGRATION_LOCK_MS, MIGRATION_LOCKS_MS};
use palisade::{Host, Policy};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than a select takes on a busy machine, and far less than the whole wait for a lock.
const SLACK: Duration = Duration::from_secs(3);

async fn load(host: &Host, folder: &TempDir) -> Result<(), String> {
    let loaded = host.load(folder.path(), &Policy::as_asked()).await;
    loaded.map(drop).map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error)))
}

#[tokio::test]
async fn migration_that_waits_for_a_lock_stalls_no_reader_and_ends_with_a_sentence() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let folder = sql_with(&[("2.sql", "ALTER TABLE kinds ADD COLUMN more text;")]);
    let backup = connect(&world.url()).await;
    backup.batch_execute("BEGIN; SELECT count(*) FROM plugin_sql.kinds").await.unwrap();
    let began = Instant::now();
    let loading = {
        let (host, path) = (host.clone(), folder.path().to_owned());
        tokio::spawn(async move { host.load(path, &Policy::as_asked()).await.map(drop) })
    };
    let (mut reads, mut slowest) = (0, Duration::ZERO);
    while !loading.is_finished() {
        let read = Instant::now();
        call(&host, "sql", "in-query/select", selection("middle", 1, Some(1))).await.unwrap();
        slowest = slowest.max(read.elapsed());
        reads += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = loading.await.unwrap().unwrap_err().to_string();
    assert!(
        refused.contains("its tables are in use") && refused.contains("Nothing has changed"),
        "{refused}"
    );
    let longest = Duration::from_millis(MIGRATION_LOCKS_MS + MIGRATION_LOCK_MS) + 2 * SLACK;
    assert!(began.elapsed() < longest, "{:?}", began.elapsed());
    assert!(slowest < Duration::from_millis(MIGRATION_LOCK_MS) + SLACK, "{slowest:?} of {reads}");
    assert!(reads > 100, "{reads} reads beside the migration");
    // A shorter holder only delays it.
    let loading = {
        let (host, path) = (host.clone(), folder.path().to_owned());
        tokio::spawn(async move { host.load(path, &Policy::as_asked()).await.map(drop) })
    };
    tokio::time::sleep(Duration::from_millis(MIGRATION_LOCK_MS)).await;
    backup.batch_execute("COMMIT").await.unwrap();
    loading.await.unwrap().unwrap();
}

/// Whether the index of `kinds` on `label` is valid; `None` if there is none.
async fn index(world: &World) -> Option<bool> {
    let found = "SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relname = 'kinds_label'";
    let rows = world.sql.query(found, &[]).await.unwrap();
    assert!(rows.len() < 2);
    rows.first().map(|row| row.get(0))
}

async fn recorded(world: &World) -> i64 {
    let files = "SELECT count(*) FROM palisade.plugin_migrations WHERE plugin = 'sql' AND octet_length(checksum) = 32";
    world.count(files).await
}

const UNIQUE: &str =
    "-- Built while the table is in use.\nCREATE UNIQUE INDEX CONCURRENTLY kinds_label ON kinds (label);";

#[tokio::test]
async fn index_that_a_failed_build_left_is_dropped_and_built_again() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let twice = "INSERT INTO plugin_sql.kinds (id, label) VALUES (1, 'a'), (2, 'a')";
    world.sql.batch_execute(twice).await.unwrap();
    let folder = sql_with(&[("2.sql", "CREATE TABLE before (id bigint);"), ("3.sql", UNIQUE)]);
    let refused = load(&host, &folder).await.unwrap_err();
    assert!(
        refused.contains("migrations/3.sql: PostgreSQL refuses") && refused.contains("23505"),
        "{refused}"
    );
    assert_eq!((index(&world).await, recorded(&world).await), (Some(false), 2), "what came before is there");
    // The version that serves goes on.
    call(&host, "sql", "in-query/select", selection("label", 1, Some(1))).await.unwrap();
    world.sql.batch_execute("DELETE FROM plugin_sql.kinds WHERE id = 2").await.unwrap();
    load(&host, &folder).await.unwrap();
    assert_eq!((index(&world).await, recorded(&world).await), (Some(true), 3));
    // The host ended after the build and before the record.
    let unrecord =
        "UPDATE palisade.plugin_migrations SET checksum = '\\x00' || checksum WHERE name = '3.sql'";
    world.sql.batch_execute(unrecord).await.unwrap();
    load(&host, &folder).await.unwrap();
    assert_eq!((index(&world).await, recorded(&world).await), (Some(true), 3));
    // An index of that name that another file made is no reason to skip this one.
    add(&folder, "4.sql", "CREATE INDEX CONCURRENTLY kinds_label ON kinds (code);");
    let refused = load(&host, &folder).await.unwrap_err();
    assert!(refused.contains("42P07"), "{refused}");
}

#[tokio::test]
async fn index_is_built_concurrently_by_one_of_two_hosts_and_later_files_follow() {
    let world = World::new().await;
    let (one, other) = (world.host(&["sql"]).await, world.host(&["sql"]).await);
    let folder = sql_with(&[("2.sql", UNIQUE), ("3.sql", "COMMENT ON INDEX kinds_label IS 'built';")]);
    // A writer in a transaction: the build waits for it, and nobody waits for the build.
    let writer = connect(&world.url()).await;
    writer.batch_execute("BEGIN; INSERT INTO plugin_sql.kinds (id) VALUES (1)").await.unwrap();
    let building = tokio::spawn({
        let (one, other, path) = (one.clone(), other.clone(), folder.path().to_owned());
        async move {
            let policy = Policy::as_asked();
            let (a, b) = tokio::join!(one.load(&path, &policy), other.load(&path, &policy));
            a.map(drop).and(b.map(drop))
        }
    });
    for id in 2..20 {
        let row = super::insertion("label", id, &scalar("text", format!("{id}")));
        call(&one, "sql", "in-mutation/insert", row).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!building.is_finished());
    writer.batch_execute("COMMIT").await.unwrap();
    building.await.unwrap().unwrap();
    assert_eq!((index(&world).await, recorded(&world).await), (Some(true), 3));
}

#[tokio::test]
async fn index_that_is_not_alone_in_its_file_is_refused() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let folder = sql_with(&[("2.sql", &format!("{UNIQUE} CREATE TABLE after (id bigint);"))]);
    let refused = load(&host, &folder).await.unwrap_err();
    assert!(refused.contains("put it into a file of its own"), "{refused}");
    assert_eq!((index(&world).await, recorded(&world).await), (None, 1));
}
