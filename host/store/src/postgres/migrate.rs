//! The migrations of the host's own tables: versioned, and applied in order under a lock, so that two hosts never apply
//! them at once.

use super::pool::Connection;
use super::role::InstallFailure;
use crate::error::InstallError;
use palisade_guard::limits::{CALLER_KEYS_BYTES, DATABASE_LOCK, MIGRATION_MS, SECRET_BYTES};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The host's migrations. A released one never changes: its checksum is in every database.
const MIGRATIONS: &[(i32, &str, &str)] = &[
    (1, "base", include_str!("base.sql")),
    (2, "caller", include_str!("caller.sql")),
    (3, "switches", include_str!("switches.sql")),
    (4, "proofs", include_str!("proofs.sql")),
    (5, "storage", include_str!("storage.sql")),
    (6, "items", include_str!("items.sql")),
    (7, "audit", include_str!("audit.sql")),
    (8, "search", include_str!("search.sql")),
];

/// The secrets that all hosts of a database share.
pub(super) struct Secrets {
    /// The key that roles' passwords are derived from.
    pub passwords: Vec<u8>,
    /// The keys of the proofs of who calls.
    pub callers: [u8; CALLER_KEYS_BYTES],
}

/// Brings the database up to date and returns its secrets.
pub(super) async fn run(connection: &Connection) -> Result<Secrets, InstallError> {
    apply(connection).await.map_err(|error| match error {
        MigrationFailure::Server(error) => failed(&error),
        MigrationFailure::Drift(sentence) => {
            InstallError::Database { sentence, source: anyhow::anyhow!("checksum mismatch") }
        }
    })
}

enum MigrationFailure {
    Server(tokio_postgres::Error),
    Drift(String),
}

impl From<tokio_postgres::Error> for MigrationFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

async fn apply(connection: &Connection) -> Result<Secrets, MigrationFailure> {
    let client = connection.client();
    client.batch_execute(&begin()).await?;
    let result = apply_locked(client).await;
    client.batch_execute(end(result.is_ok())).await?;
    result
}

/// Begins a change of the structure of a database: under a lock, and with more time than a call has.
pub(super) fn begin() -> String {
    format!(
        "BEGIN READ WRITE; SET LOCAL statement_timeout = {MIGRATION_MS}; SET LOCAL lock_timeout = {MIGRATION_MS}; \
         SELECT pg_advisory_xact_lock({DATABASE_LOCK})"
    )
}

/// Ends such a change. Prepared statements would otherwise stay on the server's side of a PgBouncer.
pub(super) fn end(succeeded: bool) -> &'static str {
    if succeeded { "DEALLOCATE ALL; COMMIT" } else { "ROLLBACK; DEALLOCATE ALL" }
}

/// Whether no host has used the database yet.
pub(super) async fn is_new(client: &Client) -> Result<bool, tokio_postgres::Error> {
    // What is there may be of an earlier version.
    let known = "SELECT to_regclass('palisade.plugin_migrations') IS NULL";
    let rows = client.query_typed(known, &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Makes the host's tables in a transaction that is rolled back.
pub(super) async fn rehearse(client: &Client) -> Result<(), InstallFailure> {
    match apply_locked(client).await {
        Ok(_) => Ok(()),
        Err(MigrationFailure::Server(error)) => Err(InstallFailure::Server(error)),
        Err(MigrationFailure::Drift(sentence)) => Err(InstallFailure::Sentence(sentence)),
    }
}

/// What a host that only looks knows of the database's secrets: those that are there.
pub(super) async fn known(connection: &Connection) -> Result<Option<Secrets>, InstallError> {
    let client = connection.client();
    let known = async {
        if is_new(client).await? {
            return Ok(None);
        }
        let text =
            "SELECT value FROM palisade.secrets WHERE name IN ('callers', 'role-passwords') ORDER BY name";
        let rows = client.query_typed(text, &[]).await?;
        let [callers, passwords] = rows.as_slice() else { return Ok(None) };
        let callers = callers.get::<_, Vec<u8>>(0).try_into();
        Ok(callers.ok().map(|callers| Secrets { passwords: passwords.get(0), callers }))
    };
    known.await.map_err(|error: tokio_postgres::Error| failed(&error))
}

/// Secrets for a host that only looks, in a database that has none yet.
pub(super) fn none() -> Secrets {
    Secrets { passwords: rand::random::<[u8; SECRET_BYTES]>().to_vec(), callers: rand::random() }
}

async fn apply_locked(client: &Client) -> Result<Secrets, MigrationFailure> {
    client
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS palisade; CREATE TABLE IF NOT EXISTS palisade.migrations (version integer PRIMARY \
             KEY, name text NOT NULL, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    let newest = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    let known: i32 =
        client.query_one("SELECT coalesce(max(version), 0) FROM palisade.migrations", &[]).await?.get(0);
    if known > newest {
        return Err(MigrationFailure::Drift(format!(
            "the database is at version {known} and this host knows {newest}: start a newer host"
        )));
    }
    for (version, name, text) in MIGRATIONS {
        let checksum = Sha256::digest(text.as_bytes()).to_vec();
        let row = client
            .query_opt("SELECT checksum FROM palisade.migrations WHERE version = $1", &[version])
            .await?;
        match row.map(|row| row.get::<_, Vec<u8>>(0)) {
            Some(applied) if applied == checksum => {}
            Some(_) => {
                return Err(MigrationFailure::Drift(format!(
                    "migration {version} ({name}) of the database differs from this host's: use the host that made it"
                )));
            }
            None => {
                client.batch_execute(text).await?;
                let insert = "INSERT INTO palisade.migrations (version, name, checksum) VALUES ($1, $2, $3)";
                client.execute(insert, &[version, name, &checksum]).await?;
            }
        }
    }
    let passwords = secret(client, "role-passwords", rand::random::<[u8; SECRET_BYTES]>().to_vec()).await?;
    let callers = secret(client, "callers", rand::random::<[u8; CALLER_KEYS_BYTES]>().to_vec()).await?;
    let callers = callers.try_into().map_err(|_| {
        MigrationFailure::Drift(
            "the secret `callers` in palisade.secrets is not this host's: delete its row".to_owned(),
        )
    })?;
    Ok(Secrets { passwords, callers })
}

/// The secret of this name. If there is none yet, `new` becomes it.
async fn secret(client: &Client, name: &str, new: Vec<u8>) -> Result<Vec<u8>, MigrationFailure> {
    let keep = "INSERT INTO palisade.secrets VALUES ($1, $2) ON CONFLICT DO NOTHING";
    client.execute(keep, &[&name, &new]).await?;
    let stored = client.query_one("SELECT value FROM palisade.secrets WHERE name = $1", &[&name]).await?;
    Ok(stored.get(0))
}

/// The error that an operator sees if the host's tables cannot be made.
pub(super) fn failed(error: &tokio_postgres::Error) -> InstallError {
    let sentence = match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "the host's login lacks rights that it needs: give it CREATE on the database and CREATEROLE and, if the \
             database is hardened, the role palisade_trusted"
                .to_owned()
        }
        _ => "the database refused the host's own tables; the cause is below".to_owned(),
    };
    InstallError::Database { sentence, source: anyhow::anyhow!("{}", describe(error)) }
}

/// The server's text, for operators.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |server| format!("{} ({})", server.message(), server.code().code()),
    )
}
