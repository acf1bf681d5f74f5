//! The setup for attacks: a plugin, a rival plugin with the same tables, and planted secrets that neither may find.

use crate::harness::{World, altered, call_patiently, connect, guest};
use palisade::{Host, Policy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// A timeout for operations that take well under a second.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// The three kinds, and whether each can write.
pub const KINDS: [(&str, bool); 3] = [("in-query", false), ("in-mutation", true), ("in-action", true)];

/// Texts that no error may contain unless the plugin sent them: planted values, other plugins' names, and the
/// server's messages.
const SECRETS: &[&str] = &[
    "planted",
    "rival",
    "pal_",
    "permission denied",
    "does not exist",
    "already exists",
    "violates",
    "duplicate key",
    "DETAIL",
    "HINT",
    "ERROR",
    "Key (",
    "relation \"",
    "column \"",
    "aborted",
    "cannot execute",
    "at character",
];

/// Reports the state of a session. A column default runs it with the server's rights.
const SESSION_STATE: &str = "
    CREATE SCHEMA watch;
    CREATE FUNCTION watch.look() RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
        SELECT pg_catalog.jsonb_build_object(
            'pid', pg_catalog.pg_backend_pid(),
            'settings', (SELECT pg_catalog.jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings
                WHERE name NOT LIKE '%.%'),
            'role', pg_catalog.current_setting('role'),
            'login', session_user,
            'temporary', (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()),
            'prepared', (SELECT count(*) FROM pg_catalog.pg_prepared_statements WHERE from_sql),
            'cursors', (SELECT count(*) FROM pg_catalog.pg_cursors WHERE is_holdable),
            'channels', (SELECT count(*) FROM pg_catalog.pg_listening_channels()),
            'advisory', (SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())
        )::text
    $$;
    ALTER TABLE plugin_sql.spy ALTER COLUMN seen SET DEFAULT watch.look();";

/// Objects planted for both plugins that an attack could misuse.
const PLANT: &str = "
    INSERT INTO plugin_sql.notes (title, body, rank, tags, extra, amount)
        SELECT 'note ' || n, 'body', n, ARRAY['a', 'b'], '{\"a\": 1}', n FROM generate_series(1, 6) n;
    INSERT INTO plugin_sql.readings SELECT n, n, 'read ' || n FROM generate_series(1, 3) n;
    INSERT INTO plugin_sql.journal (what) VALUES ('planted-journal');
    INSERT INTO plugin_sql.vault VALUES (1, 'planted-vault');
    INSERT INTO plugin_rival.notes (title, body) VALUES ('planted-rival', 'planted-body');
    INSERT INTO palisade.users (id, name) VALUES (gen_random_uuid(), 'planted-user');
    INSERT INTO palisade.items VALUES (gen_random_uuid(), 'note', 'planted-item', 'draft', '{}', 1, NULL, now(), now());
    SELECT lo_from_bytea(0, 'planted-object');
    CREATE SEQUENCE plugin_sql.planted;
    CREATE FUNCTION public.leak(plugin_sql.notes) RETURNS text LANGUAGE sql SECURITY DEFINER AS
        $$ UPDATE plugin_sql.vault SET secret = 'taken'; SELECT 'planted-leak' $$;
    CREATE FUNCTION plugin_sql.leak(plugin_sql.notes) RETURNS text LANGUAGE sql SECURITY DEFINER AS
        $$ UPDATE plugin_sql.vault SET secret = 'taken'; SELECT 'planted-leak' $$;
    CREATE FUNCTION plugin_sql.lower(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
        $$ UPDATE plugin_sql.vault SET secret = 'taken'; SELECT 'planted-lower' $$;
    CREATE FUNCTION plugin_sql.evil() RETURNS int LANGUAGE sql SECURITY DEFINER AS
        $$ UPDATE plugin_sql.vault SET secret = 'taken'; SELECT 1 $$;";

pub struct Arena {
    pub world: World,
    pub host: Host,
    pub role: String,
    clean: Value,
}

impl Arena {
    pub async fn new() -> Self {
        Self::with(|manifest| manifest).await
    }

    /// Like `new`, with a changed manifest of the attacking plugin.
    pub async fn with(change: impl FnOnce(String) -> String) -> Self {
        Self::prepared(change, "").await
    }

    /// Like `with`, with SQL that runs before the plugin's first connection. `{role}` stands for the plugin's role.
    pub async fn prepared(change: impl FnOnce(String) -> String, first: &str) -> Self {
        let world = World::new().await;
        let (own, rival) = (
            altered("sql", change),
            altered("sql", |manifest| manifest.replace("name = \"sql\"", "name = \"rival\"")),
        );
        let builder =
            world.builder().plugin(own.path(), Policy::as_asked()).plugin(rival.path(), Policy::as_asked());
        let host = builder.plugin(guest("greeter"), Policy::as_asked()).build().await.unwrap();
        let role = "SELECT role FROM palisade.plugins WHERE name = 'sql'";
        let role: String = world.sql.query_one(role, &[]).await.unwrap().get(0);
        for text in [PLANT, SESSION_STATE, &first.replace("{role}", &role)] {
            world.sql.batch_execute(text).await.unwrap();
        }
        let mut arena = Self { world, host, role, clean: Value::Null };
        arena.clean = arena.next_session().await.1;
        arena
    }

    /// Calls a function of the plugin.
    pub async fn call(&self, function: &str, arguments: Value) -> Result<Value, palisade::CallError> {
        call_patiently(&self.host, "sql", function, arguments).await
    }

    /// Runs statements in one invocation. Returns for each its result, or its error.
    pub async fn each(&self, function: &str, statements: &[String]) -> Vec<Result<Value, Value>> {
        let outcomes = self.call(function, json!({ "statements": statements })).await;
        let outcomes = outcomes.unwrap_or_else(|error| panic!("{function}: {error:?}"));
        let outcomes = outcomes.as_array().unwrap().iter();
        outcomes
            .map(|outcome| {
                if outcome["tag"] == "ok" { Ok(outcome["val"].clone()) } else { Err(outcome["val"].clone()) }
            })
            .collect()
    }

    /// Runs hostile statements in every kind, as reads and as writes, and asserts everything that must hold of them.
    /// Each statement is one line of text.
    pub async fn withstands<T: AsRef<str>>(&self, statements: &[T]) {
        let statements: Vec<String> = statements.iter().map(|sql| sql.as_ref().to_owned()).collect();
        let before = self.world.snapshot().await;
        for (kind, can_write) in KINDS {
            let functions = if can_write { &["query-each", "execute-each"][..] } else { &["query-each"] };
            for function in functions {
                let function = format!("{kind}/{function}");
                let outcomes = self.each(&function, &statements).await;
                assert_eq!(outcomes.len(), statements.len());
                for (sql, outcome) in statements.iter().zip(outcomes) {
                    assert_rejected(&function, sql, outcome);
                }
            }
        }
        self.assert_unharmed(&before).await;
    }

    /// Asserts that nothing has changed and that the sessions are clean.
    pub async fn assert_unharmed(&self, before: &crate::harness::Snapshot) {
        let changes: Vec<String> =
            self.world.snapshot().await.changed_since(before).into_iter().map(str::to_owned).collect();
        assert_eq!(changes, Vec::<String>::new());
        self.assert_clean_sessions().await;
    }

    /// Asserts that every session of the plugin is idle, is outside a transaction, and is as it was when it was new.
    pub async fn assert_clean_sessions(&self) {
        self.wait_until_idle().await;
        let mut seen = BTreeSet::new();
        let sessions = format!("SELECT pid FROM pg_stat_activity WHERE usename = '{}'", self.role);
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let open = self.world.sql.query(&sessions, &[]).await.unwrap();
            // The looks run concurrently, because the pool hands out the most recently returned connection first.
            for (pid, session) in
                futures_util::future::join_all(open.iter().map(|_| self.next_session())).await
            {
                assert_eq!(difference(&self.clean, &session), Vec::<String>::new());
                seen.insert(pid);
            }
            if open.iter().all(|row| seen.contains(&i64::from(row.get::<_, i32>(0)))) {
                break;
            }
            assert!(Instant::now() < deadline, "a session was never reused");
        }
        self.wait_until_idle().await;
        let locks = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() \
             AND l.locktype = 'advisory'";
        assert_eq!(self.world.count(locks).await, 0);
        let prepared = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";
        assert_eq!(self.world.count(prepared).await, 0);
    }

    /// Waits until no session of the plugin runs a statement or is in a transaction.
    pub async fn wait_until_idle(&self) {
        let busy = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND (state <> 'idle' OR xact_start IS NOT NULL)",
            self.role
        );
        self.until(&busy, 0).await;
    }

    /// Waits until a query by the superuser returns this number.
    pub async fn until(&self, query: &str, number: i64) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let found = self.world.count(query).await;
            if found == number {
                return;
            }
            assert!(Instant::now() < deadline, "{query} stays {found}: {:?}", self.sessions().await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A new connection that locks a table until it rolls back. It is separate because a transaction sees the
    /// server's sessions as they were at its first look.
    pub async fn locked(&self, table: &str) -> Client {
        let client = connect(&self.world.url()).await;
        client.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.unwrap();
        client
    }

    /// The plugin's sessions, for failure messages.
    async fn sessions(&self) -> Vec<String> {
        let sessions = "SELECT concat_ws(' ', pid, state, wait_event_type, wait_event, left(query, 200)) FROM pg_stat_activity \
             WHERE datname = current_database()";
        self.world.sql.query(sessions, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The process id and the state of the session that the plugin gets next. It leaves no row in the table.
    pub async fn next_session(&self) -> (i64, Value) {
        let name = format!("look-{}", Uuid::new_v4());
        let hand = json!({ "tag": "scalar", "val": { "tag": "text", "val": name } });
        let row = json!({ "table": "spy", "columns": ["hand"], "rows": [[hand]], "returning": [] });
        self.call("in-action/insert", json!({ "insertion": row })).await.unwrap();
        let take = "DELETE FROM plugin_sql.spy WHERE hand = $1 RETURNING seen";
        let taken = self.world.sql.query_one(take, &[&name]).await.unwrap();
        let mut seen: Value = serde_json::from_str(taken.get(0)).unwrap();
        let pid = seen.as_object_mut().unwrap().remove("pid").unwrap();
        (pid.as_i64().unwrap(), seen)
    }
}

/// Asserts that a hostile statement was rejected with a typed error that reveals nothing.
pub fn assert_rejected(function: &str, sql: &str, outcome: Result<Value, Value>) {
    let sql_shown: String = sql.chars().take(200).collect();
    let error =
        outcome.map_or_else(|error| error, |value| panic!("{function} accepted {sql_shown}: {value}"));
    assert!(
        ["access-denied", "invalid-argument"].contains(&error["tag"].as_str().unwrap()),
        "{sql_shown}: {error}"
    );
    assert_reveals_nothing(sql, &error);
}

/// Asserts that an error has no secret text, except what the plugin sent itself.
pub fn assert_reveals_nothing(sent: &str, error: &Value) {
    let text = error.to_string();
    for secret in SECRETS {
        assert!(sent.contains(secret) || !text.contains(secret), "{sent:.200}: {text}");
    }
}

fn difference(before: &Value, after: &Value) -> Vec<String> {
    let flat = |state: &Value| {
        let mut all = state.clone();
        let settings = all.as_object_mut().unwrap().remove("settings").unwrap();
        let mut all = all.as_object().unwrap().clone();
        all.extend(settings.as_object().unwrap().clone());
        all
    };
    let (before, after) = (flat(before), flat(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| format!("{name}: {:?} was {:?}", after.get(name), before.get(name))).collect()
}
