//! The settings that a host fixes for each of its sessions.
//!
//! The rule: a setting that changes what a statement means, or what it may cost, is the host's to choose, whatever the server,
//! the database or a role says. A session gets them in its start-up packet, which comes before those, and a login shows each
//! of them once before it is used: a pooler that nobody declared may drop what it does not know. Behind a declared PgBouncer
//! there is no such packet. There a plugin's login has them as defaults of its own in this database, and a transaction of the
//! host's sets them.
//!
//! Not here: what only a superuser may set, other than [`ORIGIN`]; and `lc_messages`, because nothing reads messages. Tests:
//! `tests/db/settings.rs`.

use super::failure::{self, Failure};
use palisade_guard::db::extension::Extension;
use palisade_guard::limits::{
    IDLE_IN_TRANSACTION_MS, LOCK_MS, MS_PER_S, PLUGIN_JOINED_MAX, PLUGIN_WORK_MEMORY_KIB, STATEMENT_MS,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Names and values, as `SHOW` writes them, of what changes the meaning of a statement.
const MEANING: &[(&str, &str)] = &[
    ("TimeZone", "UTC"),
    ("timezone_abbreviations", "Default"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("backslash_quote", "safe_encoding"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    ("row_security", "on"),
    ("default_text_search_config", "pg_catalog.simple"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    // Not 0 returns some of the rows that an index finds.
    ("gin_fuzzy_search_limit", "0"),
    ("default_transaction_deferrable", "off"),
];

/// What decides how much work a statement is. JIT compiles a large expression without a look at a cancel. A planner that
/// tries every order of eleven tables takes gigabytes.
const COST: &[(&str, &str)] = &[
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "auto"),
    ("geqo", "on"),
    ("geqo_effort", "5"),
    ("geqo_pool_size", "0"),
    ("geqo_generations", "0"),
];

/// Anything else disables triggers and foreign keys. Only a superuser can set it, so it is only checked.
const ORIGIN: (&str, &str) = ("session_replication_role", "origin");

/// Where a host's own statements look for what they name without a schema: PostgreSQL's default.
const HOST_PATH: &str = "\"$user\", public";

/// The settings of one kind of session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    fn new(search_path: &str) -> Self {
        let mut all: Vec<(&'static str, String)> =
            MEANING.iter().chain(COST).map(|(name, value)| (*name, (*value).to_owned())).collect();
        for name in ["geqo_threshold", "join_collapse_limit", "from_collapse_limit"] {
            all.push((name, PLUGIN_JOINED_MAX.to_string()));
        }
        all.push(("work_mem", memory()));
        // By default a hash takes twice as much as a sort.
        all.push(("hash_mem_multiplier", "1".to_owned()));
        all.push(("search_path", search_path.to_owned()));
        Self(all)
    }

    /// Of a plugin's session, with the plugin's schema and the extensions that it is granted. Its times are defaults of its
    /// role.
    pub(super) fn of_plugin(schema: &str, extensions: &BTreeSet<Extension>) -> Self {
        let mut settings = Self::new(schema);
        for (name, value) in extensions.iter().flat_map(|extension| extension.settings()) {
            settings.0.push((name, (*value).to_owned()));
        }
        settings
    }

    /// Of a session of the host's own.
    pub(super) fn of_host() -> Self {
        let mut settings = Self::new(HOST_PATH);
        settings.0.push(("statement_timeout", seconds(STATEMENT_MS)));
        settings.0.push(("lock_timeout", seconds(LOCK_MS)));
        settings.0.push(("idle_in_transaction_session_timeout", seconds(IDLE_IN_TRANSACTION_MS)));
        settings
    }

    /// The same, for a session whose transactions say that they write. A statement whose BEGIN was cut off must not write by
    /// itself.
    pub(super) fn read_only(mut self) -> Self {
        self.0.push(("default_transaction_read_only", "on".to_owned()));
        self
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// As options of a start-up packet.
    pub(super) fn options(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            let gap = if text.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _written = write!(text, "{gap}-c {name}={}", value.replace('\\', "\\\\").replace(' ', "\\ "));
        }
        text
    }

    /// As defaults of a role in one database, which come before those of the role and of the database. Both names are quoted.
    pub(super) fn of_role(&self, role: &str, database: &str) -> String {
        let altered = self.0.iter().map(|(name, value)| {
            format!("ALTER ROLE {role} IN DATABASE {database} SET {name} = {};", listed(name, value))
        });
        altered.collect::<Vec<_>>().join(" ")
    }

    /// As statements for the start of a transaction.
    pub(super) fn of_transaction(&self) -> String {
        let set = self.0.iter().map(|(name, value)| format!("; SET LOCAL {name} = {}", listed(name, value)));
        set.collect()
    }

    /// Checks, in one round trip, that a new session has them.
    pub(super) async fn check(&self, client: &Client) -> Result<(), Failure> {
        let wanted: Vec<(&str, &str)> =
            self.0.iter().map(|(name, value)| (*name, value.as_str())).chain([ORIGIN]).collect();
        let asked: Vec<String> = wanted.iter().map(|(name, _)| format!("SHOW {name}")).collect();
        let text = asked.join(";");
        let messages = client.simple_query(&text).await.map_err(failure::of)?;
        let shown = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default()),
            _ => None,
        });
        let mut others = wanted.iter().zip(shown).filter(|((_, wanted), shown)| wanted != shown);
        match others.next() {
            None => Ok(()),
            Some(((name, wanted), shown)) => Err(Failure::Unfit(format!(
                "a session of the host has `{name}` = `{shown}` and needs `{wanted}`: something between the host and the \
                 server drops the host's options, or the server overrides them; connect to the server itself, or add \
                 `pgbouncer=true` to the parameters of DATABASE_URL if a PgBouncer is in between"
            ))),
        }
    }
}

/// A value after `SET`: each element of a list is quoted on its own, or the list would be one name.
fn listed(name: &str, value: &str) -> String {
    if name == "search_path" { value.to_owned() } else { format!("'{value}'") }
}

/// A time as `SHOW` writes it, if it is less than a minute.
fn seconds(ms: u64) -> String {
    format!("{}s", ms / MS_PER_S)
}

/// `work_mem` as `SHOW` writes it.
fn memory() -> String {
    let kib = PLUGIN_WORK_MEMORY_KIB;
    if kib.is_multiple_of(1024) { format!("{}MB", kib / 1024) } else { format!("{kib}kB") } // wire: PostgreSQL's units
}
