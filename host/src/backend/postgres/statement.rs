//! One statement and its answer: what is sent, and what comes back within the budgets.

use super::failure::{self, Failure};
use crate::ledger::Ledger;
use crate::limits::Limit;
use futures_util::TryStreamExt;
use std::pin::pin;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

/// A statement to run.
#[derive(Clone, Copy)]
pub(crate) struct Sql<'a> {
    pub text: &'a str,
    pub parameters: &'a [&'a (dyn ToSql + Sync)],
    /// Types of the parameters, where they are known; the server says otherwise.
    pub types: &'a [Type],
    /// In a shared transaction, the role to run it as: the plugin's for its own tables. Only for texts that the host
    /// wrote, because a guest's could put the role off.
    pub role: Option<&'a str>,
}

/// Rows of a result, and how many the statement changed.
pub(crate) struct Answer {
    pub rows: Vec<Row>,
    pub affected: u64,
}

/// Reads a result within the budgets, counting as the rows arrive.
pub(super) async fn collect(stream: RowStream, ledger: &mut Ledger) -> Result<Answer, Failure> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(failure::of)? {
        ledger.spend(Limit::DbRows, 1).map_err(Failure::Exceeded)?;
        ledger.spend(Limit::DbBytes, row.raw_size_bytes() as u64).map_err(Failure::Exceeded)?;
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    // Rows that came back are counted already. Before any commit, so that the statement is undone.
    let silent = affected.saturating_sub(rows.len() as u64);
    ledger.spend(Limit::DbRows, silent).map_err(Failure::Exceeded)?;
    Ok(Answer { rows, affected })
}
