//! One statement and its answer: what is sent, and what is read within the limits.

use super::failure::{self, Failure};
use super::pool::{Connection, overdrawn};
use futures_util::TryStreamExt;
use palisade_guard::db::shape::Shape;
use palisade_guard::ledger::{Exceeded, Ledger};
use palisade_guard::limits::{DB_FETCH_ROWS, DB_VALUE_HELD_BYTES, Limit, WIRE_NULL_BYTES};
use palisade_guard::refusal::Refusal;
use std::fmt;
use std::pin::pin;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Column, Error, Row, RowStream, Statement};

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
    /// What the server must say of the columns, if the host knows the tables from a catalogue.
    pub shape: Option<&'a Shape>,
}

/// The rows of a result, and how many rows the statement changed.
pub struct Answer {
    pub rows: Vec<Row>,
    /// The columns' names and types as the server described them, of a guest's SQL text; else the host knows them.
    pub columns: Vec<(String, Type)>,
    pub affected: u64,
}

/// What the caller makes of an answer before the statement counts as done: if it refuses, the statement is undone.
pub type Accept<'a> = dyn FnMut(&Answer, &mut Ledger) -> Result<(), Refusal> + Send + 'a;

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
    Fetch { cursor: Cursor, rows: u32, role: Option<&'a str>, shape: Option<&'a Shape> },
}

impl Step<'_> {
    /// Takes the step on a connection.
    pub(super) async fn take(self, on: &Connection, ledger: &mut Ledger) -> Result<Answer, Failure> {
        on.allow(ledger, self.shape().map_or(0, Shape::hidden));
        let answer = self.taken(on, ledger).await;
        // The host itself has written the names, from its catalogue.
        let answer = answer.map_err(|failure| match failure {
            failure if self.shape().is_some() && failure.misses_a_name() => Failure::Changed,
            failure => failure,
        });
        if answer.as_ref().is_err_and(Failure::doubts_the_tables) {
            on.forget_statements();
        }
        answer
    }

    async fn taken(self, on: &Connection, ledger: &mut Ledger) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Run(sql) | Self::LookUp(sql) => match described(on, sql).await? {
                Some(statement) => {
                    read(on.query_prepared(&statement, sql.parameters).await, sql.shape, ledger).await
                }
                None => {
                    read(on.query_unnamed(sql.text, sql.types, sql.parameters).await, sql.shape, ledger).await
                }
            },
            Self::RunPrepared(_, statement, parameters) => {
                let answer = read(on.query_prepared(statement, parameters).await, None, ledger).await;
                answer.map(|answer| Answer { columns: named(statement), ..answer })
            }
            Self::Open { sql, is_prepared, cursor, is_held } => {
                if !is_prepared {
                    described(on, sql).await?;
                }
                let held = if is_held { "WITH HOLD " } else { "" };
                let before = format!("DECLARE {cursor} NO SCROLL CURSOR {held}FOR ");
                let text = format!("{before}{}", sql.text);
                let parameters: Vec<_> =
                    sql.parameters.iter().copied().zip(sql.types.iter().cloned()).collect();
                let declare = on.client().execute_typed(&text, &parameters);
                let (declared, fetched) =
                    tokio::join!(declare, fetch(on, cursor, DB_FETCH_ROWS, sql.shape, ledger));
                declared.map_err(|error| failure::behind(&before, error)).and(fetched)
            }
            Self::Fetch { cursor, rows, shape, .. } => fetch(on, cursor, rows, shape, ledger).await,
        };
        match answer {
            Err(Failure::Disconnected(_)) if on.is_overdrawn() => Err(overdrawn(ledger)),
            other => other,
        }
    }

    /// What the server must say of the columns.
    fn shape(&self) -> Option<&Shape> {
        match self {
            Self::Run(sql) | Self::LookUp(sql) | Self::Open { sql, .. } => sql.shape,
            Self::Fetch { shape, .. } => *shape,
            Self::RunPrepared(..) => None,
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

/// The prepared statement, once the server has said of its columns what the catalogue says; none behind a PgBouncer, where
/// the description comes with the rows. The connection may have prepared the text before the tables changed, and then does
/// it anew.
async fn described(on: &Connection, sql: Sql<'_>) -> Result<Option<Statement>, Failure> {
    let prepare = async || on.prepared(sql.text, sql.types).await.map_err(failure::of);
    let Some(statement) = prepare().await? else { return Ok(None) };
    let Some(shape) = sql.shape else { return Ok(Some(statement)) };
    if agrees(shape, statement.columns()) {
        return Ok(Some(statement));
    }
    on.forget_statements();
    let anew = prepare().await?.filter(|statement| agrees(shape, statement.columns()));
    anew.map(Some).ok_or(Failure::Changed)
}

/// The names and types of a statement's columns.
pub fn named(statement: &Statement) -> Vec<(String, Type)> {
    let columns = statement.columns().iter();
    columns.map(|column| (column.name().to_owned(), column.type_().clone())).collect()
}

fn agrees(shape: &Shape, columns: &[Column]) -> bool {
    shape.agrees(columns.iter().map(|column| (column.type_(), column.type_modifier())))
}

async fn fetch(
    on: &Connection,
    cursor: Cursor,
    rows: u32,
    shape: Option<&Shape>,
    ledger: &mut Ledger,
) -> Result<Answer, Failure> {
    let text = format!("FETCH {rows} FROM {cursor}");
    let none: [(&(dyn ToSql + Sync), Type); 0] = [];
    read(on.client().query_typed_raw(&text, none).await, shape, ledger).await
}

/// Reads a result within the limits, and counts rows and bytes as they arrive. Columns that only show their types are
/// nobody's, and a row that has no other is not kept. Rows of another shape are not read: whatever the statement did is
/// undone.
async fn read(
    sent: Result<RowStream, Error>,
    shape: Option<&Shape>,
    ledger: &mut Ledger,
) -> Result<Answer, Failure> {
    let mut stream = pin!(sent.map_err(failure::of)?);
    let (mut rows, mut counted) = (Vec::new(), 0_u64);
    let hidden = shape.map_or(0, Shape::hidden);
    while let Some(row) = stream.try_next().await.map_err(failure::of)? {
        // All rows of a result have the same columns.
        if counted == 0 && shape.is_some_and(|shape| !agrees(shape, row.columns())) {
            return Err(Failure::Changed);
        }
        counted = counted.saturating_add(1);
        ledger.spend(Limit::DbRows, 1).map_err(Failure::Exceeded)?;
        if hidden > 0 && row.len() == hidden {
            continue;
        }
        let nulls = (hidden as u64).saturating_mul(WIRE_NULL_BYTES);
        let bytes = (row.raw_size_bytes() as u64).saturating_sub(nulls);
        ledger.spend(Limit::DbBytes, bytes).map_err(Failure::Exceeded)?;
        // A row without columns, as of `WITH … SELECT FROM x`, takes memory, too.
        let values = row.len().saturating_sub(hidden).max(1) as u64;
        let values = values.saturating_mul(DB_VALUE_HELD_BYTES);
        // The invocation ends before its guest sees this error.
        ledger.hold(values).map_err(|_| Failure::Exceeded(Exceeded(ledger.usage(Limit::DbBytes))))?;
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    // Returned rows are counted already. The others are spent before any commit, so that a statement over the limit is
    // undone.
    let unreturned = affected.saturating_sub(counted);
    ledger.spend(Limit::DbRows, unreturned).map_err(Failure::Exceeded)?;
    Ok(Answer { rows, columns: Vec::new(), affected })
}
