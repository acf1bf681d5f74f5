//! One statement and its answer: what is sent, and what is read within the limits.

use super::failure::{self, Failure};
use super::pool::{Connection, overdrawn};
use futures_util::TryStreamExt;
use palisade_guard::ledger::{Exceeded, Ledger};
use palisade_guard::limits::{DB_FETCH_ROWS, DB_VALUE_HELD_BYTES, Limit};
use std::fmt;
use std::pin::pin;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, RowStream, Statement};

/// A statement to run.
#[derive(Clone, Copy)]
pub struct Sql<'a> {
    pub text: &'a str,
    pub parameters: &'a [&'a (dyn ToSql + Sync)],
    /// The types of the parameters, one for each.
    pub types: &'a [Type],
    /// The role that runs the statement in a shared transaction: for a plugin's own tables, the plugin's. Only for
    /// texts that the host wrote, because a guest's text could reset the role.
    pub role: Option<&'a str>,
}

/// The rows of a result, and how many rows the statement changed.
pub struct Answer {
    pub rows: Vec<Row>,
    pub affected: u64,
}

/// A result that is still being read, by its number in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u32);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// What is sent, in one round trip with its prefix.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// Runs a statement and reads all of its rows.
    Run(Sql<'a>),
    /// Like `Run`, for a select that may be the only statement of its invocation.
    LookUp(Sql<'a>),
    /// Like `Run`, for a prepared statement, with its text.
    RunPrepared(&'a str, &'a Statement, &'a [&'a (dyn ToSql + Sync)]),
    /// Opens a cursor on a statement that reads, and fetches its first rows. The driver must know the types of the
    /// columns by then, so the statement is prepared, unless the session has already done so.
    Open { sql: Sql<'a>, is_prepared: bool, cursor: Cursor, is_held: bool },
    /// Fetches the next rows of a cursor, as a role.
    Fetch { cursor: Cursor, rows: u32, role: Option<&'a str> },
}

impl Step<'_> {
    /// Takes the step on a connection.
    pub(super) async fn take(self, on: &Connection, ledger: &mut Ledger) -> Result<Answer, Failure> {
        on.allow(ledger);
        let answer = match self {
            Self::Run(sql) | Self::LookUp(sql) => {
                read(on.query(sql.text, sql.types, sql.parameters).await, ledger).await
            }
            Self::RunPrepared(_, statement, parameters) => {
                read(on.query_prepared(statement, parameters).await, ledger).await
            }
            Self::Open { sql, is_prepared, cursor, is_held } => {
                if !is_prepared {
                    on.learn(sql.text, sql.types).await.map_err(failure::of)?;
                }
                let held = if is_held { "WITH HOLD " } else { "" };
                let text = format!("DECLARE {cursor} NO SCROLL CURSOR {held}FOR {}", sql.text);
                let parameters: Vec<_> =
                    sql.parameters.iter().copied().zip(sql.types.iter().cloned()).collect();
                let declare = on.client().execute_typed(&text, &parameters);
                let (declared, fetched) = tokio::join!(declare, fetch(on, cursor, DB_FETCH_ROWS, ledger));
                declared.map_err(failure::of).and(fetched)
            }
            Self::Fetch { cursor, rows, .. } => fetch(on, cursor, rows, ledger).await,
        };
        match answer {
            Err(Failure::Disconnected(_)) if on.is_overdrawn() => Err(overdrawn(ledger)),
            other => other,
        }
    }

    /// Whether the statement may change rows. What a store reads with begins with `SELECT`; what is not known to read
    /// counts as a change.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Run(sql) => !sql.text.trim_start().starts_with("SELECT"),
            Self::RunPrepared(..) => true,
            Self::LookUp(_) | Self::Open { .. } | Self::Fetch { .. } => false,
        }
    }

    /// Whether the statement may make the tables of a plugin larger. Deletes are always possible.
    pub(super) fn grows(&self) -> bool {
        match self {
            Self::Run(sql) => sql.role.is_some() && self.writes() && !sql.text.starts_with("DELETE"),
            Self::RunPrepared(text, ..) => !text.starts_with("DELETE"),
            Self::LookUp(_) | Self::Open { .. } | Self::Fetch { .. } => false,
        }
    }

    /// The role to take in a shared transaction.
    pub(super) fn role(&self) -> Option<&'_ str> {
        match self {
            Self::Run(sql) | Self::LookUp(sql) | Self::Open { sql, .. } => sql.role,
            Self::Fetch { role, .. } => *role,
            Self::RunPrepared(..) => None,
        }
    }
}

async fn fetch(on: &Connection, cursor: Cursor, rows: u32, ledger: &mut Ledger) -> Result<Answer, Failure> {
    let text = format!("FETCH {rows} FROM {cursor}");
    let none: [(&(dyn ToSql + Sync), Type); 0] = [];
    read(on.client().query_typed_raw(&text, none).await, ledger).await
}

/// Reads a result within the limits, and counts rows and bytes as they arrive.
async fn read(sent: Result<RowStream, Error>, ledger: &mut Ledger) -> Result<Answer, Failure> {
    let mut stream = pin!(sent.map_err(failure::of)?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(failure::of)? {
        ledger.spend(Limit::DbRows, 1).map_err(Failure::Exceeded)?;
        ledger.spend(Limit::DbBytes, row.raw_size_bytes() as u64).map_err(Failure::Exceeded)?;
        let values = (row.len() as u64).saturating_mul(DB_VALUE_HELD_BYTES);
        // The invocation ends before its guest sees this error.
        ledger.hold(values).map_err(|_| Failure::Exceeded(Exceeded(ledger.usage(Limit::DbBytes))))?;
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    // Returned rows are counted already. The others are spent before any commit, so that a statement over the limit is
    // undone.
    let unreturned = affected.saturating_sub(rows.len() as u64);
    ledger.spend(Limit::DbRows, unreturned).map_err(Failure::Exceeded)?;
    Ok(Answer { rows, affected })
}
