//! Failures that no plugin can cause, and that a session must handle all the same.

use super::Database;
use super::failure::{Absence, Failure};
use super::pool::Pool;
use super::session::Session;
use super::settings::Settings;
use super::share::Owner;
use super::statement::Sql;
use super::storage::Storage;
use crate::private::{PrivateOptions, PrivateServer};
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::gate::ReadStatement;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{
    ANSWER_MS, DB_VALUE_HELD_BYTES, HOST_CONNECTIONS_MAX, Limit, Limits, MIB, PING_MS,
};
use palisade_guard::memory::MemoryBudget;
use palisade_guard::refusal::Refusal;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// Far more than anything here takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A statement that looks at no interrupt: PostgreSQL compares 131,072 characters at each of millions of positions.
const UNINTERRUPTIBLE: &str = "SELECT strpos(repeat('0', 8000000), '1e131071'::numeric::text)";

/// A server with a database, and a superuser's view of it.
async fn world() -> (PrivateServer, Database, Client) {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let config = crate::private::config(&server);
    let database = Database::connect(config.clone(), 2).await.unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    (server, database, client)
}

/// A pool of a plugin that has this many seats.
fn pool(server: &PrivateServer, database: &Database, seats: usize) -> Arc<Pool> {
    let mut config = crate::private::config(server);
    config.application_name("plugin");
    let storage = Arc::new(Storage::new("nobody", u64::MAX));
    Pool::budgeted(
        config.into(),
        &Settings::of_plugin("public", &BTreeSet::new()),
        seats,
        &database.budget,
        &database.watch,
        storage,
    )
}

fn sql(text: &str) -> Sql<'_> {
    Sql { text, parameters: &[], types: &[], role: None, shape: None }
}

async fn run(pool: &Arc<Pool>, text: &str) -> Result<usize, Refusal> {
    let mut session = Session::of_plugin(Arc::clone(pool), Kind::Query);
    let answer = session.run(sql(text), &mut Ledger::new(Limits::default())).await;
    session.rollback().await;
    answer.map(|answer| answer.rows.len())
}

/// The backends of the plugin's pool, by their state.
async fn backends(client: &Client, state: &str) -> Vec<i32> {
    let text = "SELECT pid FROM pg_stat_activity WHERE application_name = 'plugin' AND state LIKE $1";
    client.query(text, &[&state]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// All processes of a server, the first one last.
fn processes(server: &PrivateServer) -> Vec<i32> {
    let parent = server.id().to_string();
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(&parent)
    };
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let children: Vec<i32> = pids.filter(is_child).collect();
    children.into_iter().chain([i32::try_from(server.id()).unwrap()]).collect()
}

#[tokio::test]
async fn cut_off_statement_leaves_its_connection_clean_to_the_next() {
    let (server, database, client) = world().await;
    let pool = pool(&server, &database, 2);
    run(&pool, "SELECT 1").await.unwrap();
    let before = backends(&client, "%").await;
    for round in 0..40 {
        let text = if round % 2 == 0 {
            "SELECT pg_sleep(60)"
        } else {
            "SELECT set_config('a.b', 'left', false), pg_sleep(60)"
        };
        let wait = Duration::from_millis(round % 4 * 3);
        let _cut = tokio::time::timeout(wait, run(&pool, text)).await;
        eventually("the next statement runs", async || run(&pool, "SELECT 1").await.is_ok()).await;
    }
    eventually("no statement runs", async || backends(&client, "active").await.is_empty()).await;
    let after = backends(&client, "%").await;
    assert!(before.iter().all(|pid| after.contains(pid)) && after.len() <= 2, "{before:?} {after:?}");
    // Nothing of them is left, and no late cancel hits what follows.
    for _ in 0..200 {
        let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Query);
        let text = "SELECT coalesce(current_setting('a.b', true), '')";
        let answer = session.run(sql(text), &mut Ledger::new(Limits::default())).await.unwrap();
        assert_eq!(answer.rows[0].get::<_, &str>(0), "");
    }
    drop(database);
    server.stop().await;
}

/// Both a statement that looks at no interrupt, and a process that the machine does not run.
#[tokio::test]
async fn seat_of_a_backend_that_runs_on_stays_taken_from_its_plugin_only() {
    let (server, database, client) = world().await;
    let (hostile, neighbour) = (pool(&server, &database, 2), pool(&server, &database, 2));
    for text in ["SELECT pg_sleep(60)", UNINTERRUPTIBLE] {
        let calls = async { tokio::join!(run(&hostile, text), run(&hostile, text)) };
        let both = tokio::time::timeout(Duration::from_millis(500), calls);
        let busy = async {
            eventually("both run", async || backends(&client, "active").await.len() == 2).await;
            if text != UNINTERRUPTIBLE {
                for pid in backends(&client, "active").await {
                    signal(pid, Signal::STOP);
                }
            }
        };
        let (cut, ()) = tokio::join!(both, busy);
        assert!(cut.is_err(), "the statements run");
        let stuck = backends(&client, "active").await;
        eventually("all seats are spent", async || hostile.spent().is_some()).await;
        assert_eq!((hostile.running_on(), neighbour.running_on()), (2, 0));
        let refused = hostile.get().await.unwrap_err();
        assert!(matches!(refused, Failure::Spent(2)) && refused.absence().is_none(), "{refused:?}");
        // The budget of all plugins is 2, and the neighbour can have it whole.
        let (one, two) = tokio::join!(neighbour.get(), neighbour.get());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(backends(&client, "active").await, stuck, "no other backend was put to work");
        drop((one, two));
        if text == UNINTERRUPTIBLE {
            // It runs on for minutes, whatever it is told.
            break;
        }
        for pid in &stuck {
            signal(*pid, Signal::CONT);
        }
        eventually("the server has ended them", async || hostile.running_on() == 0).await;
        eventually("the plugin has its seats", async || run(&hostile, "SELECT 1").await.is_ok()).await;
    }
    drop(database);
    drop(server);
}

#[tokio::test]
async fn everything_answers_in_time_while_the_server_is_frozen_and_nobody_is_to_blame() {
    let (server, database, client) = world().await;
    let pool = pool(&server, &database, 2);
    run(&pool, "SELECT 1").await.unwrap();
    database.ping().await.unwrap();
    client.batch_execute("CREATE TABLE t (n integer)").await.unwrap();
    let mut writing = database.session(Kind::Mutation, Owner::Host);
    writing.run(sql("INSERT INTO t VALUES (1)"), &mut Ledger::new(Limits::default())).await.unwrap();
    let frozen = processes(&server);
    assert!(frozen.len() > 3, "{frozen:?}");
    for pid in frozen.iter().rev() {
        signal(*pid, Signal::STOP);
    }
    let within = |began: Instant, ms: u64| assert!(began.elapsed() < Duration::from_millis(ms + 3_000));
    let began = Instant::now();
    assert!(database.ping().await.is_err());
    within(began, PING_MS);
    let began = Instant::now();
    let (committed, read, looked_up) = tokio::join!(
        writing.commit(),
        async {
            let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Query);
            let answer = session.run(sql("SELECT 1"), &mut Ledger::new(Limits::default())).await;
            (answer.err(), session.absence())
        },
        database.lookup("SELECT 1", &[], &[]),
    );
    within(began, ANSWER_MS + PING_MS);
    assert!(matches!(committed, Err(Refusal::InDoubt(_))), "{committed:?}");
    assert!(matches!(read, (Some(Refusal::Unavailable(_)), Some(Absence::Away))), "{read:?}");
    assert!(matches!(looked_up, Err(Refusal::Unavailable(_))));
    // An invocation that is cut off by a short time of its own is judged, too.
    let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Query);
    let _cut = tokio::time::timeout(
        Duration::from_millis(50),
        session.run(sql("SELECT 1"), &mut Ledger::new(Limits::default())),
    )
    .await;
    session.judge_unanswered().await;
    drop(session);
    assert_eq!(pool.running_on(), 0, "nobody knows whether anything runs on");
    for pid in &frozen {
        signal(*pid, Signal::CONT);
    }
    eventually("it works again", async || run(&pool, "SELECT 1").await.is_ok()).await;
    eventually("tokens, too", async || database.lookup("SELECT 1", &[], &[]).await.is_ok()).await;
    assert_eq!(pool.running_on(), 0);
    drop(database);
    server.stop().await;
}

#[tokio::test]
async fn invocation_that_is_cut_off_is_excused_only_if_the_server_was_silent() {
    let (server, database, client) = world().await;
    let pool = pool(&server, &database, 2);
    for is_frozen in [false, true] {
        let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Query);
        let mut ledger = Ledger::new(Limits::default());
        let cut = tokio::time::timeout(
            Duration::from_millis(300),
            session.run(sql("SELECT pg_sleep(60)"), &mut ledger),
        );
        let freeze = async {
            eventually("it runs", async || !backends(&client, "active").await.is_empty()).await;
            let pids = if is_frozen { processes(&server) } else { Vec::new() };
            for pid in pids.iter().rev() {
                signal(*pid, Signal::STOP);
            }
            pids
        };
        let (cut, pids) = tokio::join!(cut, freeze);
        assert!(cut.is_err());
        session.judge_unanswered().await;
        assert_eq!(session.absence(), is_frozen.then_some(Absence::Away));
        drop(session);
        for pid in &pids {
            signal(*pid, Signal::CONT);
        }
        eventually("nothing runs", async || backends(&client, "active").await.is_empty()).await;
    }
    drop(database);
    server.stop().await;
}

/// The server would write for seconds, and the check after the statement would come too late for the disk.
#[tokio::test]
async fn statement_that_writes_far_beyond_the_quota_is_cut_off_while_it_writes() {
    let (server, database, client) = world().await;
    let setup = "CREATE SCHEMA plugin_x; CREATE TABLE plugin_x.t (b text); CREATE TABLE public.seed AS \
        SELECT string_agg(md5(n::text), '') AS b FROM generate_series(1, 32000) n; \
        INSERT INTO palisade.plugins VALUES ('x', 'palisade', '0.1.0')";
    client.batch_execute(setup).await.unwrap();
    let quota = 4 * MIB;
    let storage = Arc::new(Storage::new("palisade", quota));
    database.watch.store("palisade", Arc::clone(&storage));
    let config = crate::private::config(&server);
    let pool = Pool::budgeted(
        config.into(),
        &Settings::of_plugin("public", &BTreeSet::new()),
        2,
        &database.budget,
        &database.watch,
        storage,
    );
    let write = async |copies: u32| {
        let text =
            format!("INSERT INTO plugin_x.t SELECT b || n FROM public.seed, generate_series(1, {copies}) n");
        let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Mutation);
        let sql = Sql { role: Some("palisade"), ..sql(&text) };
        let limits = Limits::default();
        let done = session.run(sql, &mut Ledger::new(limits)).await;
        match done {
            Ok(_) => session.commit().await,
            Err(refusal) => {
                session.rollback().await;
                Err(refusal)
            }
        }
    };
    write(2).await.unwrap();
    let refused = write(800).await;
    assert!(
        matches!(&refused, Err(Refusal::Exceeded(over)) if over.0.limit == Limit::Storage),
        "{refused:?}"
    );
    let size = "SELECT pg_total_relation_size('plugin_x.t')";
    let size: i64 = client.query_one(size, &[]).await.unwrap().get(0);
    assert!(size < 500 << 20, "{} MiB are written", size >> 20);
    let refused = write(1).await;
    assert!(
        matches!(&refused, Err(Refusal::Exceeded(over)) if over.0.limit == Limit::Storage),
        "{refused:?}"
    );
    assert_eq!(client.query_one("SELECT count(*) FROM plugin_x.t", &[]).await.unwrap().get::<_, i64>(0), 2);
    drop(database);
    drop(server);
}

/// A URL may ask for a server that can be written to, although a login's transactions are read only by default.
#[tokio::test]
async fn primary_is_taken_for_read_write_and_refused_for_read_only() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    for (wanted, is_taken) in [("any", true), ("read-write", true), ("read-only", false)] {
        let url = format!("{} target_session_attrs={wanted}", server.url());
        let url: super::DatabaseUrl = url.parse().unwrap();
        let connected = Database::connect(url, 2).await;
        assert_eq!(connected.is_ok(), is_taken, "{wanted}: {:?}", connected.err());
    }
    server.stop().await;
}

/// A cancel may hit the BEGIN of a statement that is sent together with it.
#[tokio::test]
async fn statement_of_the_host_writes_nothing_outside_a_transaction() {
    let (server, database, client) = world().await;
    client.batch_execute("CREATE TABLE t (n integer)").await.unwrap();
    let connection = database.transactions.get().await.unwrap();
    let refused = connection.batch(Some("INSERT INTO t VALUES (1)")).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006");
    drop(connection);
    let mut session = database.session(Kind::Mutation, Owner::Host);
    session.run(sql("INSERT INTO t VALUES (1)"), &mut Ledger::new(Limits::default())).await.unwrap();
    session.commit().await.unwrap();
    drop(database);
    server.stop().await;
}

/// The role of the statement does not exist, so the first statement's prefix begins the transaction and then fails.
#[tokio::test]
async fn connection_with_a_partly_opened_transaction_is_not_pooled() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let database = Database::connect(crate::private::config(&server), 1).await.unwrap();
    let mut ledger = Ledger::new(Limits::default());
    let sql = |role| Sql { text: "SELECT 1", parameters: &[], types: &[], role, shape: None };
    for kind in [Kind::Mutation, Kind::Action] {
        for _ in 0..3 {
            let mut session = database.session(kind, Owner::Host);
            assert!(session.run(sql(Some("missing_role")), &mut ledger).await.is_err(), "{kind:?}");
            session.rollback().await;
        }
        // As often as the pool has connections, so that each connection is used.
        for _ in 0..HOST_CONNECTIONS_MAX {
            let mut session = database.session(kind, Owner::Host);
            assert!(session.run(sql(None), &mut ledger).await.is_ok(), "{kind:?}");
            session.rollback().await;
        }
    }
    drop(database);
    server.stop().await;
}

/// The second statement is a select like the first, one that is read from a cursor, or a guest's text.
#[tokio::test]
async fn second_statement_after_autocommit_is_refused_and_the_invocation_runs_again() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let database = Database::connect(crate::private::config(&server), 1).await.unwrap();
    let mut ledger = Ledger::new(Limits::default());
    let sql = Sql { text: "SELECT 1", parameters: &[], types: &[], role: None, shape: None };
    let read = ReadStatement::parse(&Catalogue::new("any", true, true), "SELECT 1").unwrap();
    for second in 0..4 {
        let mut session = Session::of_plugin(Arc::clone(&database.transactions), Kind::Query);
        session.expect_one();
        assert!(session.look_up(sql, &mut ledger).await.is_ok());
        assert!(!session.has_outgrown(), "one statement was expected");
        let refused = match second {
            0 => session.look_up(sql, &mut ledger).await.is_err(),
            1 => session.run(sql, &mut ledger).await.is_err(),
            2 => session.read(sql, &mut ledger).await.is_err(),
            _ => session.read_text(&read, |_, _| Ok(Vec::new()), &mut ledger).await.is_err(),
        };
        assert!(refused && session.has_outgrown(), "{second}");
        session.rollback().await;
    }
    drop(database);
    server.stop().await;
}

/// Settings of a database that change what a statement means or may cost, and a question whose answer they change.
const HOSTILE: &[(&str, &str, &str)] = &[
    ("TimeZone", "Asia/Kolkata", "SELECT '2020-01-01 00:00+00'::timestamptz::text"),
    (
        "timezone_abbreviations",
        "India",
        "SELECT ('2020-01-01 00:00 IST'::timestamptz AT TIME ZONE 'UTC')::text",
    ),
    ("DateStyle", "German, DMY", "SELECT '01/02/2020'::date::text"),
    ("IntervalStyle", "iso_8601", "SELECT '1 day'::interval::text"),
    ("bytea_output", "escape", "SELECT 'abc'::bytea::text"),
    ("extra_float_digits", "-5", "SELECT (1::float8 / 3)::text"),
    ("xmlbinary", "hex", ""),
    ("xmloption", "document", "SELECT xml_is_well_formed('a')::text"),
    ("array_nulls", "off", "SELECT (('{NULL}'::text[])[1] IS NULL)::text"),
    ("transform_null_equals", "on", "SELECT ((1 = NULL) IS NULL)::text"),
    ("backslash_quote", "off", "SELECT E'a\\'b'"),
    ("standard_conforming_strings", "off", "SELECT length('a\\b')::text"),
    ("quote_all_identifiers", "on", "SELECT quote_ident('a')"),
    ("row_security", "off", ""),
    ("default_text_search_config", "pg_catalog.english", "SELECT to_tsvector('the cats')::text"),
    ("lc_monetary", "C.UTF-8", ""),
    ("lc_numeric", "C.UTF-8", ""),
    ("lc_time", "C.UTF-8", ""),
    ("gin_fuzzy_search_limit", "1", ""),
    ("default_transaction_deferrable", "on", ""),
    ("jit", "on", ""),
    ("max_parallel_workers_per_gather", "8", ""),
    ("plan_cache_mode", "force_generic_plan", ""),
    ("geqo", "off", ""),
    ("geqo_effort", "1", ""),
    ("geqo_pool_size", "9", ""),
    ("geqo_generations", "9", ""),
    ("geqo_threshold", "100", ""),
    ("join_collapse_limit", "100", ""),
    ("from_collapse_limit", "100", ""),
    ("work_mem", "1GB", ""),
    ("hash_mem_multiplier", "100", ""),
    ("search_path", "nowhere", ""),
];

async fn answer(mut session: Session, question: &str) -> String {
    let answer = session.run(sql(question), &mut Ledger::new(Limits::default())).await;
    answer.map(|answer| answer.rows[0].get(0)).unwrap()
}

#[tokio::test]
async fn answers_do_not_depend_on_the_settings_of_the_server_or_the_database() {
    let (server, database, client) = world().await;
    for name in Settings::of_plugin("public", &BTreeSet::new()).names() {
        assert!(HOSTILE.iter().any(|(hostile, ..)| *hostile == name), "{name} has no row");
    }
    for (name, value, question) in HOSTILE {
        let shown = format!("SELECT current_setting('{name}')");
        let question = if question.is_empty() { shown.as_str() } else { question };
        let plugin = || Session::of_plugin(pool(&server, &database, 1), Kind::Query);
        let wanted = answer(plugin(), question).await;
        client.batch_execute(&format!("ALTER DATABASE postgres SET {name} = '{value}'")).await.unwrap();
        let (raw, connection) = crate::private::config(&server).connect(NoTls).await.unwrap();
        let raw = tokio::join!(connection, async move { raw.query_one(question, &[]).await }).1;
        let raw = raw.map_or_else(|error| error.to_string(), |row| row.get(0));
        assert_ne!(raw, wanted, "{name}: the row changes nothing");
        assert_eq!(answer(plugin(), question).await, wanted, "{name}");
        let host = Database::connect(crate::private::config(&server), 1).await.unwrap();
        if *name != "search_path" {
            assert_eq!(answer(host.session(Kind::Query, Owner::Host), question).await, wanted, "{name}");
        }
        host.close();
        client.batch_execute("ALTER DATABASE postgres RESET ALL").await.unwrap();
    }
    drop(database);
    server.stop().await;
}

/// A pooler may drop the options, and what a superuser sets for a database disables triggers. Nothing runs in such a session.
#[tokio::test]
async fn session_without_the_hosts_settings_is_not_used() {
    let (server, database, client) = world().await;
    let unfit = Settings::of_plugin("public", &BTreeSet::new()).check(&client).await;
    assert!(
        matches!(&unfit, Err(Failure::Unfit(sentence)) if sentence.contains("pgbouncer=true")),
        "{unfit:?}"
    );
    let replica = "ALTER DATABASE postgres SET session_replication_role = replica";
    client.batch_execute(replica).await.unwrap();
    let error = Database::connect(crate::private::config(&server), 1).await.err().unwrap().to_string();
    assert!(error.contains("`session_replication_role` = `replica` and needs `origin`"), "{error}");
    let pool = pool(&server, &database, 1);
    assert!(matches!(run(&pool, "SELECT 1").await, Err(Refusal::Unavailable(_))));
    client.batch_execute("ALTER DATABASE postgres RESET ALL").await.unwrap();
    assert_eq!(run(&pool, "SELECT 1").await.unwrap(), 1);
    drop(database);
    server.stop().await;
}

#[tokio::test]
async fn statement_that_needs_too_much_is_refused_with_what_to_do() {
    let (server, database, client) = world().await;
    let pool = pool(&server, &database, 1);
    for code in ["53200", "53400", "54000"] {
        let raise = format!(
            "CREATE OR REPLACE FUNCTION public.boom() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'x' USING ERRCODE = '{code}'; END $$"
        );
        client.batch_execute(&raise).await.unwrap();
        let refused = run(&pool, "SELECT public.boom()").await;
        let Err(Refusal::Other { guest, .. }) = refused else { panic!("{code}: {refused:?}") };
        assert!(guest.starts_with(&format!("{code}: the statement")) && guest.len() > 60, "{guest}");
    }
    drop(database);
    server.stop().await;
}

/// A row takes memory even if the server sends no value in it.
#[tokio::test]
async fn row_without_columns_is_reserved_like_a_value() {
    const ROWS: u64 = 5_000;
    let (server, database, _client) = world().await;
    let pool = pool(&server, &database, 1);
    let budget = MemoryBudget::new(64 * MIB);
    let mut ledger = Ledger::within(budget.reservation(None, None), Limits::default());
    let mut session = Session::of_plugin(Arc::clone(&pool), Kind::Query);
    let text = format!("SELECT FROM generate_series(1, {ROWS})");
    let answer = session.run(sql(&text), &mut ledger).await.unwrap();
    assert_eq!(answer.rows.len() as u64, ROWS);
    assert!(budget.held() >= ROWS * DB_VALUE_HELD_BYTES, "{}", budget.held());
    session.rollback().await;
    drop(database);
    server.stop().await;
}
