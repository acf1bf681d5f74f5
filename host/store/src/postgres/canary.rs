//! Canary attacks: before a plugin runs, the host tries, as the plugin's login, what that login must not be able to do.
//!
//! There are two classes. A **boundary** must hold on every server; a plugin whose login crosses one is refused. A
//! **hardening** layer is missing on a server that no superuser has hardened; the passport lists it, and the gate for
//! SQL text still protects it. On a private server, which the host hardens itself, no layer may be missing.
//!
//! Each attack runs behind a savepoint in a transaction that is rolled back. It counts as blocked only if the server
//! refuses it for one of [`BLOCKED`]: an attack that fails for another reason proves nothing. Not tried: what
//! PostgreSQL has no right for (SET, LISTEN, ALTER ROLE of oneself), which only the gate blocks. A server that logs
//! what it refuses logs the attacks at each start, as `palisade/PLUGIN`. The attacks are in [`super::attacks`]. Tests:
//! `tests/harden.rs`.

use super::Database;
use super::attacks::{self, Attack, Class, Targets};
use super::failure::Failure;
use super::migrate;
use super::pool::Pool;
use crate::error::InstallError;
use futures_util::future::join_all;
use palisade_guard::limits::{CANARY_ATTEMPTS_MAX, MIGRATION_MS};
use palisade_guard::name::PluginName;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// SQLSTATEs that prove that an attack was blocked.
const BLOCKED: &[&str] = &[
    "42501", // No right to it.
    "25006", // The transaction is read only,
    "25001", // and stays so.
    "22012", // Division by zero: attacks divide by the number of others that they see.
    "42883", "42P01", "42704",
    "3F000", // There is no such function, table, language or schema on this server.
    "0A000", // The server was built without it.
];
/// Another session holds a lock on the target: the attack proves nothing.
const LOCKED: &str = "55P03";

/// The first digits of the SQLSTATEs of violated constraints.
const CONSTRAINT_CLASS: &str = "23";

/// Begins a transaction that may write, as a mutation does.
const WRITABLE: &str = "BEGIN READ WRITE; SAVEPOINT s";
/// Begins a transaction that may not write, as a query does.
const READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s";

/// A layer without an attack: a role default that only a superuser can set.
const NO_FILE_LIMIT: &str =
    "a statement can fill the server's disk with temporary files (`temp_file_limit` is not set)";

/// The login to attack as.
pub struct Login<'a> {
    pub plugin: &'a PluginName,
    pub role: &'a str,
    /// The plugin's own schema.
    pub schema: &'a str,
    pub pool: &'a Pool,
}

/// The results of the attacks.
#[derive(Debug, Default)]
struct Verdict {
    /// Attacks on a boundary that succeeded.
    breached: Vec<Attack>,
    /// Missing hardening layers.
    missing: Vec<String>,
    /// Attacks that proved nothing, and the server's error.
    unclear: Vec<(Attack, Error)>,
}

impl Database {
    /// Runs the attacks as a plugin's login. Refuses the plugin if a boundary does not hold, or else returns the other
    /// layers that are missing.
    pub async fn attack(&self, login: &Login<'_>) -> Result<Vec<String>, InstallError> {
        let (began, mut attempts) = (Instant::now(), 1);
        let verdict = loop {
            let verdict = self.verdict(login).await.map_err(|failure| InstallError::Breach {
                plugin: login.plugin.to_string(),
                sentence: format!(
                    "its login could not be tested, so nothing runs as it: {}",
                    failure.into_refusal()
                ),
            })?;
            let locked = verdict.unclear.iter().any(|(_, error)| is(error, &[LOCKED]));
            if !locked || attempts == CANARY_ATTEMPTS_MAX {
                break verdict;
            }
            attempts = attempts.saturating_add(1);
        };
        let us = began.elapsed().as_micros();
        tracing::debug!(
            plugin = login.plugin.as_str(),
            us,
            missing = verdict.missing.len(),
            "attacks were tried"
        );
        self.judge(verdict)
            .map_err(|sentence| InstallError::Breach { plugin: login.plugin.to_string(), sentence })
    }

    fn judge(&self, verdict: Verdict) -> Result<Vec<String>, String> {
        if let Some(attack) = verdict.breached.first() {
            return Err(format!(
                "its login {}, which no plugin may do: `{}` succeeded; revoke the right that allows it",
                attack.what, attack.sql
            ));
        }
        if let Some((attack, error)) = verdict.unclear.first() {
            return Err(format!(
                "it is not clear whether its login {}: `{}` failed with {}; fix that, and start again",
                attack.what,
                attack.sql,
                migrate::describe(error)
            ));
        }
        match verdict.missing.first() {
            Some(first) if self.hardened => Err(format!(
                "the private database has been hardened, but {first}: revoke the right that allows its login to do that"
            )),
            Some(_) => {
                self.report(&verdict.missing);
                Ok(verdict.missing)
            }
            None => Ok(Vec::new()),
        }
    }

    /// Warns once for each host: most of the missing layers are the same for all plugins.
    fn report(&self, missing: &[String]) {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the database is not hardened: {}; only the gate for SQL text keeps plugins from doing so. A superuser \
                 closes the gap with `palisade db harden --apply`",
                missing.join("; ")
            );
        }
    }

    async fn verdict(&self, login: &Login<'_>) -> Result<Verdict, Failure> {
        let host = self.lookups.get().await?;
        let targets =
            Targets::find(host.client(), login.role, login.schema).await.map_err(super::failure::of)?;
        drop(host);
        let connection = login.pool.get().await?;
        let longest = Duration::from_millis(MIGRATION_MS);
        let attacked = async {
            let mut verdict = attack_all(connection.client(), &targets).await.map_err(super::failure::of)?;
            match login.pool.settings().check(connection.client()).await {
                // Otherwise the login itself would have failed. A PgBouncer may still have a session from before.
                Err(Failure::Unfit(sentence)) => verdict.missing.push(sentence),
                other => other?,
            }
            Ok(verdict)
        };
        let verdict = timeout(longest, attacked).await;
        // Closed, so that a start with two hundred plugins does not leave two hundred connections open.
        connection.close();
        verdict.map_err(|_| super::failure::silent())?
    }
}

async fn attack_all(client: &Client, targets: &Targets) -> Result<Verdict, Error> {
    let mut verdict = Verdict::default();
    attempt(client, WRITABLE, targets.attacks(), &mut verdict).await?;
    attempt(client, READ_ONLY, attacks::on_a_read(), &mut verdict).await?;
    if !is_file_limit_set(client).await? {
        verdict.missing.push(NO_FILE_LIMIT.to_owned());
    }
    Ok(verdict)
}

/// Tries attacks in one transaction: three round trips, however many there are.
async fn attempt(
    client: &Client,
    begin: &str,
    attacks: Vec<Attack>,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    client.batch_execute(begin).await?;
    // Each message first rolls back to the savepoint, so that the result of one attack does not affect the next.
    let tried = attacks
        .iter()
        .map(async |attack| client.batch_execute(&format!("ROLLBACK TO SAVEPOINT s; {}", attack.sql)).await);
    let results = join_all(tried).await;
    client.batch_execute("ROLLBACK").await?;
    for (attack, result) in attacks.into_iter().zip(results) {
        match result {
            Err(error) if is(&error, BLOCKED) => {}
            Err(error) if error.as_db_error().is_none() => return Err(error),
            Err(error) if !reached_rows(&error) => verdict.unclear.push((attack, error)),
            _ if attack.class == Class::Boundary => verdict.breached.push(attack),
            _ => verdict.missing.push(attack.sentence()),
        }
    }
    Ok(())
}

fn is(error: &Error, codes: &[&str]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code.code()))
}

/// A constraint refuses only a login that has got as far as the table's rows.
fn reached_rows(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with(CONSTRAINT_CLASS))
}

async fn is_file_limit_set(client: &Client) -> Result<bool, Error> {
    let shown = client.simple_query("SHOW temp_file_limit").await?;
    let is_unlimited = shown
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("-1")));
    Ok(!is_unlimited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::{PrivateOptions, PrivateServer};

    fn attack(sql: &str) -> Attack {
        Attack { class: Class::Boundary, what: "tries", sql: sql.to_owned() }
    }

    async fn tried(client: &Client, begin: &str, attacks: Vec<Attack>) -> Verdict {
        let mut verdict = Verdict::default();
        attempt(client, begin, attacks, &mut verdict).await.unwrap();
        verdict
    }

    #[tokio::test]
    async fn attack_counts_as_blocked_only_when_the_server_refuses_it() {
        let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
        let database = Database::connect(crate::private::config(&server), 1).await.unwrap();
        let connection = database.connection().await.unwrap();
        let client = connection.client();
        let setup = "CREATE SCHEMA plugin_a; CREATE SCHEMA plugin_b; CREATE TABLE plugin_b.t (); \
            CREATE SEQUENCE plugin_b.s; INSERT INTO palisade.plugins VALUES ('b', 'b', '0.1.0')";
        client.batch_execute(setup).await.unwrap();

        // For a superuser every attack succeeds, except a write in a transaction that is read only.
        let (all, on_a_read) = (attacks::of_everything(), attacks::on_a_read());
        let verdict = tried(client, WRITABLE, all.clone()).await;
        assert_eq!(verdict.breached.len() + verdict.missing.len(), all.len(), "{verdict:#?}");
        assert_eq!(tried(client, WRITABLE, on_a_read.clone()).await.breached.len(), on_a_read.len());
        let verdict = tried(client, READ_ONLY, on_a_read).await;
        assert!(verdict.breached.is_empty() && verdict.unclear.is_empty(), "{verdict:#?}");

        // An invalid value is not a refusal, and the failure of one attack does not affect the next.
        let three = vec![attack("SELECT 'x'::integer"), attack("SELECT 1"), attack("SELECT 1 / 0")];
        let verdict = tried(client, WRITABLE, three).await;
        assert_eq!((verdict.breached.len(), verdict.unclear.len()), (1, 1), "{verdict:#?}");
        drop(connection);
        server.stop().await;
    }
}
