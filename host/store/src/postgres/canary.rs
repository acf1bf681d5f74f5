//! Canary attacks: what a plugin's login must not be able to do, tried by the host as that login before anything runs.
//!
//! Two classes. A **boundary** is never passed on any server; a plugin whose login passes one is refused. A
//! **hardening** layer is missing on a server that no superuser has hardened; the passport lists it, and the gate for SQL
//! text still stands before it. On a private server, which the host hardens itself, none may be missing.
//!
//! Each attack stands alone behind a savepoint in a transaction that is rolled back, and counts as kept off only when the
//! server refuses it for one of [`KEPT_OFF`]: an attack that fails for another reason has shown nothing. Not here: what
//! PostgreSQL has no right for (SET, LISTEN, ALTER ROLE of oneself), which only the gate keeps off. A server that logs what
//! it refuses logs these at each start, as `palisade/PLUGIN`. Attacks are in [`super::attacks`]. Tests: `tests/harden.rs`.

use super::Database;
use super::attacks::{self, Attack, Class, Targets};
use super::failure::Failure;
use super::migrate;
use super::pool::Pool;
use crate::error::InstallError;
use futures_util::future::join_all;
use palisade_guard::limits::CANARY_ATTEMPTS_MAX;
use palisade_guard::name::PluginName;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// SQLSTATEs that say that an attack was kept off.
const KEPT_OFF: &[&str] = &[
    "42501", // No right to it.
    "25006", // The transaction is read only,
    "25001", // and stays so.
    "22012", // A question whose answer is nobody: attacks divide by how many others they see.
    "42883", "42P01", "42704",
    "3F000", // There is no such function, table, language or schema on this server.
    "0A000", // The server was built without it.
];
/// Somebody holds a lock on what was attacked: this says nothing.
const LOCKED: &str = "55P03";

/// Begins the SQLSTATEs of violated constraints.
const RULE_OF_A_TABLE: &str = "23";

/// How a mutation's transaction begins, for an attack's purposes.
const WRITABLE: &str = "BEGIN READ WRITE; SAVEPOINT s";
/// How a query's does.
const READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s";

/// A layer that is no attack: role defaults that only a superuser can set.
const NO_FILE_LIMIT: &str =
    "a statement can fill the server's disk with temporary files (`temp_file_limit` is not set)";

/// Whom to attack as.
pub struct Login<'a> {
    pub plugin: &'a PluginName,
    pub role: &'a str,
    /// The plugin's own schema.
    pub schema: &'a str,
    pub pool: &'a Pool,
}

/// What came of the attacks.
#[derive(Debug, Default)]
struct Verdict {
    /// Boundaries that did not hold.
    breached: Vec<Attack>,
    /// Hardening layers that are not there.
    missing: Vec<String>,
    /// Attacks that showed nothing, and what the server said.
    unclear: Vec<(Attack, Error)>,
}

impl Database {
    /// Attacks as a plugin's login. Refuses the plugin when a boundary falls; returns which other layers are missing.
    pub async fn attack(&self, login: &Login<'_>) -> Result<Vec<String>, InstallError> {
        let (began, mut attempts) = (Instant::now(), 1);
        let verdict = loop {
            let verdict = self.verdict(login).await.map_err(|failure| InstallError::Breach {
                plugin: login.plugin.to_string(),
                sentence: format!(
                    "its login could not be tried, so nothing runs as it: {}",
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
                "its login {}, which no plugin may: `{}` succeeded; revoke what lets it",
                attack.what, attack.sql
            ));
        }
        if let Some((attack, error)) = verdict.unclear.first() {
            return Err(format!(
                "it is not clear whether its login {}: `{}` failed with {}; mend that, and start again",
                attack.what,
                attack.sql,
                migrate::describe(error)
            ));
        }
        match verdict.missing.first() {
            Some(first) if self.hardened => Err(format!(
                "the private database has been hardened, and still {first}: revoke what lets its login do that"
            )),
            Some(_) => {
                self.tell(&verdict.missing);
                Ok(verdict.missing)
            }
            None => Ok(Vec::new()),
        }
    }

    /// Once for each host: most of it is the same for all plugins.
    fn tell(&self, missing: &[String]) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the database is not hardened: {}; the gate for SQL text alone keeps plugins from it. A superuser closes \
                 it with `palisade db harden --apply`",
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
        let verdict = attack_all(connection.client(), &targets).await;
        // Pools are lazy: a start with two hundred plugins leaves no two hundred connections behind.
        connection.close();
        verdict.map_err(super::failure::of)
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
    // Each message goes back to the savepoint first, so that it does not matter what became of the others.
    let tried = attacks
        .iter()
        .map(async |attack| client.batch_execute(&format!("ROLLBACK TO SAVEPOINT s; {}", attack.sql)).await);
    let results = join_all(tried).await;
    client.batch_execute("ROLLBACK").await?;
    for (attack, result) in attacks.into_iter().zip(results) {
        match result {
            Err(error) if is(&error, KEPT_OFF) => {}
            Err(error) if error.as_db_error().is_none() => return Err(error),
            Err(error) if !is_let_in(&error) => verdict.unclear.push((attack, error)),
            _ if attack.class == Class::Boundary => verdict.breached.push(attack),
            _ => verdict.missing.push(attack.sentence()),
        }
    }
    Ok(())
}

fn is(error: &Error, codes: &[&str]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code.code()))
}

/// A rule of a table refuses only who has got as far as its rows.
fn is_let_in(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with(RULE_OF_A_TABLE))
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
    async fn attack_counts_as_kept_off_only_when_the_server_refuses_it() {
        let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
        let database = Database::connect(server.config(), 1).await.unwrap();
        let connection = database.connection().await.unwrap();
        let client = connection.client();
        let there = "CREATE SCHEMA plugin_a; CREATE SCHEMA plugin_b; CREATE TABLE plugin_b.t (); \
            CREATE SEQUENCE plugin_b.s; INSERT INTO palisade.plugins VALUES ('b', 'b', '0.1.0')";
        client.batch_execute(there).await.unwrap();

        // To a superuser every one of them succeeds, except a write in a transaction that is read only.
        let (all, on_a_read) = (attacks::of_everything(), attacks::on_a_read());
        let verdict = tried(client, WRITABLE, all.clone()).await;
        assert_eq!(verdict.breached.len() + verdict.missing.len(), all.len(), "{verdict:#?}");
        assert_eq!(tried(client, WRITABLE, on_a_read.clone()).await.breached.len(), on_a_read.len());
        let verdict = tried(client, READ_ONLY, on_a_read).await;
        assert!(verdict.breached.is_empty() && verdict.unclear.is_empty(), "{verdict:#?}");

        // A value that does not fit is no refusal, and one attack's failure is not the next one's.
        let three = vec![attack("SELECT 'x'::integer"), attack("SELECT 1"), attack("SELECT 1 / 0")];
        let verdict = tried(client, WRITABLE, three).await;
        assert_eq!((verdict.breached.len(), verdict.unclear.len()), (1, 1), "{verdict:#?}");
        drop(connection);
        server.stop().await;
    }
}
