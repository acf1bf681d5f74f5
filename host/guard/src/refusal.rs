//! What a host call answers a guest with when it does not do what the guest asked for.
//!
//! Every interface maps it to its own `error` through one door, `convert_error` in the host's `api/`. Each case says one
//! sentence for its reader; what only the log may know stays in [`Refusal::Other`].

use crate::ledger::Exceeded;
use crate::violation::Violation;
use std::borrow::Cow;
use std::fmt;

/// Why a host call did not do what a guest asked for. Private to the host: guests see their interface's own error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The grants or the principal's permissions do not cover it. Says nothing about existence.
    #[error("access denied")]
    Denied,
    /// An argument is not acceptable; the sentence names the rule.
    #[error("{0}")]
    Invalid(String),
    /// A limit of the invocation.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// No such item can be seen.
    #[error("not found")]
    NotFound,
    /// The item has this revision.
    #[error("the item is at revision {0}")]
    Conflict(u32),
    /// A rule of a table.
    #[error("constraint violation")]
    Violation(Violation),
    /// A lost serialization race: the invocation must run again.
    #[error("lost a serialization race")]
    Serialization,
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// No connection to a server outside.
    #[error("connection failed")]
    ConnectionFailed,
    /// The database is out of reach.
    #[error("the database is out of reach: {0}")]
    Unavailable(String),
    /// No connection to the database came free in time.
    #[error("no connection to the database came free in time")]
    Busy,
    /// The database was lost while a change was committed.
    #[error("the database was lost while a change was committed: {0}")]
    InDoubt(String),
    /// Anything else: what the guest may know, and what only the log may know.
    #[error("{guest}: {log}")]
    Other {
        /// For the guest: a code.
        guest: Cow<'static, str>,
        /// For the log.
        log: String,
    },
}

impl Refusal {
    /// A failure of the host of which the guest learns nothing.
    pub fn internal(log: impl fmt::Display) -> Self {
        Self::Other { guest: Cow::Borrowed("internal"), log: log.to_string() }
    }

    /// The text of the contract's `other` case; the log gets the rest.
    pub fn into_other(self) -> String {
        tracing::warn!(target: "palisade::refusal", reason = %self, "a host call failed");
        match self {
            Self::Other { guest, .. } => guest.into_owned(),
            Self::Unavailable(_) | Self::Busy => "connection".into(),
            Self::InDoubt(_) => "in-doubt".into(),
            _ => "internal".into(),
        }
    }
}
