//! Single statements of the host's own, outside any transaction: for tokens, permissions and switches.

use super::Database;
use super::failure::{self, Failure};
use super::pool::{Connection, Pool};
use futures_util::TryStreamExt;
use palisade_guard::limits::LOOKUP_MS;
use palisade_guard::refusal::Refusal;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

impl Database {
    /// Runs a text that the host wrote, and reads all its rows, within a bounded time.
    pub(super) async fn lookup(
        &self,
        text: &str,
        types: &[Type],
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Refusal> {
        let found = timeout(Duration::from_millis(LOOKUP_MS), on(&self.lookups, text, types, values)).await;
        found.unwrap_or_else(|_| Err(failure::silent())).map_err(Failure::into_refusal)
    }
}

/// Runs a text on a connection of this pool. If the caller gives up, the statement is cancelled.
pub(super) async fn on(
    pool: &Pool,
    text: &str,
    types: &[Type],
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    // A connection that died while it was idle is replaced once, by a fresh one.
    for _ in 0..2 {
        let mut connection = CutOff::new(pool.get().await?);
        let Some(running) = connection.running() else { return Err(Failure::NoConnection) };
        let answer = run(running, text, types, values).await;
        let is_closed = running.client().is_closed();
        let Some(answered) = connection.take() else { return Err(Failure::NoConnection) };
        match answer {
            Ok(rows) => return Ok(rows),
            Err(error) if is_closed => {
                tracing::warn!(%error, "a connection to the database was lost");
                answered.retire();
            }
            Err(error) => {
                let failure = failure::of(error);
                if !failure.leaves_connection() {
                    answered.retire();
                }
                return Err(failure);
            }
        }
    }
    Err(Failure::Disconnected("the connection was lost twice".into()))
}

/// A connection on which a statement runs. If it is dropped meanwhile, the statement is cancelled.
pub(super) struct CutOff(Option<Connection>);

impl CutOff {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    pub(super) fn running(&self) -> Option<&Connection> {
        self.0.as_ref()
    }

    /// The connection, once its statement has ended.
    pub(super) fn take(&mut self) -> Option<Connection> {
        self.0.take()
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.wind_up();
        }
    }
}

async fn run(
    connection: &Connection,
    text: &str,
    types: &[Type],
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    connection.query(text, types, values).await?.try_collect().await
}
