//! A result that a guest reads in batches: what has been fetched, and where the rest is. Dropping it frees what it holds.
//!
//! Rows are handed on as the server sent them: decoding them is the reader's.

use super::reading::Reading;
use super::session::Session;
use super::statement::Cursor;
use palisade_guard::db::batch::BatchSize;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::DB_FETCH_ROWS;
use palisade_guard::refusal::Refusal;
use std::collections::VecDeque;
pub use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A result as the server sends it.
pub struct Rows {
    fetched: VecDeque<Row>,
    columns: Vec<(String, Type)>,
    cursor: Option<Cursor>,
}

impl Rows {
    /// A result with these columns.
    pub fn new(reading: Reading, columns: Vec<(String, Type)>) -> Self {
        Self { fetched: reading.rows.into(), columns, cursor: reading.cursor }
    }

    /// Its columns' names and types.
    pub fn columns(&self) -> &[(String, Type)] {
        &self.columns
    }

    /// Where the rows are that have not been fetched.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The next rows; none when there are no more.
    pub async fn next(
        &mut self,
        max: BatchSize,
        session: &mut Session,
        role: &str,
        ledger: &mut Ledger,
    ) -> Result<Vec<Row>, Refusal> {
        if self.fetched.is_empty()
            && let Some(cursor) = self.cursor
        {
            // A guest that reads row by row does not make a round trip of each. After an error there is no more to come.
            let more = session.fetch(cursor, max.rows().max(DB_FETCH_ROWS), Some(role), ledger).await?;
            (self.fetched, self.cursor) = (more.rows.into(), more.cursor);
        }
        let count = (max.rows() as usize).min(self.fetched.len());
        Ok(self.fetched.drain(..count).collect())
    }
}
