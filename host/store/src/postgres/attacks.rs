//! The attacks that [`super::canary`] tries as a plugin's login: one for each layer, each a real statement.
//!
//! A successful attack changes nothing that its transaction does not roll back: filters select no row, and no attack is
//! aimed at an existing server, file or session.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

/// What a success means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Others' data, the server, or the host's rights are exposed: the plugin is refused.
    Boundary,
    /// The server has not been hardened.
    Hardening,
}

/// One attack.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) class: Class,
    /// What the login does if the attack succeeds, as the end of a sentence.
    pub(super) what: &'static str,
    pub(super) sql: String,
}

impl Attack {
    /// How a passport describes a missing layer.
    pub(super) fn sentence(&self) -> String {
        format!("its login {} (`{}`)", self.what, self.sql)
    }
}

/// Attacks on a boundary that need no target.
const BOUNDARIES: &[(&str, &str)] = &[
    ("reads the host's secrets", "SELECT FROM palisade.secrets"),
    ("reads the tokens of users", "SELECT FROM palisade.tokens"),
    ("changes users", "DELETE FROM palisade.users WHERE false"),
    ("enables what an operator has disabled", "DELETE FROM palisade.switches WHERE false"),
    ("changes which plugin it is", "UPDATE palisade.plugins SET role = role WHERE false"),
    (
        "grants itself item types",
        "INSERT INTO palisade.item_grants VALUES (session_user, 'palisade_canary', true)",
    ),
    ("sees rows of other plugins", "SELECT 1 / count(*) FROM palisade.plugins WHERE role <> session_user"),
    ("reads the passwords of logins", "SELECT rolpassword FROM pg_catalog.pg_authid LIMIT 0"),
    ("reads files of the server", "SELECT pg_catalog.pg_read_file('PG_VERSION')"),
    ("runs programs on the server", "COPY (SELECT WHERE false) TO PROGRAM 'true'"),
    ("makes schemas", "CREATE SCHEMA palisade_canary"),
];

/// Attacks that succeed for PUBLIC on a server as it is installed, and that `harden.sql` blocks.
const HARDENING: &[(&str, &str)] = &[
    ("changes settings from within a SELECT", "SELECT pg_catalog.set_config('statement_timeout', '0', true)"),
    (
        "changes settings with an UPDATE",
        "UPDATE pg_catalog.pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
    ),
    ("reads settings of the server", "SELECT pg_catalog.current_setting('cluster_name')"),
    ("runs SQL that is hidden in a string", "SELECT pg_catalog.query_to_xml('SELECT 1', true, true, '')"),
    ("sees who else is connected", "SELECT FROM pg_catalog.pg_stat_activity"),
    ("reads the names of logins", "SELECT FROM pg_catalog.pg_roles"),
    ("reads the catalogue of tables", "SELECT FROM pg_catalog.pg_class LIMIT 0"),
    ("reads the catalogue of functions", "SELECT FROM pg_catalog.pg_proc LIMIT 0"),
    ("reads the information schema", "SELECT FROM information_schema.tables LIMIT 0"),
    ("asks for the rights of others", "SELECT pg_catalog.has_schema_privilege('palisade', 'USAGE')"),
    ("makes temporary tables", "CREATE TEMPORARY TABLE palisade_canary ()"),
    ("makes tables in the schema public", "CREATE TABLE public.palisade_canary ()"),
    ("makes large objects", "SELECT pg_catalog.lo_create(0)"),
    ("takes locks of the application's", "SELECT pg_catalog.pg_try_advisory_xact_lock(0)"),
    ("notifies other sessions", "SELECT pg_catalog.pg_notify('palisade_canary', '')"),
    ("sends signals to other sessions", "SELECT pg_catalog.pg_cancel_backend(0)"),
    (
        "writes into the log of changes",
        "SELECT pg_catalog.pg_logical_emit_message(true, 'palisade_canary', '')",
    ),
    ("takes transaction numbers in a read", "SELECT pg_catalog.txid_current()"),
    ("sleeps", "SELECT pg_catalog.pg_sleep(0)"),
    ("runs code in a procedural language", "DO LANGUAGE plpgsql 'BEGIN END'"),
];

/// Attacks on a read-only transaction: both ways of making it writable, and a write.
const ON_A_READ: &[(&str, &str)] = &[
    ("makes a read writable", "SET TRANSACTION READ WRITE"),
    ("makes a read writable", "SELECT pg_catalog.set_config('transaction_read_only', 'off', true)"),
    ("writes in a read", "DELETE FROM palisade.variables WHERE false"),
];

/// The targets of the attacks, looked up as the host. Of each kind it is one that the login has access to, if there is
/// one.
#[derive(Debug)]
pub(super) struct Targets {
    /// A role that the login is a member of, or else the host's.
    other: String,
    schema: String,
    table: Option<String>,
    sequence: Option<String>,
}

impl Targets {
    pub(super) async fn find(client: &Client, role: &str, schema: &str) -> Result<Self, Error> {
        let foreign = "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname LIKE 'plugin\\_%' AND n.nspname <> $2";
        let text = format!(
            "SELECT coalesce((SELECT pg_catalog.quote_ident(r.rolname) FROM pg_catalog.pg_roles r \
              WHERE r.rolname <> $1 AND pg_catalog.pg_has_role($1::text, r.oid, 'MEMBER') ORDER BY r.oid LIMIT 1), \
             pg_catalog.quote_ident(current_user)), \
             (SELECT c.oid::regclass::text FROM {foreign} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
              ORDER BY pg_catalog.has_any_column_privilege($1::text, c.oid, 'SELECT, INSERT, UPDATE') \
                  OR pg_catalog.has_table_privilege($1::text, c.oid, 'DELETE') DESC, c.oid LIMIT 1), \
             (SELECT c.oid::regclass::text FROM {foreign} AND c.relkind = 'S' \
              ORDER BY pg_catalog.has_sequence_privilege($1::text, c.oid, 'USAGE, UPDATE') DESC, c.oid LIMIT 1)"
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&role, Type::TEXT), (&schema, Type::TEXT)];
        let rows = client.query_typed(&text, &parameters).await?;
        let name = |index: usize| rows.first().map_or(Ok(None), |row| row.try_get(index));
        let other = name(0)?.unwrap_or_else(|| role.to_owned());
        Ok(Self { other, table: name(1)?, sequence: name(2)?, schema: schema.to_owned() })
    }

    /// Attacks in a transaction that may write.
    pub(super) fn attacks(&self) -> Vec<Attack> {
        let Self { other, schema, .. } = self;
        let mut attacks = listed(Class::Boundary, BOUNDARIES);
        let mut aimed = |what, sql| attacks.push(Attack { class: Class::Boundary, what, sql });
        aimed("becomes another role", format!("SET LOCAL ROLE {other}"));
        aimed("makes tables in its own schema", format!("CREATE TABLE {schema}.palisade_canary ()"));
        if let Some(table) = &self.table {
            aimed("reads tables of another plugin", format!("SELECT FROM {table} LIMIT 0"));
            aimed("writes to tables of another plugin", format!("INSERT INTO {table} DEFAULT VALUES"));
            aimed("changes tables of another plugin", format!("DELETE FROM {table} WHERE false"));
        }
        if let Some(sequence) = &self.sequence {
            // Escaped, because a plugin's migration has chosen the name.
            let sequence = sequence.replace('\'', "''");
            aimed("counts with another plugin's sequences", format!("SELECT nextval('{sequence}')"));
        }
        attacks.extend(listed(Class::Hardening, HARDENING));
        attacks
    }
}

/// Attacks in a transaction that may not write.
pub(super) fn on_a_read() -> Vec<Attack> {
    listed(Class::Boundary, ON_A_READ)
}

/// Every attack, aimed at names that the test has made.
#[cfg(test)]
pub(super) fn of_everything() -> Vec<Attack> {
    Targets {
        other: "palisade".to_owned(),
        schema: "plugin_a".to_owned(),
        table: Some("plugin_b.t".to_owned()),
        sequence: Some("plugin_b.s".to_owned()),
    }
    .attacks()
}

fn listed(class: Class, attacks: &[(&'static str, &str)]) -> Vec<Attack> {
    attacks.iter().map(|&(what, sql)| Attack { class, what, sql: sql.to_owned() }).collect()
}
