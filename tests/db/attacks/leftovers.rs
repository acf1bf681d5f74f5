//! S12, S13: what one user of a connection could leave behind for the next.

use super::arena::Arena;
use crate::harness::call;
use palisade::CallError;
use serde_json::{Value, json};

/// S12: leaves everything in a session that a session can keep. It runs within a plugin's statement with the server's
/// rights, because a plugin's own statement cannot do it. It prepares no statements, because the host's prepared
/// statements stay.
const LEAVE_EVERYTHING: &str = "
    CREATE FUNCTION watch.soil() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        PERFORM set_config('statement_timeout', '0', false), set_config('search_path', 'plugin_rival', false),
            set_config('idle_in_transaction_session_timeout', '0', false), set_config('TimeZone', 'Pacific/Kiritimati', false),
            set_config('session_replication_role', 'replica', false);
        PERFORM pg_advisory_lock(7), pg_advisory_lock_shared(8);
        EXECUTE 'CREATE TEMP TABLE IF NOT EXISTS notes (title text)';
        EXECUTE 'LISTEN evil';
        EXECUTE 'DECLARE evil CURSOR WITH HOLD FOR SELECT 1';
        IF NEW.what = 'fail' THEN RAISE EXCEPTION 'planted-exception' USING DETAIL = 'planted-detail', HINT = 'planted-hint'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER soil BEFORE INSERT ON plugin_sql.journal FOR EACH ROW EXECUTE FUNCTION watch.soil();";

/// A lock timeout longer than any test: only a cancellation ends a waiting statement.
const LONG_LOCK_TIMEOUT: &str =
    "ALTER ROLE {role} SET lock_timeout = '120s'; ALTER ROLE {role} SET statement_timeout = '120s'";

/// S12: what the plugin's own statements leave behind: a failed statement, an open transaction, a transaction that
/// ends with an `err`, a result that is not read to its end.
const STATEMENTS: &[&str] = &[
    "SELECT 1 / 0",
    "SELECT title FROM notes",
    "SELECT body::integer FROM notes",
    "SELECT sum(rank) FROM notes",
    "SELECT a.title FROM notes a, notes b, notes c",
    "VALUES (1)",
];

#[tokio::test]
async fn session_state_is_cleared_before_the_next_borrower() {
    leave_everything_in_sessions_and_check_them().await;
}

/// Runs statements that leave everything possible in their sessions, and checks each session afterwards.
pub async fn leave_everything_in_sessions_and_check_them() {
    let arena = Arena::new().await;
    arena.world.sql.batch_execute(LEAVE_EVERYTHING).await.unwrap();
    for kind in ["in-mutation", "in-action"] {
        for (what, goes_through) in [("kept", true), ("fail", false)] {
            let sql =
                json!({ "sql": format!("INSERT INTO journal (what) VALUES ('{what}')"), "parameters": [] });
            let outcome = arena.call(&format!("{kind}/execute"), sql).await;
            assert_eq!(outcome.is_ok(), goes_through, "{kind} {what}: {outcome:?}");
            if let Err(CallError::Returned(error)) = outcome {
                super::arena::assert_reveals_nothing(what, &error);
            }
            arena.assert_clean_sessions().await;
        }
    }
    assert_eq!(arena.world.count("SELECT count(*) FROM plugin_sql.journal WHERE what = 'kept'").await, 2);
}

#[tokio::test]
async fn abandoned_transaction_is_cleared_before_the_next_borrower() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    for sql in STATEMENTS {
        for kind in ["in-query", "in-mutation", "in-action"] {
            arena.each(&format!("{kind}/query-each"), &vec![(*sql).to_owned(); 3]).await;
            let failed = arena.call(&format!("{kind}/query-then-fail"), json!({ "sql": sql })).await;
            assert!(matches!(failed, Err(CallError::Returned(_))), "{kind} {sql}: {failed:?}");
            arena.assert_clean_sessions().await;
        }
    }
    arena.assert_unharmed(&before).await;
}

/// S13: the caller disconnects while its statement waits.
#[tokio::test]
async fn dropped_call_stops_its_statement_and_no_later_one() {
    let arena = Arena::prepared(|manifest| manifest, LONG_LOCK_TIMEOUT).await;
    let before = arena.world.snapshot().await;
    let lock = arena.locked("plugin_sql.notes").await;
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND wait_event_type = 'Lock'",
        arena.role
    );
    let readings = json!({ "sql": "SELECT body FROM readings", "parameters": [] });
    for round in 0..20 {
        let kind = ["in-query", "in-mutation", "in-action"][round % 3];
        let host = arena.host.clone();
        let dropped = tokio::spawn(async move {
            let sql = json!({ "sql": "SELECT title FROM notes", "parameters": [] });
            call(&host, "sql", &format!("{kind}/query"), sql).await
        });
        arena.until(&waiting, 1).await;
        let pid = format!(
            "SELECT pid::bigint FROM pg_stat_activity WHERE usename = '{}' AND wait_event_type = 'Lock'",
            arena.role
        );
        let pid = arena.world.count(&pid).await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        // The next users get the connection at once, so that a late cancellation would hit them.
        for _ in 0..3 {
            let read = arena.call("in-query/query", readings.clone()).await;
            assert_eq!(read.unwrap()["rows"].as_array().map(Vec::len), Some(3), "{kind} round {round}");
        }
        let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state <> 'idle'");
        arena.until(&busy, 0).await;
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    arena.assert_unharmed(&before).await;
}

/// As many calls as the pool has connections are dropped at once. The pool still serves.
#[tokio::test]
async fn calls_dropped_together_do_not_exhaust_the_pool() {
    let arena = Arena::prepared(|manifest| manifest, LONG_LOCK_TIMEOUT).await;
    let lock = arena.locked("plugin_sql.notes").await;
    for _ in 0..3 {
        let mut calls = Vec::new();
        for _ in 0..palisade::limits::PLUGIN_CONNECTIONS_MAX {
            let host = arena.host.clone();
            let sql = json!({ "sql": "SELECT title FROM notes", "parameters": [] });
            calls.push(tokio::spawn(async move { call(&host, "sql", "in-query/query", sql).await }));
        }
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND wait_event_type = 'Lock'",
            arena.role
        );
        let all = i64::try_from(palisade::limits::PLUGIN_CONNECTIONS_MAX).unwrap();
        arena.until(&waiting, all).await;
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        let left = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND state <> 'idle'",
            arena.role
        );
        arena.until(&left, 0).await;
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    let read: Value = arena
        .call("in-query/query", json!({ "sql": "SELECT title FROM notes", "parameters": [] }))
        .await
        .unwrap();
    assert_eq!(read["rows"].as_array().map(Vec::len), Some(6));
    arena.assert_clean_sessions().await;
}
