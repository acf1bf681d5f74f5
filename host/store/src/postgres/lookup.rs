//! Single statements of the host's own, outside any transaction: for tokens, permissions and switches.

use super::Database;
use super::failure;
use super::pool::Connection;
use futures_util::TryStreamExt;
use palisade_guard::refusal::Refusal;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

impl Database {
    /// Runs a text that the host wrote, and reads all its rows.
    pub(super) async fn lookup(
        &self,
        text: &str,
        types: &[Type],
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Refusal> {
        // A connection that died while it was idle is replaced once, by a fresh one.
        for _ in 0..2 {
            let connection = self.connection().await?;
            match run(&connection, text, types, values).await {
                Ok(rows) => return Ok(rows),
                Err(error) if connection.client().is_closed() => {
                    tracing::warn!(%error, "a connection to the database was lost");
                    connection.close();
                }
                Err(error) => return Err(failure::of(error).into_refusal()),
            }
        }
        Err(Refusal::Unavailable("the connection was lost twice".into()))
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
