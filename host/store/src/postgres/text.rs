//! A guest's SQL text. It is prepared first, because only the server knows the types of its parameters.
//!
//! The text is the printed form of a tree that `host/guard/src/db/gate` has checked.

use super::failure::{self, Failure};
use super::mode::Autocommit;
use super::mode::Mode;
use super::session::Session;
use super::statement::{Accept, Answer, Step};
use palisade_guard::db::gate::WriteStatement;
use palisade_guard::ledger::Ledger;
use palisade_guard::refusal::Refusal;
use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

/// The parameters of a text, bound to the types that the server found for them.
pub type Arguments = Vec<Box<dyn ToSql + Sync + Send>>;

impl Session {
    /// Runs the printed text of a checked tree that writes, as the plugin's own role, and undoes it if the caller refuses
    /// its answer.
    pub async fn run_text(
        &mut self,
        write: &WriteStatement,
        bind: impl FnOnce(&[Type], &mut Ledger) -> Result<Arguments, Refusal>,
        accept: &mut Accept<'_>,
        ledger: &mut Ledger,
    ) -> Result<Answer, Refusal> {
        let (statement, bound) = self.bind(write.text(), bind, ledger).await?;
        let step = Step::RunPrepared(write.text(), &statement, &borrowed(&bound));
        self.accepted(step, accept, ledger).await
    }

    /// Prepares a guest's text and binds its parameters. The transaction begins before the server parses the text.
    pub(super) async fn bind(
        &mut self,
        text: &str,
        bind: impl FnOnce(&[Type], &mut Ledger) -> Result<Arguments, Refusal>,
        ledger: &mut Ledger,
    ) -> Result<(Statement, Arguments), Refusal> {
        self.outgrow()?;
        (self.soiled, self.autocommit) = (true, Autocommit::Never);
        let is_fresh = self.connection.is_none();
        let statement = match self.prepare(text, ledger).await {
            Err(Failure::Disconnected(_)) if is_fresh && !self.begun => {
                self.discard();
                self.prepare(text, ledger).await
            }
            other => other,
        };
        let statement = statement.map_err(|failure| self.refuse(failure));
        let bound = statement.and_then(|statement| Ok((bind(statement.params(), ledger)?, statement)));
        match bound {
            Ok((bound, statement)) => Ok((statement, bound)),
            Err(refusal) => {
                // In an action the transaction is this statement's own and ends with it.
                if self.mode == Mode::Each && self.begun && !self.broken {
                    self.broken |= self.end("ROLLBACK").await.is_err();
                }
                self.rest();
                Err(refusal)
            }
        }
    }

    async fn prepare(&mut self, text: &str, ledger: &Ledger) -> Result<Statement, Failure> {
        self.connect().await?;
        let prefix = self.prefix(None);
        self.flies();
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        client.allow(ledger, 0);
        let sent = async { tokio::join!(client.batch(prefix.as_deref()), client.prepare(text)) };
        let (opened, statement) = self.answered(sent).await?;
        let statement = match self.opened(opened, prefix.is_some()) {
            Ok(()) => statement.map_err(failure::of),
            Err(failure) => return Err(failure),
        };
        let statement = match statement {
            Ok(statement) => Ok(statement),
            Err(failure) => Err(self.undo(failure).await),
        };
        self.in_flight = false;
        statement
    }
}

/// The parameters in the form that the driver takes.
pub(super) fn borrowed(bound: &Arguments) -> Vec<&(dyn ToSql + Sync)> {
    bound.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}
