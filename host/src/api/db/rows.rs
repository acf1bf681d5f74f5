//! `resource rows`: a result that a guest reads in batches. Dropping it frees what it holds.

use crate::bindings::palisade::plugin::db as wit;
use crate::error::Refusal;
use crate::guard::db::codec;
use crate::guard::db::value::Raw;
use crate::limits::DB_BATCH_ROWS_MAX;
use std::collections::VecDeque;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A result as the server sent it; values are decoded as they are read.
pub struct Rows {
    rows: VecDeque<Row>,
    columns: Vec<(String, Type)>,
}

/// How many rows one call may return: 1 to 1,000.
#[derive(Clone, Copy)]
pub(super) struct BatchSize(usize);

impl BatchSize {
    pub(super) fn parse(max: u32) -> Result<Self, Refusal> {
        if max == 0 || max > DB_BATCH_ROWS_MAX {
            return Err(Refusal::Invalid(format!("max is 1 to {DB_BATCH_ROWS_MAX} rows")));
        }
        Ok(Self(max as usize))
    }
}

impl Rows {
    pub(super) fn new(rows: Vec<Row>, columns: Vec<(String, Type)>) -> Self {
        Self { rows: rows.into(), columns }
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.columns.iter().map(|(name, kind)| (name.as_str(), kind))
    }

    pub(super) fn next(&mut self, max: BatchSize) -> Result<Vec<wit::Row>, Refusal> {
        let count = max.0.min(self.rows.len());
        let batch: Vec<Row> = self.rows.drain(..count).collect();
        batch.iter().map(|row| self.decode(row)).collect()
    }

    /// Every row that is left: for `returning`.
    pub(super) fn all(mut self) -> Result<Vec<wit::Row>, Refusal> {
        let rows = std::mem::take(&mut self.rows);
        rows.iter().map(|row| self.decode(row)).collect()
    }

    fn decode(&self, row: &Row) -> Result<wit::Row, Refusal> {
        let columns = self.columns.iter().enumerate();
        let values = columns.map(|(index, (name, kind))| {
            let Raw(bytes) = row.try_get(index).map_err(Refusal::internal)?;
            let value = codec::decode(kind, bytes);
            value.map(wit::Value::from).map_err(|rule| Refusal::Invalid(format!("column {name:?}: {rule}")))
        });
        values.collect()
    }
}
