//! A query of one statement needs no transaction: the statement is its own snapshot, and a BEGIN and a ROLLBACK cost the
//! server as much as the select between them.
//!
//! Nobody knows beforehand that a second statement will not come. A function that has shown the
//! [habit](crate::plugin::Habit) of sending one sends its select without a transaction; where a second statement comes
//! after all, the invocation is over, its effects are thrown away as those of a lost race are, and it runs again in a
//! transaction, with the same seed and clock. A function does that to its callers once: from then on it gets its
//! transaction at once.
//!
//! Only selects go alone whose text the host wrote, that come whole, and that need nothing set for them. They cannot
//! write: the login's transactions are read only unless they begin otherwise.

use super::mode::Mode;
use super::session::Session;
use super::statement::{Answer, Sql, Step};
use crate::error::Refusal;
use crate::ledger::Ledger;
use crate::limits::Limit;

/// Where an invocation is that may send one statement without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    /// It is in a transaction, or will be.
    Never,
    /// Its first statement may go alone.
    Granted,
    /// It did.
    Gone,
    /// Another one came: the invocation must run again, in a transaction.
    Outgrown,
}

impl Session {
    /// Lets the first statement go without a transaction if it can: the invocation is expected to send no other.
    pub(crate) fn expect_one(&mut self) {
        if self.mode == Mode::Snapshot && !self.is_shared() {
            self.alone = Alone::Granted;
        }
    }

    /// Whether the invocation may have to run again because it was expected to send one statement.
    pub(crate) fn is_provisional(&self) -> bool {
        self.alone != Alone::Never
    }

    /// Whether the invocation must run again, in a transaction.
    pub(crate) fn has_outgrown(&self) -> bool {
        self.alone == Alone::Outgrown
    }

    /// Whether what the invocation has done so far is thrown away, and done again.
    pub(crate) fn runs_again(&self) -> bool {
        self.lost_race() || self.has_outgrown()
    }

    /// Runs a select whose text the host wrote and whose rows come whole.
    pub(crate) async fn look_up(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        ledger.spend(Limit::DbStatements, 1)?;
        self.step(Step::LookUp(sql), ledger).await
    }

    /// Refuses what comes after a statement that went alone. The guest does not live to see the refusal.
    pub(super) fn outgrow(&mut self) -> Result<(), Refusal> {
        if matches!(self.alone, Alone::Gone | Alone::Outgrown) {
            self.alone = Alone::Outgrown;
            return Err(Refusal::Serialization);
        }
        Ok(())
    }
}
