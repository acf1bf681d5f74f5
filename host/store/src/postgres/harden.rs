//! Hardening: rights that PUBLIC loses, because every plugin's login has what PUBLIC has. `harden.sql` revokes them and
//! gives the reasons.
//!
//! A private server has no other users, so a host hardens the database that it opens there, at each start. A hardened
//! `template1` would not be enough: rights on functions are kept in each database, and rights on the database itself
//! (TEMP, CREATE) are not copied from a template. A server that others may use is hardened by its superuser, with
//! `palisade db harden`; a host never does that by itself, but reports which layers are missing.
//!
//! [`super::canary`] tests whether the hardening holds. Tests: `tests/harden.rs`.

use super::migrate;
use super::pool::Connection;
use super::url::DatabaseUrl;
use crate::error::InstallError;
use crate::private::PRIVATE_SETTING;
use palisade_guard::limits::{MIGRATION_MS, PLUGIN_TEMPORARY_FILES_KIB};
use tokio_postgres::{Client, Error, NoTls};

/// The SQL that a superuser runs in the host's database. It can run again at any time.
pub const SQL: &str = include_str!("harden.sql");

/// What was hardened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardened {
    /// The database.
    pub database: String,
    /// The host's login, unless no host has used the database yet.
    pub host: Option<String>,
}

/// Hardens a database, as a superuser.
pub async fn apply(url: &DatabaseUrl) -> Result<Hardened, InstallError> {
    let unreachable = |error: Error| super::url::unreachable_at(&url.config, error);
    let (client, connection) = url.config.connect(NoTls).await.map_err(unreachable)?;
    let driver = tokio::spawn(connection);
    let done = apply_as(&client).await;
    drop(client);
    // The driver ends when the client is gone, whatever the result.
    let _ended = driver.await;
    done
}

async fn apply_as(client: &Client) -> Result<Hardened, InstallError> {
    let refused = |error: Error| InstallError::Database {
        sentence: "the database refused to be hardened; the cause is below".to_owned(),
        source: anyhow::anyhow!("{}", migrate::describe(&error)),
    };
    let who = "SELECT current_user::text, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let rows = client.query_typed(who, &[]).await.map_err(refused)?;
    let row = rows.first();
    if !row.is_some_and(|row| row.get(1)) {
        let login = row.map_or_else(String::new, |row| format!(" `{}`", row.get::<_, String>(0)));
        return Err(InstallError::Database {
            sentence: format!(
                "the login{login} is no superuser, and only one can harden a database: name one with --database-url, or \
                 give what `palisade db harden --print-sql` prints to whoever administers the server"
            ),
            source: anyhow::anyhow!("rolsuper is false"),
        });
    }
    client.batch_execute(SQL).await.map_err(refused)?;
    let whose = "SELECT pg_catalog.current_database()::text, (SELECT n.nspowner::regrole::text \
         FROM pg_catalog.pg_namespace n WHERE n.nspname = 'palisade')";
    let rows = client.query_typed(whose, &[]).await.map_err(refused)?;
    let mut hardened = rows.iter().map(|row| Hardened { database: row.get(0), host: row.get(1) });
    hardened.next().ok_or_else(|| InstallError::Database {
        sentence: "the database did not return its name".to_owned(),
        source: anyhow::anyhow!("no row"),
    })
}

/// Hardens the database if its server is private. Returns the connection, and whether the server is private.
pub(super) async fn if_private(connection: Connection) -> Result<(Connection, bool), InstallError> {
    let mine = format!(
        "SELECT coalesce(pg_catalog.current_setting('{PRIVATE_SETTING}', true) = 'on', false) AND rolsuper \
         FROM pg_catalog.pg_roles WHERE rolname = current_user"
    );
    let rows = connection.client().query_typed(&mine, &[]).await.map_err(|error| migrate::failed(&error))?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        return Ok((connection, false));
    }
    // Another host may hold the lock for this long.
    let text = format!(
        "SET statement_timeout = {MIGRATION_MS}; SET lock_timeout = {MIGRATION_MS}; {SQL}; \
         RESET statement_timeout; RESET lock_timeout"
    );
    match connection.client().batch_execute(&text).await {
        Ok(()) => Ok((connection, true)),
        Err(error) => {
            connection.close();
            Err(migrate::failed(&error))
        }
    }
}

/// Bounds the temporary files of a login's statements. Only a superuser can do that; the canary attacks check whether
/// they are bounded.
pub(super) async fn bound_files(client: &Client, role: &str) -> Result<(), Error> {
    let may = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";
    if client.query_one(may, &[]).await?.get(0) {
        let files = format!("ALTER ROLE {role} SET temp_file_limit = '{PLUGIN_TEMPORARY_FILES_KIB}kB'");
        client.batch_execute(&files).await?;
    }
    Ok(())
}
