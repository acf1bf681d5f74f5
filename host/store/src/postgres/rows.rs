//! A result that a guest reads in batches: the rows that have been fetched, and the cursor for the rest. Dropping it
//! frees what it holds.
//!
//! Rows are returned as the server sent them; the reader decodes them.

use super::reading::Reading;
use super::session::Session;
use super::statement::Cursor;
use palisade_guard::db::batch::BatchSize;
use palisade_guard::db::shape::Shape;
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
    /// What the server must say of the columns, unless it has just said what they are.
    shape: Option<Shape>,
    cursor: Option<Cursor>,
}

impl Rows {
    /// A result with these columns.
    pub fn new(reading: Reading, columns: Vec<(String, Type)>, shape: Option<Shape>) -> Self {
        Self { fetched: reading.rows.into(), columns, shape, cursor: reading.cursor }
    }

    /// Its columns' names and types.
    pub fn columns(&self) -> &[(String, Type)] {
        &self.columns
    }

    /// The cursor of the rows that have not been fetched.
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
            // A guest that reads row by row does not cause a round trip for each row. After an error there are no more
            // rows.
            let (rows, shape) = (max.rows().max(DB_FETCH_ROWS), self.shape.as_ref());
            let more = session.fetch(cursor, rows, Some(role), shape, ledger).await?;
            (self.fetched, self.cursor) = (more.rows.into(), more.cursor);
        }
        let count = (max.rows() as usize).min(self.fetched.len());
        Ok(self.fetched.drain(..count).collect())
    }
}
