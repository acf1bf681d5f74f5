//! How the statements of each kind of invocation become transactions: what is sent before a statement, and how a failed
//! one is undone.

use super::statement::Cursor;
use palisade_guard::kind::Kind;
use std::fmt::Write as _;

/// How statements become transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One read-only snapshot for all statements.
    Snapshot,
    /// One serializable transaction for all statements.
    Serializable,
    /// One transaction for each statement.
    Each,
}

/// The state of a transaction before its next statement.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is independent of the others")]
pub(super) struct Progress<'a> {
    /// The transaction has begun.
    pub begun: bool,
    /// An earlier statement ran as a plugin's role.
    pub assumed: bool,
    /// Cursors are open, which a failed statement must not close.
    pub keeps_cursors: bool,
    /// Cursors to close.
    pub closing: &'a [Cursor],
    /// What the transaction sets first, because the connection has no settings of its own.
    pub sets: Option<&'a str>,
    /// The role to take.
    pub role: Option<&'a str>,
    /// The proof of who calls, if the plugin's tables ask for it. It is set after the savepoint and lost when its
    /// statement fails, so each statement sends its own.
    pub proof: Option<&'a str>,
}

/// How far an invocation is that may send one statement without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Autocommit {
    /// The invocation uses a transaction.
    Never,
    /// The first statement may run without a transaction.
    Expected,
    /// The first statement ran without a transaction.
    Done,
    /// A second statement came: the invocation must run again, in a transaction.
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

    /// What is sent before a statement, in the same round trip. The savepoint also fixes READ ONLY: after it, no
    /// statement can make the transaction writable again.
    pub(super) fn prefix(self, progress: Progress<'_>) -> Option<String> {
        let mut text = String::new();
        match (self, progress.begun) {
            (Self::Snapshot, false) => {
                text.push_str("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s");
            }
            (Self::Snapshot, true) if progress.keeps_cursors => {
                text.push_str("RELEASE SAVEPOINT s; SAVEPOINT s");
            }
            // An action's transaction has begun already only if the server was asked for the caller's proof.
            (Self::Snapshot | Self::Each, true) => {}
            (Self::Serializable, false) => {
                text.push_str("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SAVEPOINT s");
            }
            (Self::Serializable, true) => {
                text.push_str(if progress.assumed { "SET LOCAL ROLE NONE; " } else { "" });
                text.push_str("RELEASE SAVEPOINT s; SAVEPOINT s");
            }
            (Self::Each, false) => {
                text.push_str("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SAVEPOINT s");
            }
        }
        // Not before BEGIN, which can set the mode of the transaction only as the first statement.
        for cursor in progress.closing {
            let gap = if text.is_empty() { "" } else { "; " };
            // Writing to a string cannot fail.
            let _written = write!(text, "{gap}CLOSE {cursor}");
        }
        if !progress.begun {
            text.push_str(progress.sets.unwrap_or_default());
        }
        if let Some(role) = progress.role {
            let _written = write!(text, "; SET LOCAL ROLE \"{role}\"");
        }
        if let Some(proof) = progress.proof {
            let _written = write!(text, "; SET LOCAL palisade.caller = '{proof}'");
        }
        (!text.is_empty()).then_some(text)
    }

    /// The statement that undoes a failed one.
    pub(super) fn undo(self) -> &'static str {
        match self {
            Self::Snapshot | Self::Serializable => "ROLLBACK TO SAVEPOINT s",
            Self::Each => "ROLLBACK",
        }
    }
}
