//! What goes wrong, and whose fault it is.
//!
//! [`CallError`] is what a caller of the host gets, [`LoadError`] what an operator gets. Each says one
//! sentence for its reader; what only the log may know stays in `source`.

mod load;

pub use load::LoadError;

use palisade_guard::ledger::{Exceeded, Usage};
use palisade_guard::limits::{MS_PER_S, RETRY_AFTER_S};
use palisade_guard::refusal::Refusal;
use palisade_guard::violation::Violation;

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
    /// The answer of a typed call is not of the Rust type that the integrator named.
    #[error("the answer of `{function}` of plugin `{plugin}` is not of the expected type: {reason}")]
    UnexpectedAnswer {
        /// The plugin.
        plugin: String,
        /// The function.
        function: String,
        /// What does not fit.
        reason: String,
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
    #[error("plugin `{plugin}`: {}", Exceeded(*.usage))]
    LimitExceeded {
        /// Which plugin.
        plugin: String,
        /// Which limit, and what would have been used.
        usage: Usage,
    },
    /// No permit, connection or instance came free in time.
    #[error("the host is overloaded; try again in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The plugin failed too often and is left alone for a while; why, in the host's words.
    #[error("plugin `{plugin}` is quarantined: {reason}; try again in {retry_after_ms} ms")]
    Quarantined {
        /// Which plugin.
        plugin: String,
        /// Why.
        reason: String,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// An operator has disabled the plugin: before the call, or while it ran, and then it is undone.
    #[error("plugin `{plugin}` is disabled; an operator has to enable it")]
    Disabled {
        /// Which plugin.
        plugin: String,
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
    /// Whether the same request may well succeed soon: nobody has said no to it.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Overloaded { .. }
                | Self::Quarantined { .. }
                | Self::Disabled { .. }
        )
    }

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
            Self::Trapped { .. }
            | Self::LimitExceeded { .. }
            | Self::Quarantined { .. }
            | Self::Violation(_) => Blame::Guest,
            Self::Overloaded { .. }
            | Self::Disabled { .. }
            | Self::Unavailable { .. }
            | Self::InDoubt { .. } => Blame::Operator,
            Self::Internal { .. } | Self::UnexpectedAnswer { .. } => Blame::Host,
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
