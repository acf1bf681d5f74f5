//! Tests the gate against a real server. A statement that passes the gate runs with every right, in a transaction that
//! may write, and the server reports its effects: no read may get a transaction id, a lock beyond reading, a setting, a
//! notification or a number of a sequence; no write may touch what is not granted.
//!
//! `PALISADE_DIFFERENTIAL=100000` sets the number of statements.

#[path = "../../../guard/src/db/gate/tests/corpus/mod.rs"]
mod corpus;
mod generate;
mod meaning;

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, NoTls};

use self::generate::Dice;
use crate::corpus::{legitimate, read, write};
use palisade_guard::db::parameter::Parameter;
use palisade_guard::db::value::{Scalar, Value};
// The corpus imports them under these names, as the guards' own tests do.
use palisade_guard::{db, grant, refusal};
use palisade_store::private::{PrivateOptions, PrivateServer};

/// How many statements a normal run has; three of four read.
const STATEMENTS: u64 = 3_000;

/// The tables that the catalogue of these tests describes, and others that no statement may touch.
const TABLES: &str = "
    CREATE SCHEMA plugin_blog;
    SET search_path = plugin_blog;
    CREATE TYPE status AS ENUM ('draft', 'live');
    CREATE TABLE drafts (id bigint PRIMARY KEY DEFAULT 7, title text, body text, status status, tags text[], data jsonb,
        price numeric, created timestamptz, owner uuid);
    CREATE TABLE comments (id bigint PRIMARY KEY, draft_id bigint, body text);
    CREATE TABLE events (id bigint, what text);
    CREATE TABLE people (id bigint PRIMARY KEY, name text, secret text);
    CREATE TABLE hidden (id bigint, secret text);
    CREATE SEQUENCE s;
    INSERT INTO drafts SELECT n, 'a draft ' || n, 'body', 'live', ARRAY['a', 'b'], '{\"a\": 1, \"b\": \"x\"}', n * 1.5,
        '2024-01-01', NULL FROM generate_series(1, 4) n;
    INSERT INTO comments SELECT n, n % 3, 'about ' || n FROM generate_series(1, 5) n;
    INSERT INTO events VALUES (1, 'was');
    INSERT INTO people SELECT n, 'name ' || n, 'secret ' || n FROM generate_series(1, 3) n;
    INSERT INTO hidden VALUES (1, 'secret');
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ UPDATE plugin_blog.hidden SET id = 2; SELECT 1 $$;
    CREATE FUNCTION f(drafts) RETURNS int LANGUAGE sql AS $$ UPDATE plugin_blog.hidden SET id = 2; SELECT 1 $$;
    CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql AS $$ UPDATE plugin_blog.hidden SET id = 2; SELECT '' $$;
    CREATE SCHEMA plugin_other;
    CREATE TABLE plugin_other.drafts (id bigint);
    ANALYZE;
    SET statement_timeout = '3s';";

/// Relations that a statement may lock, besides the view that the judge reads.
const ALLOWED: &str = "
    SELECT c.oid FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE coalesce(i.indrelid, c.oid) = ANY ($1::text[]::regclass[]) OR c.oid = 'pg_catalog.pg_locks'::regclass
        OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE oid = ANY ($1::text[]::regclass[]))
        OR i.indrelid IN (SELECT reltoastrelid FROM pg_class WHERE oid = ANY ($1::text[]::regclass[]))";

/// What must be the same between two statements: the next transaction id, sequences, locks and settings of the session.
const BETWEEN: &str = "
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text,
        (SELECT concat_ws(' ', last_value, is_called) FROM plugin_blog.s)
        || (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
        || current_setting('statement_timeout') || current_setting('search_path') || current_setting('role')
        || (SELECT count(*) FROM pg_listening_channels()) || (SELECT count(*) FROM pg_cursors WHERE is_holdable)";

/// What must not change when a statement writes.
const REST: &str = "
    SELECT md5(concat_ws('|', (SELECT string_agg(t::text, ',' ORDER BY id) FROM plugin_blog.comments t),
        (SELECT string_agg(concat(id, secret), ',' ORDER BY id) FROM plugin_blog.people),
        (SELECT string_agg(t::text, ',') FROM plugin_blog.events t WHERE id = 1),
        (SELECT string_agg(t::text, ',') FROM plugin_blog.hidden t)))";

struct Judge {
    server: PrivateServer,
    client: Client,
    readable: Vec<u32>,
    writable: Vec<u32>,
}

/// What a statement did that passed the gate.
struct Verdict {
    ran: bool,
    guilt: Option<String>,
}

impl Judge {
    async fn new() -> Self {
        let mut options = PrivateOptions::temporary();
        // No other process may take a transaction id.
        options.settings.push(("autovacuum".into(), "off".into()));
        let server = PrivateServer::start(options).await.unwrap();
        let (client, connection) = palisade_store::private::config(&server).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(TABLES).await.unwrap();
        let oids = async |tables: &[&str]| -> Vec<u32> {
            client.query(ALLOWED, &[&tables]).await.unwrap().iter().map(|row| row.get(0)).collect()
        };
        let readable = oids(&["drafts", "comments", "people"]).await;
        let writable = oids(&["drafts", "events", "people"]).await;
        Self { server, client, readable, writable }
    }

    async fn text(&self, sql: &str) -> Vec<String> {
        let row = self.client.query_one(sql, &[]).await.unwrap();
        (0..row.len()).map(|column| row.get::<_, Option<String>>(column).unwrap_or_default()).collect()
    }

    /// Runs a text in a transaction, with null for each of its parameters, and leaves the transaction open. The driver
    /// looks up types before the transaction begins.
    async fn run(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let prepared = self.client.prepare(sql).await;
        self.client.batch_execute("BEGIN").await.unwrap();
        let statement = prepared?;
        let null = |kind| Parameter::parse(Value::Scalar(Scalar::Null), kind).unwrap();
        let parameters: Vec<Parameter> = statement.params().iter().map(null).collect();
        let rows = self.client.query_raw(&statement, &parameters).await?;
        rows.try_for_each(|_| std::future::ready(Ok(()))).await
    }

    /// A lock that the statement must not hold, as text.
    async fn lock(&self, may_write: bool) -> Option<String> {
        let locks = "SELECT relation, locktype || ' ' || mode FROM pg_locks WHERE pid = pg_backend_pid()";
        let held = self.client.query(locks, &[]).await.unwrap();
        let mut held = held.iter().map(|row| (row.get::<_, Option<u32>>(0), row.get::<_, String>(1)));
        let wrong = held.find(|(relation, lock)| {
            let of = |allowed: &[u32]| relation.is_some_and(|relation| allowed.contains(&relation));
            match lock.as_str() {
                "virtualxid ExclusiveLock" => false,
                "transactionid ExclusiveLock" => !may_write,
                "relation AccessShareLock" => !of(&self.readable),
                "relation RowExclusiveLock" => !may_write || !of(&self.writable),
                _ => true,
            }
        });
        wrong.map(|(relation, lock)| format!("holds {lock} on {relation:?}"))
    }

    async fn of_read(&self, sql: &str) -> Verdict {
        let before = self.text(BETWEEN).await;
        let ran = self.run(sql).await.is_ok();
        let lock = if ran { self.lock(false).await } else { None };
        // Committed, because a notification is sent and takes its transaction id only then.
        self.client.batch_execute(if ran { "COMMIT" } else { "ROLLBACK" }).await.unwrap();
        let after = self.text(BETWEEN).await;
        let changed = (before != after).then(|| format!("{before:?} became {after:?}"));
        Verdict { ran, guilt: lock.or(changed) }
    }

    async fn of_write(&self, sql: &str) -> Verdict {
        let (before, rest) = (self.text(BETWEEN).await, self.text(REST).await);
        let ran = self.run(sql).await.is_ok();
        let mut guilt = None;
        if ran {
            guilt = self.lock(true).await;
            // A table that is gone cannot be read; its lock is proof enough.
            if guilt.is_none() && rest != self.text(REST).await {
                guilt = Some("what is not granted has changed".to_owned());
            }
        }
        self.client.batch_execute("ROLLBACK").await.unwrap();
        let after = self.text(BETWEEN).await;
        let changed = (before[1..] != after[1..]).then(|| format!("{before:?} became {after:?}"));
        Verdict { ran, guilt: guilt.or(changed) }
    }

    /// The whole state, compared at the end: settings, rows, the catalogue, large objects.
    async fn whole(&self) -> Vec<String> {
        let mut whole = self.text(REST).await;
        for sql in [
            "SELECT md5(string_agg(concat(name, setting), ',' ORDER BY name)) FROM pg_settings",
            "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM plugin_blog.drafts t",
            "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM plugin_blog.people t",
            "SELECT md5(string_agg(concat(oid, relname, relacl), ',' ORDER BY oid)) FROM pg_class",
            "SELECT md5(string_agg(concat(oid, proname, proacl), ',' ORDER BY oid)) FROM pg_proc",
            "SELECT md5(string_agg(concat(oid, rolname, rolsuper, rolpassword), ',' ORDER BY oid)) FROM pg_authid",
            "SELECT concat_ws(' ', (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_namespace),
                (SELECT count(*) FROM pg_db_role_setting), (SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_locks
                WHERE locktype = 'advisory'), (SELECT pg_notification_queue_usage()))",
        ] {
            whole.extend(self.text(sql).await);
        }
        whole
    }
}

/// How many statements passed the gate, and how many of these the server ran.
#[derive(Debug, Default)]
struct Tally {
    tried: u64,
    passed: u64,
    ran: u64,
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        self.passed += 1;
        self.ran += u64::from(verdict.ran);
    }
}

fn statements() -> u64 {
    std::env::var("PALISADE_DIFFERENTIAL")
        .map_or(STATEMENTS, |count| count.parse().expect("a number of statements"))
}

type Gate = fn(&str) -> Result<String, refusal::Refusal>;

#[tokio::test]
async fn no_statement_that_passes_does_what_is_not_granted() {
    let judge = Judge::new().await;
    let before = judge.whole().await;
    let (mut reads, mut writes) = (Tally::default(), Tally::default());
    for number in 0..statements() {
        let mut dice = Dice::new(number);
        let is_write = number % 4 == 3;
        let (sql, gate, tally): (String, Gate, &mut Tally) =
            if is_write { (dice.write(), write, &mut writes) } else { (dice.read(), read, &mut reads) };
        tally.tried += 1;
        let Ok(text) = gate(&sql) else { continue };
        let verdict = if is_write { judge.of_write(&text).await } else { judge.of_read(&text).await };
        tally.add(&verdict);
        if let Some(guilt) = verdict.guilt {
            panic!("statement {number} {guilt}\n{sql}\n   was printed as\n{text}");
        }
    }
    assert_eq!(judge.whole().await, before);
    for tally in [&reads, &writes] {
        // If all statements were refused, or the server could run none of them, the test would prove nothing.
        assert!(tally.passed * 10 > tally.tried * 3, "{tally:?}");
        assert!(tally.ran * 2 > tally.passed, "{tally:?}");
    }
    if std::env::var_os("PALISADE_DIFFERENTIAL").is_some() {
        eprintln!("reads {reads:?}, writes {writes:?}");
    }
    judge.server.stop().await;
}

/// Tests the judge itself: it finds statements that are known to do harm, and lets pass those that are known to do
/// none.
#[tokio::test]
async fn judge_convicts_what_has_an_effect_and_acquits_what_has_none() {
    let judge = Judge::new().await;
    for row in legitimate::READS {
        let verdict = judge.of_read(&read(row).unwrap()).await;
        assert_eq!(verdict.guilt, None, "{row}");
    }
    for row in legitimate::WRITES {
        let verdict = judge.of_write(&write(row).unwrap()).await;
        assert_eq!(verdict.guilt, None, "{row}");
    }
    for sql in [
        "UPDATE plugin_blog.comments SET body = 'x'",
        "UPDATE plugin_blog.people SET secret = 'x'",
        "DELETE FROM plugin_blog.people",
        "DELETE FROM plugin_blog.events",
        "UPDATE plugin_blog.drafts SET title = secret FROM plugin_blog.hidden",
        "INSERT INTO plugin_other.drafts VALUES (1)",
        "UPDATE plugin_blog.drafts SET title = plugin_blog.lower(title)",
        "DROP TABLE plugin_blog.events",
        "LOCK TABLE plugin_blog.drafts",
    ] {
        assert!(judge.of_write(sql).await.guilt.is_some(), "{sql}");
    }
    // What these do is committed: they come last.
    for sql in [
        "WITH x AS (DELETE FROM plugin_blog.drafts RETURNING id) SELECT * FROM x",
        "SELECT * FROM plugin_blog.drafts FOR UPDATE",
        "SELECT * INTO plugin_blog.copy FROM plugin_blog.drafts",
        "SELECT nextval('plugin_blog.s')",
        "SELECT setval('plugin_blog.s', 5)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_notify('x', 'y')",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_current_xact_id()",
        "SELECT * FROM plugin_blog.hidden",
        "SELECT * FROM plugin_blog.events",
        "SELECT * FROM plugin_other.drafts",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT plugin_blog.f()",
        "SELECT d.f FROM plugin_blog.drafts d",
        "SELECT query_to_xml('SELECT * FROM plugin_blog.hidden', true, true, '')",
    ] {
        assert!(judge.of_read(sql).await.guilt.is_some(), "{sql}");
    }
    judge.server.stop().await;
}
