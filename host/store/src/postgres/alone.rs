//! A lock that all hosts of a database share, for work that only one of them may do at a time.

use super::Database;
use super::failure;
use super::lookup::CutOff;
use palisade_guard::limits::MIGRATION_MS;
use palisade_guard::refusal::Refusal;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::time::timeout;

/// The lock, until it is dropped.
pub struct Alone(CutOff);

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.clean_and_return(false);
        }
    }
}

impl Database {
    /// Waits until no other host of this database holds the lock of this name, and takes it.
    pub async fn alone(&self, name: &str) -> Result<Alone, Refusal> {
        let digest = Sha256::digest(format!("palisade {name}"));
        let key = digest.iter().take(8).fold(0_i64, |key, byte| key.wrapping_shl(8) | i64::from(*byte));
        let connection = self.transactions.get().await.map_err(failure::Failure::into_refusal)?;
        // The lock is the transaction's, so it holds behind a PgBouncer, too. Nothing else runs in the transaction.
        let text = format!(
            "BEGIN; SET LOCAL statement_timeout = {MIGRATION_MS}; SET LOCAL lock_timeout = {MIGRATION_MS}; \
             SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_catalog.pg_advisory_xact_lock({key})"
        );
        let alone = CutOff::new(connection);
        let locked = async {
            match alone.running() {
                Some(connection) => connection.batch(Some(&text)).await.map_err(failure::of),
                None => Err(failure::Failure::NoConnection),
            }
        };
        let locked = timeout(Duration::from_millis(MIGRATION_MS), locked).await;
        locked.unwrap_or_else(|_| Err(failure::silent())).map_err(failure::Failure::into_refusal)?;
        Ok(Alone(alone))
    }
}
