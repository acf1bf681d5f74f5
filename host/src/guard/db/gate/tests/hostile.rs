//! Statements that must be refused. A row that passes is a hole.

use super::super::super::Refusal;
pub(super) use super::hostile_calls::{CALLS, PLACES};
pub(super) use super::hostile_reads::{CONSTRUCTS, DENIED, NOT_READS};
use super::{read, write};

/// Writes that reach beyond their grants, or are no writes (S1, S3, S4, S8).
pub(super) const WRITES: &[&str] = &[
    "INSERT INTO letters (id, seal) VALUES (1, 'x')",
    "INSERT INTO letters (id, body) VALUES (1, 'x') RETURNING body",
    "INSERT INTO letters (id, body) VALUES (1, 'x') RETURNING *",
    "INSERT INTO letters (id, body) VALUES (1, 'x') RETURNING letters",
    "INSERT INTO letters (id, body) SELECT id, body FROM letters",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (body) DO NOTHING",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET id = 2",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET seal = 'x'",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = letters.body || 'x'",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.seal",
    "INSERT INTO letters (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE letters.body = 'y'",
    "UPDATE letters SET body = body || 'x'",
    "UPDATE letters SET body = 'x' WHERE body = 'y'",
    "UPDATE letters SET body = 'x' WHERE seal = 'y'",
    "UPDATE letters SET body = 'x' RETURNING body",
    "UPDATE letters SET id = 2 WHERE id = 1",
    "UPDATE letters SET body = o.body FROM letters o WHERE o.id = letters.id",
    "DELETE FROM letters WHERE body = 'x'",
    "DELETE FROM letters RETURNING seal",
    "DELETE FROM letters WHERE (letters) IS NOT NULL",
    "SELECT 1",
    "WITH x AS (SELECT 1) SELECT 1",
    "WITH x AS (DELETE FROM drafts RETURNING id) INSERT INTO drafts (id) SELECT id FROM x",
    "UPDATE pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
    "UPDATE comments SET body = 'x'",
    "DELETE FROM comments",
    "DELETE FROM events",
    "UPDATE people SET secret = 'x'",
    "UPDATE people SET id = 1",
    "UPDATE people SET name = secret",
    "UPDATE people SET name = 'x' WHERE secret = 'y'",
    "UPDATE people SET name = 'x' RETURNING secret",
    "UPDATE people SET name = 'x' RETURNING *",
    "UPDATE people SET name = s.name FROM (SELECT 'x' AS name, 'y' AS secret) s WHERE secret = 'y'",
    "UPDATE drafts SET title = (SELECT secret FROM people LIMIT 1)",
    "UPDATE drafts SET title = (SELECT rolname FROM pg_authid LIMIT 1)",
    "UPDATE drafts SET title = what FROM events",
    "UPDATE drafts SET title = p.secret FROM people p",
    "UPDATE drafts SET (title, body) = ('a', 'b')",
    "UPDATE drafts SET (title, body) = (SELECT 'a', secret FROM people)",
    "UPDATE drafts SET title = now()",
    "UPDATE drafts SET ctid = '(0,1)'",
    "UPDATE drafts SET drafts.title = 'x'",
    "UPDATE drafts SET missing = 1",
    "UPDATE ONLY drafts SET title = 'x'",
    "UPDATE drafts JOIN comments ON true SET title = 'x'",
    "UPDATE drafts SET title = 'x' WHERE CURRENT OF c",
    "UPDATE drafts SET title = 'x' ORDER BY id LIMIT 1",
    "UPDATE drafts SET title = 'x' WHERE pg_sleep(1) IS NULL",
    "UPDATE drafts SET title = 'x' RETURNING pg_sleep(1)",
    "UPDATE drafts AS people SET title = secret FROM people",
    "DELETE FROM drafts USING pg_authid",
    "DELETE FROM drafts USING people p WHERE p.secret = title",
    "DELETE FROM drafts WHERE (SELECT count(*) FROM pg_stat_activity) > 0",
    "DELETE FROM drafts RETURNING tableoid",
    "DELETE FROM drafts, comments",
    "DELETE drafts FROM drafts",
    "INSERT INTO comments (body) VALUES ('x')",
    "INSERT INTO drafts VALUES (1)",
    "INSERT INTO drafts DEFAULT VALUES",
    "INSERT INTO drafts (missing) VALUES (1)",
    "INSERT INTO drafts (title) SELECT secret FROM people",
    "INSERT INTO drafts (title) SELECT what FROM events",
    "INSERT INTO drafts (title) TABLE drafts",
    "INSERT INTO drafts (title) VALUES (now())",
    "INSERT INTO drafts (title) VALUES ((SELECT rolname FROM pg_authid))",
    "INSERT INTO drafts (title) VALUES ('x') ON CONFLICT ON CONSTRAINT drafts_pkey DO NOTHING",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = (SELECT secret FROM people)",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = 'x' WHERE pg_sleep(1) IS NULL",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = excluded.f",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (ctid) DO NOTHING",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (lower(title)) DO NOTHING",
    "INSERT INTO drafts (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2",
    "INSERT INTO drafts (id) VALUES (1) RETURNING (SELECT secret FROM people)",
    "INSERT INTO drafts (id) VALUES (1) RETURNING excluded.id",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = 'x' RETURNING excluded.id",
    "INSERT INTO events (id) VALUES (1) RETURNING id",
    "INSERT INTO events (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET what = 'x'",
    "INSERT INTO drafts (id) SELECT id FROM drafts FOR UPDATE",
    "INSERT OVERWRITE drafts (id) VALUES (1)",
    "REPLACE INTO drafts (id) VALUES (1)",
    "MERGE INTO drafts USING comments ON true WHEN MATCHED THEN DELETE",
    "COPY drafts FROM STDIN",
    "TRUNCATE drafts",
    "DROP TABLE drafts",
    "SET ROLE postgres",
    "COMMIT",
    "DELETE FROM drafts; DELETE FROM drafts",
    "EXPLAIN ANALYZE DELETE FROM drafts",
    "WITH x AS (SELECT pg_sleep(1)) DELETE FROM drafts",
];

fn passed<'a>(
    rows: impl IntoIterator<Item = &'a str>,
    gate: fn(&str) -> Result<String, Refusal>,
) -> Vec<String> {
    rows.into_iter().filter_map(|row| gate(row).ok().map(|text| format!("{row}\n   -> {text}"))).collect()
}

#[test]
fn statement_that_does_not_read_is_refused_as_a_query() {
    assert_eq!(passed(NOT_READS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn call_that_is_not_in_a_list_is_refused() {
    let rows: Vec<String> = CALLS.iter().map(|call| format!("SELECT {call}")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn hidden_call_is_refused_in_every_place() {
    let rows: Vec<String> = PLACES.iter().map(|place| place.replace('%', "pg_sleep(1)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
    let rows: Vec<String> =
        PLACES.iter().map(|place| place.replace('%', "(SELECT secret FROM people)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn ungranted_name_is_denied_without_saying_more() {
    let others: Vec<_> = DENIED
        .iter()
        .map(|row| (row, read(row)))
        .filter(|(_, result)| *result != Err(Refusal::Denied))
        .collect();
    assert_eq!(others, Vec::new());
}

#[test]
fn construct_that_is_not_in_the_list_is_refused() {
    assert_eq!(passed(CONSTRUCTS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn write_beyond_its_grants_is_refused() {
    assert_eq!(passed(WRITES.iter().copied(), write), Vec::<String>::new());
}
