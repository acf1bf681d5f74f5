//! The start: a host waits a while for a database that is not there yet.

use super::failure::Failure;
use super::pool::{Connection, Pool};
use super::url;
use crate::error::InstallError;
use palisade_guard::limits::{DATABASE_REPORT_MS, DATABASE_RETRY_MS};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::Config;

/// What a PgBouncer says to a connection that sets options.
const UNSUPPORTED: &str = "unsupported startup parameter";

/// Connects, and tries again for this long while the database is not there.
pub(super) async fn reach(pool: &Pool, config: &Config, wait: Duration) -> Result<Connection, InstallError> {
    let began = Instant::now();
    let mut reported: Option<Instant> = None;
    loop {
        let failure = match pool.reach().await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failure,
        };
        if began.elapsed() >= wait || !is_passing(&failure) {
            return Err(refused(config, failure));
        }
        if reported.is_none_or(|last| last.elapsed() >= Duration::from_millis(DATABASE_REPORT_MS)) {
            reported = Some(Instant::now());
            let (waited, wait) = (began.elapsed().as_secs(), wait.as_secs());
            let reason = failure.into_refusal();
            tracing::warn!(%reason, "the database is not there yet; the host has waited {waited} s and waits up to {wait} s");
        }
        sleep(Duration::from_millis(DATABASE_RETRY_MS).min(wait)).await;
    }
}

/// Whether a server that starts, or recovers, may soon answer otherwise.
fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Disconnected(_) | Failure::Silent(_) | Failure::Exhausted => true,
        // 53300: it has no connection left.
        Failure::Server(error) => error.code().code() == "53300",
        _ => false,
    }
}

fn refused(config: &Config, failure: Failure) -> InstallError {
    match &failure {
        Failure::Server(error) if error.message().contains(UNSUPPORTED) => InstallError::Database {
            sentence:
                "a PgBouncer is between the host and the database: add `pgbouncer=true` to the parameters of \
                       DATABASE_URL"
                    .to_owned(),
            source: anyhow::anyhow!("{}", error.message()),
        },
        Failure::Server(error) => url::unreachable_at(config, error),
        Failure::Unfit(sentence) => InstallError::Database {
            sentence: sentence.clone(),
            source: anyhow::anyhow!("a session was checked after its login"),
        },
        _ => url::unreachable_at(config, failure.into_refusal()),
    }
}
