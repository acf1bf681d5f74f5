//! A query of one statement needs no transaction: the statement is its own snapshot, and a BEGIN and a ROLLBACK cost the
//! server as much as the select between them.
//!
//! Nobody knows beforehand that a second statement will not come. A function that has shown the
//! habit of sending one sends its select without a transaction; where a second statement comes
//! after all, the invocation is over, its effects are thrown away as those of a lost race are, and it runs again in a
//! transaction, with the same seed and clock. A function does that to its callers once: from then on it gets its
//! transaction at once.
//!
//! Only selects go alone whose text the host wrote, that come whole, and that need nothing set for them. They cannot
//! write: the login's transactions are read only unless they begin otherwise.

use super::mode::{Autocommit, Mode};
use super::session::Session;
use super::statement::{Answer, Sql, Step};
use palisade_guard::ledger::Ledger;
use palisade_guard::refusal::Refusal;

impl Session {
    /// Lets the first statement go without a transaction if it can: the invocation is expected to send no other.
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

    /// Whether what the invocation has done so far is thrown away, and done again.
    pub fn runs_again(&self) -> bool {
        self.lost_race() || self.has_outgrown()
    }

    /// Runs a select whose text the host wrote and whose rows come whole.
    pub async fn look_up(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        self.step(Step::LookUp(sql), ledger).await
    }

    /// Refuses what comes after a statement that went alone. The guest does not live to see the refusal.
    pub(super) fn outgrow(&mut self) -> Result<(), Refusal> {
        if matches!(self.autocommit, Autocommit::Done | Autocommit::Outgrown) {
            self.autocommit = Autocommit::Outgrown;
            return Err(Refusal::Serialization);
        }
        Ok(())
    }
}
