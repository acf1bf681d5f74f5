//! Refusals: why a host call did not do what the guest asked for.
//!
//! Each interface converts a refusal to its own `error` in one function, `convert_error` in `host/src/api`. The text of
//! a case is one sentence for its reader. What only the log may know is in [`Refusal::Other`].

use crate::ledger::Exceeded;
use crate::memory::OutOfMemory;
use crate::reports::Notes;
use crate::violation::Violation;
use std::borrow::Cow;
use std::fmt;

/// Why a host call did not do what a guest asked for. Guests never see this type, only their interface's own error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plugin's grants or the caller's permissions do not cover the call. Does not tell whether the thing exists.
    #[error("access denied")]
    Denied,
    /// The same, with what is not covered and what would cover it, for the log alone. The names are those of the call; whether the
    /// thing exists is not told here either.
    #[error("access denied: {0}")]
    Ungranted(String),
    /// An argument is invalid. The sentence names the rule.
    #[error("{0}")]
    Invalid(String),
    /// The call exceeds a limit of the invocation.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The caller can see no such item.
    #[error("not found")]
    NotFound,
    /// The change is based on another revision; the item has this one.
    #[error("the item is at revision {0}")]
    Conflict(u32),
    /// The statement violates a constraint of a table.
    #[error("constraint violation")]
    Violation(Violation),
    /// The transaction lost a serialization race, and the invocation must run again.
    #[error("lost a serialization race")]
    Serialization,
    /// The call took too long.
    #[error("timeout")]
    Timeout,
    /// The host could not connect to another server.
    #[error("connection failed")]
    ConnectionFailed,
    /// The host cannot reach the database.
    #[error("the database is unreachable: {0}")]
    Unavailable(String),
    /// The database's disk is full.
    #[error("the database's disk is full: {0}")]
    StorageFull(String),
    /// All connections to the database stayed in use for too long.
    #[error("no connection to the database became free in time")]
    Busy,
    /// The host, or the plugin's or caller's share of it, holds as many bytes as the operator allows.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    /// The connection was lost during a commit, so whether the change is stored is unknown.
    #[error("the connection to the database was lost during a commit: {0}")]
    InDoubt(String),
    /// Any other failure, with one text for the guest and one for the log.
    #[error("{guest}: {log}")]
    Other {
        /// A code for the guest.
        guest: Cow<'static, str>,
        /// A sentence for the log.
        log: String,
    },
}

impl Refusal {
    /// A failure of the host that only the log describes. The guest sees the code `internal`.
    pub fn internal(log: impl fmt::Display) -> Self {
        Self::Other { guest: Cow::Borrowed("internal"), log: log.to_string() }
    }

    /// Notes for the log what is not granted, and returns what the guest may know of the refusal.
    pub fn noted(self, notes: &mut Notes) -> Self {
        match self {
            Self::Ungranted(reason) => {
                notes.add("a host call is not granted", reason);
                Self::Denied
            }
            other => other,
        }
    }

    /// Notes the refusal for the log and returns the text for the contract's `other` case.
    pub fn into_other(self, notes: &mut Notes) -> String {
        notes.add("a host call failed", self.to_string());
        match self {
            Self::Other { guest, .. } => guest.into_owned(),
            Self::Unavailable(_) | Self::Busy => "connection".into(),
            Self::OutOfMemory(_) => "overloaded".into(),
            Self::StorageFull(_) => "storage".into(),
            Self::InDoubt(_) => "in-doubt".into(),
            _ => "internal".into(),
        }
    }
}
