//! S11: statements that use much time or memory of the server. The gate rejects those that it recognizes by their
//! shape. The others end at a timeout, at the byte budget or at the invocation's deadline, and nothing of them keeps
//! running.

use super::arena::{Arena, KINDS, assert_reveals_nothing};
use crate::harness::{exceeded, limited};
use palisade::CallError;
use palisade::limits::Limit;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// S11: statements that are rejected because of their shape.
const BOMBS: &[&str] = &[
    "SELECT format('%900000000s', 'x')",
    "SELECT format('%1$900000000s', 'x')",
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 1000000000)",
    "SELECT rpad('x', 1000000000, 'y')",
    "SELECT array_fill(1, ARRAY[1000000000])",
    "SELECT array_fill(1, ARRAY[10000, 10000])",
    "SELECT count(*) FROM generate_series(1, 1000000000) AS g (n)",
    "SELECT count(*) FROM generate_series('2000-01-01'::timestamp, '3000-01-01', '1 second') AS g (n)",
    "SELECT 1 FROM notes GROUP BY CUBE (1,2,3,4,5,6,7,8,9,10,11,12)",
    "SELECT 1 FROM notes GROUP BY CUBE (id, title, body, rank), CUBE (tags, extra, amount)",
    "SELECT extra @? '$.** ? (@.** like_regex \"((a*)*)*b\")' FROM notes",
    "SELECT factorial(100000)",
    "SELECT pg_sleep(1e9)",
    "SELECT xmlagg(xmlelement(name x)) FROM notes",
    "SELECT '1'::varchar(1000000000)",
    "SELECT '1'::bit(83886080)",
    "SELECT replace(body, 'b', (SELECT body FROM notes LIMIT 1)) FROM notes",
];

/// Generated statements. Each is rejected whatever its size.
fn built() -> Vec<String> {
    let mut doubling = "WITH c0 AS (SELECT 1 AS x)".to_owned();
    for level in 1..=18 {
        let last = level - 1;
        let _ = write!(doubling, ", c{level} AS NOT MATERIALIZED (SELECT a.x FROM c{last} a, c{last} b)");
    }
    let nested = |open: &str, close: &str, times: usize| {
        format!("SELECT {}1{}", open.repeat(times), close.repeat(times))
    };
    vec![
        doubling + " SELECT x FROM c18",
        nested("(", ")", 10_000),
        nested("(SELECT ", ")", 1_000),
        nested("NOT ", "", 10_000),
        nested("- ", "", 10_000),
        nested("ARRAY[", "]", 1_000),
        nested("lower(", ")", 1_000),
        nested("CASE WHEN ", " THEN 1 END", 1_000),
        nested("", " + 1", 20_000),
        nested("", "::text", 10_000),
        nested("", ", 1", 30_000),
        nested("", " UNION ALL SELECT 1", 3_000),
        format!("SELECT 1 FROM {}", vec!["notes"; 200].join(" CROSS JOIN ")),
        format!("SELECT 1{}", " * 9999999999".repeat(100)),
        format!("SELECT {}", "9".repeat(1_000)),
        format!("SELECT '{}'", "x".repeat(100_000)),
        format!("SELECT title FROM notes WHERE title LIKE '{}'", "%a".repeat(1_000)),
        format!("SELECT {} 1", "/*".repeat(30_000)),
        format!("SELECT 1 FROM notes {}", "JOIN readings ON true ".repeat(500)),
        format!("SELECT 1 WHERE 1 IN ({})", vec!["1"; 20_000].join(",")),
    ]
}

/// A statement that passes the gate and never ends by itself: it joins 6 notes until there are 10^15 rows to count.
fn endless() -> String {
    let joins = (0..20).map(|n| format!("notes n{n}")).collect::<Vec<_>>().join(", ");
    format!("SELECT count(*) FROM {joins}")
}

#[tokio::test]
async fn expensive_statement_is_rejected_by_its_shape() {
    let bombs: Vec<String> = BOMBS.iter().map(|&sql| sql.to_owned()).chain(built()).collect();
    Arena::new().await.withstands(&bombs).await;
}

#[tokio::test]
async fn endless_statement_ends_at_the_timeout_and_runs_no_longer() {
    let arena =
        Arena::prepared(|manifest| manifest, "ALTER ROLE {role} SET statement_timeout = '300ms'").await;
    let before = arena.world.snapshot().await;
    for (kind, _) in KINDS {
        let pid = arena.next_session().await.0;
        arena.wait_until_idle().await;
        let outcomes = arena.call(&format!("{kind}/query-each"), json!({ "statements": [endless()] })).await;
        match outcomes {
            Ok(outcomes) => {
                assert_eq!(outcomes, json!([{ "tag": "err", "val": { "tag": "timeout" } }]), "{kind}");
            }
            // The mutation cannot commit after it lost its connection.
            Err(error) => assert!(
                kind == "in-mutation" && matches!(error, CallError::Unavailable { .. }),
                "{kind} {error:?}"
            ),
        }
        arena
            .until(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state <> 'idle'"), 0)
            .await;
    }
    arena.assert_unharmed(&before).await;
}

#[tokio::test]
async fn endless_statement_ends_at_the_deadline_and_runs_no_longer() {
    let arena = Arena::with(limited("wall-time = \"300 ms\"\naction-time = \"300 ms\"")).await;
    let before = arena.world.snapshot().await;
    for (kind, _) in KINDS {
        let pid = arena.next_session().await.0;
        arena.wait_until_idle().await;
        let outcome = arena.call(&format!("{kind}/query-each"), json!({ "statements": [endless()] })).await;
        assert!(matches!(outcome, Err(CallError::LimitExceeded { .. })), "{kind}: {outcome:?}");
        arena
            .until(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state <> 'idle'"), 0)
            .await;
    }
    arena.assert_unharmed(&before).await;
}

/// Each statement takes much less than the statement timeout. Together they take much more than the deadline.
#[tokio::test]
async fn many_short_statements_end_together_at_the_deadline() {
    let arena = Arena::with(limited("wall-time = \"400 ms\"\naction-time = \"400 ms\"")).await;
    let before = arena.world.snapshot().await;
    let short = "SELECT count(*) FROM notes a, notes b, notes c, notes d, notes e, notes f, notes g";
    let statements = vec![short; 900];
    for (kind, _) in KINDS {
        let outcome = arena.call(&format!("{kind}/query-each"), json!({ "statements": statements })).await;
        assert!(matches!(outcome, Err(CallError::LimitExceeded { .. })), "{kind}: {outcome:?}");
        arena.wait_until_idle().await;
    }
    arena.assert_unharmed(&before).await;
}

#[tokio::test]
async fn result_over_the_byte_budget_is_cut_off_and_closes_its_connection() {
    let arena = Arena::with(limited("db-bytes = \"2 MiB\"")).await;
    // Bodies of 64 KiB that do not compress, and 36 rows with two of them each.
    let fill = "UPDATE plugin_sql.notes SET body = (SELECT string_agg(md5(n::text || id), '') FROM generate_series(1, 2048) n)";
    arena.world.sql.batch_execute(fill).await.unwrap();
    let before = arena.world.snapshot().await;
    let one_value = "SELECT string_agg(a.body || b.body, '') FROM notes a, notes b, notes c LIMIT 1";
    for sql in ["SELECT a.body, b.body FROM notes a, notes b", one_value] {
        for (kind, _) in KINDS {
            let pid = arena.next_session().await.0;
            arena.wait_until_idle().await;
            let outcome = arena.call(&format!("{kind}/query"), json!({ "sql": sql, "parameters": [] })).await;
            match outcome {
                // The transaction is lost, whatever the plugin does with the error.
                Err(CallError::LimitExceeded { usage, .. }) if kind == "in-mutation" => {
                    assert_eq!((usage.limit, usage.max), (Limit::DbBytes, 2 << 20), "{sql}");
                }
                outcome => {
                    let (which, used, max) = exceeded(outcome);
                    assert_eq!((which.as_str(), max), ("db-bytes", 2 << 20), "{kind} {sql}");
                    assert!(used > max, "{kind} {sql}");
                }
            }
            arena.until(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"), 0).await;
        }
    }
    arena.assert_unharmed(&before).await;
}

/// A statement that waits for another session's lock ends by itself.
#[tokio::test]
async fn statement_that_waits_for_a_lock_ends_at_the_lock_timeout() {
    let arena = Arena::prepared(|manifest| manifest, "ALTER ROLE {role} SET lock_timeout = '200ms'").await;
    let before = arena.world.snapshot().await;
    let lock = arena.locked("plugin_sql.readings").await;
    for (kind, _) in KINDS {
        let sql = "SELECT body FROM readings";
        let outcome = arena.call(&format!("{kind}/query"), json!({ "sql": sql, "parameters": [] })).await;
        let Err(CallError::Returned(error)) = outcome else { panic!("{kind}: {outcome:?}") };
        assert_eq!(error, json!({ "tag": "timeout" }), "{kind}");
        assert_reveals_nothing(sql, &error);
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    let read =
        arena.call("in-query/query", json!({ "sql": "SELECT body FROM readings", "parameters": [] })).await;
    assert_eq!(read.unwrap()["rows"].as_array().map(Vec::len), Some(3));
    arena.assert_unharmed(&before).await;
}

/// Cheap statements count toward the budget like all others.
#[tokio::test]
async fn statements_over_the_budget_are_rejected() {
    let arena = Arena::with(limited("db-statements = 5")).await;
    let before = arena.world.snapshot().await;
    for (kind, _) in KINDS {
        let outcomes = arena.each(&format!("{kind}/query-each"), &vec!["SELECT 1".to_owned(); 6]).await;
        assert_eq!(outcomes[..5], vec![Ok(Value::from(1)); 5], "{kind}");
        let refused = outcomes[5].as_ref().unwrap_err();
        assert_eq!(refused["val"]["which"], "db-statements", "{kind}: {refused}");
    }
    arena.assert_unharmed(&before).await;
}
