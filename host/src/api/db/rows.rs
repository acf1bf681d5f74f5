//! `resource rows`: a result that a guest reads in batches. Dropping it frees what it holds.

use crate::backend::postgres::reading::Reading;
use crate::backend::postgres::session::Session;
use crate::backend::postgres::statement::Cursor;
use crate::bindings::palisade::plugin::db as wit;
use crate::error::Refusal;
use crate::guard::db::codec;
use crate::guard::db::value::Raw;
use crate::ledger::Ledger;
use crate::limits::{DB_BATCH_ROWS_MAX, DB_FETCH_ROWS};
use std::collections::VecDeque;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A result as the server sends it; values are decoded as they are read.
pub struct Rows {
    fetched: VecDeque<Row>,
    columns: Vec<(String, Type)>,
    cursor: Option<Cursor>,
}

/// How many rows one call may return: 1 to 1,000.
#[derive(Clone, Copy)]
pub(super) struct BatchSize(u32);

impl BatchSize {
    pub(super) fn parse(max: u32) -> Result<Self, Refusal> {
        if max == 0 || max > DB_BATCH_ROWS_MAX {
            return Err(Refusal::Invalid(format!("max is 1 to {DB_BATCH_ROWS_MAX} rows")));
        }
        Ok(Self(max))
    }
}

impl Rows {
    pub(super) fn new(reading: Reading, columns: Vec<(String, Type)>) -> Self {
        Self { fetched: reading.rows.into(), columns, cursor: reading.cursor }
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.columns.iter().map(|(name, kind)| (name.as_str(), kind))
    }

    /// Where the rows are that have not been fetched.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    pub(super) async fn next(
        &mut self,
        max: BatchSize,
        session: &mut Session,
        role: &str,
        ledger: &mut Ledger,
    ) -> Result<Vec<wit::Row>, Refusal> {
        if self.fetched.is_empty()
            && let Some(cursor) = self.cursor
        {
            // A guest that reads row by row does not make a round trip of each. After an error there is no more to come.
            let more = session.fetch(cursor, max.0.max(DB_FETCH_ROWS), Some(role), ledger).await?;
            (self.fetched, self.cursor) = (more.rows.into(), more.cursor);
        }
        let count = (max.0 as usize).min(self.fetched.len());
        self.fetched.drain(..count).map(|row| decode(&row, &self.columns)).collect()
    }
}

/// Every row, for `returning`.
pub(super) fn decode_all(rows: &[Row], columns: &[(String, Type)]) -> Result<Vec<wit::Row>, Refusal> {
    rows.iter().map(|row| decode(row, columns)).collect()
}

fn decode(row: &Row, columns: &[(String, Type)]) -> Result<wit::Row, Refusal> {
    let values = columns.iter().enumerate().map(|(index, (name, kind))| {
        let Raw(bytes) = row.try_get(index).map_err(Refusal::internal)?;
        let value = codec::decode(kind, bytes);
        value.map(wit::Value::from).map_err(|rule| Refusal::Invalid(format!("column {name:?}: {rule}")))
    });
    values.collect()
}
