//! How statements become transactions, by kind: what is sent before each of them, and how each of them ends.

use super::statement::Cursor;
use palisade_guard::kind::Kind;
use palisade_guard::limits::{IDLE_IN_TRANSACTION_MS, LOCK_MS, STATEMENT_MS};
use std::fmt::Write as _;

/// How statements become transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One read-only snapshot for all.
    Snapshot,
    /// One serializable transaction for all.
    Serializable,
    /// One transaction for each.
    Each,
}

/// Where a transaction is when the next statement comes.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says one thing that can be true beside any other")]
pub(super) struct Progress<'a> {
    /// It has begun.
    pub begun: bool,
    /// An earlier statement ran as a plugin's role.
    pub assumed: bool,
    /// Cursors are open, which a statement that fails must not take with it.
    pub keeps_cursors: bool,
    /// Cursors that nobody needs any more.
    pub closing: &'a [Cursor],
    /// The connection has no timeouts of its own.
    pub is_timed: bool,
    /// The role to take.
    pub role: Option<&'a str>,
    /// Who calls, where the plugin's tables ask. It stands behind the savepoint and is gone with a statement that fails, so
    /// each has its own.
    pub proof: Option<&'a str>,
}

/// Where an invocation is that may send one statement without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Autocommit {
    /// It is in a transaction, or will be.
    Never,
    /// Its first statement may go alone.
    Expected,
    /// It did.
    Done,
    /// Another one came: the invocation must run again, in a transaction.
    Outgrown,
}

impl Mode {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Query => Self::Snapshot,
            Kind::Mutation => Self::Serializable,
            Kind::Action => Self::Each,
        }
    }

    /// What goes before a statement, in the same round trip. The savepoint also fixes READ ONLY: after it, no statement
    /// can make the transaction writable again.
    pub(super) fn prefix(self, standing: Progress<'_>) -> Option<String> {
        let mut text = String::new();
        match (self, standing.begun) {
            (Self::Snapshot, false) => {
                text.push_str("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s");
            }
            (Self::Snapshot, true) if standing.keeps_cursors => {
                text.push_str("RELEASE SAVEPOINT s; SAVEPOINT s");
            }
            // An action's has begun only where the caller's proof had to know the server first.
            (Self::Snapshot | Self::Each, true) => {}
            (Self::Serializable, false) => {
                text.push_str("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SAVEPOINT s");
            }
            (Self::Serializable, true) => {
                text.push_str(if standing.assumed { "SET LOCAL ROLE NONE; " } else { "" });
                text.push_str("RELEASE SAVEPOINT s; SAVEPOINT s");
            }
            (Self::Each, false) => {
                text.push_str("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SAVEPOINT s");
            }
        }
        // Not before BEGIN, which can say what may be written only as the first of all.
        for cursor in standing.closing {
            let gap = if text.is_empty() { "" } else { "; " };
            // Writing to a string cannot fail.
            let _written = write!(text, "{gap}CLOSE {cursor}");
        }
        if standing.is_timed && !standing.begun {
            let _written = write!(
                text,
                "; SET LOCAL statement_timeout = {STATEMENT_MS}; SET LOCAL lock_timeout = {LOCK_MS}; \
                 SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}"
            );
        }
        if let Some(role) = standing.role {
            let _written = write!(text, "; SET LOCAL ROLE \"{role}\"");
        }
        if let Some(proof) = standing.proof {
            let _written = write!(text, "; SET LOCAL palisade.caller = '{proof}'");
        }
        (!text.is_empty()).then_some(text)
    }

    /// What takes a failed statement back.
    pub(super) fn undo(self) -> &'static str {
        match self {
            Self::Snapshot | Self::Serializable => "ROLLBACK TO SAVEPOINT s",
            Self::Each => "ROLLBACK",
        }
    }
}
