//! The errors of the public API, and who is to blame for each.
//!
//! [`CallError`] is for callers, [`LoadError`] for operators. `Display` is one sentence for that reader; details that only the
//! log may have stay in `source`. The guards' own error is [`palisade_guard::refusal::Refusal`], which becomes a [`CallError`]
//! here or a guest's error in `api/`.

mod load;

pub use load::LoadError;

use palisade_guard::ledger::{Exceeded, Usage};
use palisade_guard::limits::{MS_PER_S, RETRY_AFTER_S};
use palisade_guard::memory::OutOfMemory;
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
    /// The host, or the program that embeds it: correct the program, or report it to the developers of Palisade.
    Host,
}

/// Why a call has no result. `Display` is one sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No plugin has this name.
    #[error("no plugin is named `{plugin}`; {hint}")]
    NoPlugin {
        /// The name in the call.
        plugin: String,
        /// The names that exist.
        hint: String,
    },
    /// The plugin has no such function.
    #[error("plugin `{plugin}` has no function `{function}`; {hint}")]
    NoFunction {
        /// The plugin.
        plugin: String,
        /// The name in the call.
        function: String,
        /// The names that exist.
        hint: String,
    },
    /// The plugin has no route for the path of a request.
    #[error("plugin `{plugin}` has no route for this path; {hint}")]
    NoRoute {
        /// The plugin.
        plugin: String,
        /// The routes that exist.
        hint: String,
    },
    /// The arguments do not fit the function's types.
    #[error("{0}")]
    BadArguments(String),
    /// The function returned `err`, with this value as JSON.
    #[error("the plugin returned an error: {0}")]
    Returned(serde_json::Value),
    /// A tap refused the request.
    #[error("plugin `{plugin}` refused: {message}")]
    Refused {
        /// The plugin.
        plugin: String,
        /// The tap's sentence.
        message: String,
    },
    /// The result of a typed call does not fit the Rust type that the embedding program named.
    #[error("the answer of `{function}` of plugin `{plugin}` is not of the expected type: {reason}")]
    UnexpectedAnswer {
        /// The plugin.
        plugin: String,
        /// The function.
        function: String,
        /// What does not fit.
        reason: String,
    },
    /// The caller may not do this.
    #[error("access denied")]
    Denied,
    /// There is no such item, or the caller may not see it.
    #[error("there is no such item, or you may not see it")]
    NotFound,
    /// The item has another revision than the one that the change is for.
    #[error("the item is at revision {0}; read it again and repeat the change")]
    Conflict(u32),
    /// The guest trapped.
    #[error("plugin `{plugin}` failed: {reason}")]
    Trapped {
        /// The plugin.
        plugin: String,
        /// What happened, without addresses.
        reason: String,
    },
    /// What the guest passed or returned in one call is too large.
    #[error("plugin `{plugin}` failed: {reason}")]
    Oversized {
        /// The plugin.
        plugin: String,
        /// What is too large, and what to do instead.
        reason: String,
    },
    /// A limit ended the invocation.
    #[error("plugin `{plugin}`: {}", Exceeded(*.usage))]
    LimitExceeded {
        /// The plugin.
        plugin: String,
        /// The limit, and what the invocation would have used.
        usage: Usage,
    },
    /// No permit, connection or instance became free in time, or the host holds as many bytes as it may.
    #[error("the host is overloaded; try again in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The function or tap failed too often and is quarantined for a while. The plugin's others are served.
    #[error("plugin `{plugin}` is quarantined in part, {reason}; try again in {retry_after_ms} ms")]
    Quarantined {
        /// The plugin.
        plugin: String,
        /// Which part for whom and why, in the host's words.
        reason: String,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// An operator has disabled the plugin. If it was disabled while the call ran, the call is rolled back.
    #[error("plugin `{plugin}` is disabled; an operator has to enable it")]
    Disabled {
        /// The plugin.
        plugin: String,
    },
    /// The plugin could not be loaded when the host started, and the host serves the others. A request for items also fails so if
    /// the plugin may guard them with taps.
    #[error("plugin `{plugin}` is not loaded; an operator has to repair it")]
    NotLoaded {
        /// The plugin.
        plugin: String,
    },
    /// Every run of the transaction lost a serialization race.
    #[error("the change lost {attempts} races with others; try again")]
    Contended {
        /// How often the transaction ran.
        attempts: u32,
    },
    /// A constraint of a table, checked at commit, refused the change.
    #[error("the change violates {0} of a table and is undone")]
    Violation(Violation),
    /// The database is out of reach.
    #[error("the database is out of reach; the host keeps trying")]
    Unavailable {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
    /// A statement of the host's own took longer than one may, or waited too long for a lock, and was ended. Nothing has changed.
    #[error(
        "a statement for this request took too long and was ended, so nothing has changed; ask for less, or try again later"
    )]
    TimedOut,
    /// The connection to the database was lost during the commit.
    #[error(
        "the database was lost while the change was committed: it may have happened or not; look before you try again"
    )]
    InDoubt {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
    /// The database was lost while an action ran that had committed a part of its work.
    #[error(
        "the database was lost when a part of the action was done, and that part stays: look at what is there before you \
         try again"
    )]
    PartlyDone {
        /// For the log.
        #[source]
        source: anyhow::Error,
    },
    /// The database's disk is full.
    #[error("the database has no room to store this; the operator has to make room")]
    InsufficientStorage {
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
    /// Whether the same request may succeed soon: it was not refused, but the host could not serve it.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::TimedOut
                | Self::Overloaded { .. }
                | Self::Quarantined { .. }
                | Self::Disabled { .. }
                | Self::NotLoaded { .. }
        )
    }

    /// Who can do something about it.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoPlugin { .. }
            | Self::NoFunction { .. }
            | Self::NoRoute { .. }
            | Self::BadArguments(_)
            | Self::Returned(_)
            | Self::Refused { .. }
            | Self::Denied
            | Self::NotFound
            | Self::Conflict(_)
            | Self::Contended { .. } => Blame::Caller,
            Self::Trapped { .. }
            | Self::Oversized { .. }
            | Self::LimitExceeded { .. }
            | Self::Quarantined { .. }
            | Self::Violation(_) => Blame::Guest,
            Self::Overloaded { .. }
            | Self::Disabled { .. }
            | Self::NotLoaded { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut
            | Self::InDoubt { .. }
            | Self::InsufficientStorage { .. }
            | Self::PartlyDone { .. } => Blame::Operator,
            Self::Internal { .. } | Self::UnexpectedAnswer { .. } => Blame::Host,
        }
    }

    /// What failed in the host's words, and why, if the caller is told only the first: the operator's log must have the second.
    pub(crate) fn cause(&self) -> Option<(&'static str, &anyhow::Error)> {
        Some(match self {
            Self::Internal { source } => ("the host failed", source),
            Self::Unavailable { source } => ("the database was out of reach", source),
            Self::InDoubt { source } => ("the database was lost during a commit", source),
            Self::PartlyDone { source } => ("an action was done in part", source),
            Self::InsufficientStorage { source } => ("the database has no room", source),
            _ => return None,
        })
    }

    pub(crate) fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self::Internal { source: source.into() }
    }
}

impl From<OutOfMemory> for CallError {
    fn from(out: OutOfMemory) -> Self {
        Refusal::from(out).into()
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied | Refusal::Ungranted(_) => Self::Denied,
            Refusal::Invalid(sentence) => Self::BadArguments(sentence),
            Refusal::NotFound => Self::NotFound,
            Refusal::Conflict(revision) => Self::Conflict(revision),
            Refusal::Violation(violation) => Self::Violation(violation),
            Refusal::Serialization => Self::Contended { attempts: 1 },
            Refusal::Unavailable(reason) => Self::Unavailable { source: anyhow::anyhow!(reason) },
            Refusal::Busy | Refusal::OutOfMemory(_) => {
                Self::Overloaded { retry_after_ms: RETRY_AFTER_S.saturating_mul(MS_PER_S) }
            }
            Refusal::StorageFull(reason) => Self::InsufficientStorage { source: anyhow::anyhow!(reason) },
            Refusal::InDoubt(reason) => Self::InDoubt { source: anyhow::anyhow!(reason) },
            // Outside a plugin, the caller is to blame only for what it sends. The host's own statements exceed no other limit
            // unless the host is wrong about what they return.
            Refusal::Exceeded(exceeded) if exceeded.0.limit.is_of_an_argument() => {
                Self::BadArguments(exceeded.to_string())
            }
            Refusal::Timeout => Self::TimedOut,
            other => Self::internal(other),
        }
    }
}
