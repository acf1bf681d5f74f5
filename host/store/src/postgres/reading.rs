//! Results that are read in batches from a cursor: the host holds one batch, however large the result is.
//!
//! The round trip of the statement itself opens the cursor and fetches its first rows; a result that ends there costs
//! no other round trip. In a query and a mutation, the cursor lives in the invocation's transaction. Each call of an
//! action is a transaction of its own, so its cursor is held over the commit, and the connection is free again when the
//! last such cursor is dropped.

use super::mode::Mode;
use super::session::Session;
use super::statement::{Answer, Cursor, Sql, Step};
use super::text::{Arguments, borrowed};
use palisade_guard::db::gate::ReadStatement;
use palisade_guard::db::shape::Shape;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::DB_FETCH_ROWS;
use palisade_guard::refusal::Refusal;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Statement};

/// The first rows of a result, and the cursor for the others, if there are any.
pub struct Reading {
    pub rows: Vec<Row>,
    pub cursor: Option<Cursor>,
}

impl Step<'_> {
    /// Whether the answer holds all remaining rows.
    pub(super) fn is_exhausted_by(&self, answer: &Answer) -> bool {
        let requested = match self {
            Self::Open { .. } => DB_FETCH_ROWS,
            Self::Fetch { rows, .. } => *rows,
            Self::Run(_) | Self::LookUp(_) | Self::RunPrepared(..) => return true,
        };
        answer.rows.len() < requested as usize
    }
}

impl Session {
    /// Reads a statement whose text the host wrote.
    pub async fn read(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Reading, Refusal> {
        self.open(sql, false, ledger).await
    }

    /// Reads the printed text of a checked tree, as the plugin's own role.
    pub async fn read_text(
        &mut self,
        read: &ReadStatement,
        bind: impl FnOnce(&[Type], &mut Ledger) -> Result<Arguments, Refusal>,
        ledger: &mut Ledger,
    ) -> Result<(Reading, Statement), Refusal> {
        let text = read.text();
        let (statement, bound) = self.bind(text, bind, ledger).await?;
        let sql =
            Sql { text, parameters: &borrowed(&bound), types: statement.params(), role: None, shape: None };
        let reading = self.open(sql, true, ledger).await?;
        Ok((reading, statement))
    }

    async fn open(
        &mut self,
        sql: Sql<'_>,
        is_prepared: bool,
        ledger: &mut Ledger,
    ) -> Result<Reading, Refusal> {
        if self.mode == Mode::Each && self.pool.is_pooled() {
            // Behind a PgBouncer no cursor outlives its transaction, so the host holds all rows that the limits allow.
            let answer = self.step(Step::Run(sql), ledger).await?;
            return Ok(Reading { rows: answer.rows, cursor: None });
        }
        // The lowest free number, so that most texts name the same cursor.
        let is_taken = |number: &u32| self.cursors.contains(&Cursor(*number));
        let cursor = Cursor((0..=u32::MAX).find(|number| !is_taken(number)).unwrap_or_default());
        let is_held = self.mode == Mode::Each;
        let step = Step::Open { sql, is_prepared, cursor, is_held };
        // The step gives the connection back only when no cursor is registered. A failed cursor is removed below.
        self.cursors.insert(cursor);
        let answer = self.step(step, ledger).await;
        let is_over = answer.as_ref().map_or(true, |answer| step.is_exhausted_by(answer));
        if is_over {
            self.forget(cursor, answer.is_ok() && !is_held);
        }
        let rows = answer?.rows;
        Ok(Reading { rows, cursor: (!is_over).then_some(cursor) })
    }

    /// Fetches at most `rows` more rows. Fewer rows are the end of the result, and the cursor is gone.
    pub(crate) async fn fetch(
        &mut self,
        cursor: Cursor,
        rows: u32,
        role: Option<&str>,
        shape: Option<&Shape>,
        ledger: &mut Ledger,
    ) -> Result<Reading, Refusal> {
        if !self.cursors.contains(&cursor) {
            return Err(Refusal::Invalid("the rest of these rows was lost to an earlier error".into()));
        }
        let step = Step::Fetch { cursor, rows, role, shape };
        let answer = self.step(step, ledger).await;
        let is_over = answer.as_ref().map_or(true, |answer| step.is_exhausted_by(answer));
        if is_over {
            self.close(cursor);
        }
        let rows = answer?.rows;
        Ok(Reading { rows, cursor: (!is_over).then_some(cursor) })
    }

    /// Closes a cursor: with the next statement, or at once if nothing else holds the connection.
    pub fn close(&mut self, cursor: Cursor) {
        if self.cursors.contains(&cursor) {
            self.forget(cursor, true);
        }
    }

    fn forget(&mut self, cursor: Cursor, is_open: bool) {
        self.cursors.remove(&cursor);
        if is_open {
            self.closing.push(cursor);
        }
        if self.mode == Mode::Each {
            // Cleaning the connection closes the cursors that are still open on it.
            self.soiled |= is_open;
            self.rest();
        }
    }
}
