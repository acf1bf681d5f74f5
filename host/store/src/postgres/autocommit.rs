//! Autocommit: a query of one statement runs without a transaction. The statement is its own snapshot, and a BEGIN and
//! a ROLLBACK cost the server as much as the select between them.
//!
//! Nobody knows beforehand whether a second statement will come. If the profile of a function shows that it sends one
//! statement, its select is sent without a transaction. If a second statement comes after all, the invocation ends, its
//! effects are discarded like those of a lost race, and it runs again in a transaction, with the same seed and clock.
//! This happens to a function once: from then on it gets its transaction at once.
//!
//! A select runs without a transaction only if the host wrote its text, its rows are read whole, and it needs no
//! setting. It cannot write: the login's transactions are read only unless they begin otherwise.

use super::mode::{Autocommit, Mode};
use super::session::Session;
use super::statement::{Answer, Sql, Step};
use palisade_guard::ledger::Ledger;
use palisade_guard::refusal::Refusal;

impl Session {
    /// Lets the first statement run without a transaction if it can: the invocation is expected to send no other.
    pub fn expect_one(&mut self) {
        if self.mode == Mode::Snapshot && !self.is_shared() {
            self.autocommit = Autocommit::Expected;
        }
    }

    /// Whether the invocation may have to run again because it was expected to send one statement.
    pub fn is_provisional(&self) -> bool {
        self.autocommit != Autocommit::Never
    }

    /// Whether the invocation must run again, in a transaction.
    pub fn has_outgrown(&self) -> bool {
        self.autocommit == Autocommit::Outgrown
    }

    /// Whether the work of the invocation is discarded and done again.
    pub fn runs_again(&self) -> bool {
        self.lost_race() || self.has_outgrown() || self.is_outdated()
    }

    /// Runs a select whose text the host wrote and whose rows are read whole.
    pub async fn look_up(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        self.step(Step::LookUp(sql), ledger).await
    }

    /// Refuses a statement that follows one without a transaction. The guest never sees the refusal, because its
    /// invocation ends.
    pub(super) fn outgrow(&mut self) -> Result<(), Refusal> {
        if matches!(self.autocommit, Autocommit::Done | Autocommit::Outgrown) {
            self.autocommit = Autocommit::Outgrown;
            return Err(Refusal::Serialization);
        }
        Ok(())
    }
}
