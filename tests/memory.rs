//! Statements that need more memory or disk than is available. They run as a plugin's login, without the gate.

use crate::harden::{build, login};
use crate::harness::{World, connect};
use tokio_postgres::Client;

/// A session of `probe`'s login with raised timeouts: no grant prevents a login from raising them.
async fn session(world: &World) -> Client {
    let login = login(world).await;
    world.sql.batch_execute(&format!("ALTER ROLE {login} PASSWORD 'known'")).await.unwrap();
    let url = world.url().replace("user=palisade", &format!("user={login} password=known"));
    let client = connect(&url).await;
    client
        .batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .await
        .unwrap();
    client
}

#[tokio::test]
async fn statement_that_needs_gigabytes_ends_and_the_server_survives() {
    let world = World::new().await;
    let host = build(&world).await.unwrap();
    let (bomber, neighbour) = (session(&world).await, session(&world).await);
    neighbour.batch_execute("BEGIN; SELECT FROM plugin_probe.notes").await.unwrap();
    let started: i64 = world.count("SELECT extract(epoch FROM pg_postmaster_start_time())::bigint").await;
    for (bomb, codes) in [
        // A value over 1 GB exceeds PostgreSQL's own limit, unless memory runs out first.
        (
            "SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 4000)",
            ["53200", "54000"],
        ),
        ("SELECT array_fill(1, ARRAY[2000000000])", ["53200", "54000"]),
        ("SELECT array_agg(repeat('x', 10000)) IS NULL FROM generate_series(1, 1000000)", ["53200", "53200"]),
        (
            "SELECT length(repeat('a', 900000000) || '') + length(repeat('b', 900000000) || '')",
            ["53200", "53200"],
        ),
        // The rows of a recursion go to a file, whose size has its own limit.
        (
            "WITH RECURSIVE a AS (SELECT repeat('x', 1000000) t UNION ALL SELECT t || t FROM a) SELECT max(length(t)) FROM a",
            ["53200", "53400"],
        ),
    ] {
        let error = bomber.batch_execute(bomb).await.expect_err(bomb);
        assert!(codes.contains(&error.code().unwrap().code()), "{bomb}: {error:?}");
        bomber.batch_execute("SELECT 1").await.unwrap();
    }
    neighbour.batch_execute("SELECT FROM plugin_probe.notes; COMMIT").await.unwrap();
    // A server crash would have closed all connections and restarted the server.
    assert_eq!(world.count("SELECT extract(epoch FROM pg_postmaster_start_time())::bigint").await, started);
    host.ready().await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn statement_that_fills_the_disk_ends_at_the_login_limit() {
    let world = World::new().await;
    let host = build(&world).await.unwrap();
    let session = session(&world).await;
    let sorted = |rows: u32| {
        format!(
            "SELECT count(*) FROM (SELECT repeat(md5(g::text), 100) FROM generate_series(1, {rows}) g ORDER BY 1 OFFSET 0) s"
        )
    };
    session.batch_execute(&sorted(20_000)).await.unwrap();
    let error = session.batch_execute(&sorted(200_000)).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "53400", "{error:?}");
    let error = session.batch_execute("SET temp_file_limit = -1").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501", "{error:?}");
    host.stop().await;
}

/// The role itself has them, so that they hold where a session gets no options, as behind a PgBouncer, whatever the database says.
#[tokio::test]
async fn login_has_the_hosts_settings_in_every_session() {
    let world = World::new().await;
    let database = world.database();
    let hostile = format!(
        "ALTER DATABASE {database} SET jit = on; ALTER DATABASE {database} SET geqo_threshold = 100; \
         ALTER DATABASE {database} SET \"DateStyle\" = 'German'; ALTER DATABASE {database} SET work_mem = '1GB'; \
         ALTER DATABASE {database} SET search_path = nowhere"
    );
    world.sql.batch_execute(&hostile).await.unwrap();
    let host = build(&world).await.unwrap();
    let session = session(&world).await;
    for (setting, value) in [
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("geqo_threshold", "8"),
        ("join_collapse_limit", "8"),
        ("DateStyle", "ISO, MDY"),
        ("work_mem", "4MB"),
        ("hash_mem_multiplier", "1"),
        ("search_path", "plugin_probe"),
    ] {
        let shown: String = session.query_one(&format!("SHOW {setting}"), &[]).await.unwrap().get(0);
        assert_eq!(shown, value, "{setting}");
    }
    host.stop().await;
}
