//! What goes wrong, and whose fault it is.
//!
//! [`Refusal`] is what a host call answers a guest with: every interface maps it to its own `error` through one door,
//! `convert_error`. [`CallError`] is what a caller of the host gets, [`LoadError`] what an operator gets. Each says one
//! sentence for its reader; what only the log may know stays in `source`.

mod load;

pub use load::LoadError;

use crate::ledger::Exceeded;
use crate::limits::{MS_PER_S, RETRY_AFTER_S};
use std::borrow::Cow;
use std::fmt;

/// Why a host call did not do what a guest asked for. Private to the host: guests see their interface's own error.
#[derive(Debug, thiserror::Error)]
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
    pub(crate) fn into_other(self) -> String {
        tracing::warn!(target: "palisade::refusal", reason = %self, "a host call failed");
        match self {
            Self::Other { guest, .. } => guest.into_owned(),
            Self::Unavailable(_) | Self::Busy => "connection".into(),
            Self::InDoubt(_) => "in-doubt".into(),
            _ => "internal".into(),
        }
    }
}

/// A rule of a table that a statement violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which kind of rule.
    pub kind: Constraint,
    /// The column, where PostgreSQL names one.
    pub column: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Constraint::Unique => "a unique key",
            Constraint::ForeignKey => "a foreign key",
            Constraint::NotNull => "a NOT NULL",
            Constraint::Check => "a check",
            Constraint::Exclusion => "an exclusion",
        })?;
        self.column.as_ref().map_or(Ok(()), |column| write!(f, " on `{column}`"))
    }
}

/// Kinds of rules of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// `UNIQUE` or `PRIMARY KEY`.
    Unique,
    /// `REFERENCES`.
    ForeignKey,
    /// `NOT NULL`.
    NotNull,
    /// `CHECK`.
    Check,
    /// `EXCLUDE`.
    Exclusion,
}

/// Who is to blame for a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller: change the request.
    Caller,
    /// The plugin: report it to its author.
    Guest,
    /// The operator: change the host's configuration, or wait.
    Operator,
    /// The host itself: report it to us.
    Host,
}

/// Why a call has no result. `Display` is one sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no such plugin.
    #[error("no plugin is named `{plugin}`; {hint}")]
    NoPlugin {
        /// What was asked for.
        plugin: String,
        /// What there is.
        hint: String,
    },
    /// The plugin has no such function.
    #[error("plugin `{plugin}` has no function `{function}`; {hint}")]
    NoFunction {
        /// The plugin.
        plugin: String,
        /// What was asked for.
        function: String,
        /// What there is.
        hint: String,
    },
    /// The arguments do not fit the function's types.
    #[error("{0}")]
    BadArguments(String),
    /// The function returned `err`: its value, as JSON.
    #[error("the plugin returned an error: {0}")]
    Returned(serde_json::Value),
    /// A tap refused; its sentence.
    #[error("plugin `{plugin}` refused: {message}")]
    Refused {
        /// Which plugin.
        plugin: String,
        /// Its sentence.
        message: String,
    },
    /// The principal may not do this.
    #[error("access denied")]
    Denied,
    /// No such item can be seen.
    #[error("there is no such item, or you may not see it")]
    NotFound,
    /// The item has another revision than the one the change was made for.
    #[error("the item is at revision {0}; read it again and repeat the change")]
    Conflict(u32),
    /// The guest trapped.
    #[error("plugin `{plugin}` failed: {reason}")]
    Trapped {
        /// Which plugin.
        plugin: String,
        /// What happened, without addresses.
        reason: String,
    },
    /// A limit ended the invocation.
    #[error("plugin `{plugin}`: {exceeded}")]
    LimitExceeded {
        /// Which plugin.
        plugin: String,
        /// Which limit.
        exceeded: Exceeded,
    },
    /// No permit, connection or instance came free in time.
    #[error("the host is overloaded; try again in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The transaction lost every race it ran.
    #[error("the change lost {attempts} races with others; try again")]
    Contended {
        /// How often it ran.
        attempts: u32,
    },
    /// A rule of a table that is checked at the end refused the change.
    #[error("the change violates {0} of a table and is undone")]
    Violation(Violation),
    /// The database is out of reach.
    #[error("the database is out of reach; the host keeps trying")]
    Unavailable {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
    /// The database was lost while the change was committed.
    #[error(
        "the database was lost while the change was committed: it may have happened or not; look before you try again"
    )]
    InDoubt {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
    /// The host failed.
    #[error("the host failed; its log says why")]
    Internal {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
}

impl CallError {
    /// Who can do something about it.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoPlugin { .. }
            | Self::NoFunction { .. }
            | Self::BadArguments(_)
            | Self::Returned(_)
            | Self::Refused { .. }
            | Self::Denied
            | Self::NotFound
            | Self::Conflict(_)
            | Self::Contended { .. } => Blame::Caller,
            Self::Trapped { .. } | Self::LimitExceeded { .. } | Self::Violation(_) => Blame::Guest,
            Self::Overloaded { .. } | Self::Unavailable { .. } | Self::InDoubt { .. } => Blame::Operator,
            Self::Internal { .. } => Blame::Host,
        }
    }

    pub(crate) fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self::Internal { source: source.into() }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::Denied,
            Refusal::Invalid(sentence) => Self::BadArguments(sentence),
            Refusal::NotFound => Self::NotFound,
            Refusal::Conflict(revision) => Self::Conflict(revision),
            Refusal::Violation(violation) => Self::Violation(violation),
            Refusal::Serialization => Self::Contended { attempts: 1 },
            Refusal::Unavailable(reason) => Self::Unavailable { source: anyhow::anyhow!(reason) },
            Refusal::Busy => Self::Overloaded { retry_after_ms: RETRY_AFTER_S.saturating_mul(MS_PER_S) },
            Refusal::InDoubt(reason) => Self::InDoubt { source: anyhow::anyhow!(reason) },
            // Outside of a plugin only what a caller sends or asks for is counted.
            Refusal::Exceeded(exceeded) => Self::BadArguments(exceeded.to_string()),
            Refusal::Timeout => Self::Unavailable { source: anyhow::anyhow!("a statement took too long") },
            other => Self::internal(other),
        }
    }
}
