//! What callers and operators may know of a plugin's status.

use std::time::SystemTime;

/// Whether a plugin is served, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// It is called.
    Serving,
    /// It failed too often: nobody is let through to it before `until`.
    Quarantined {
        /// Why, in the host's words.
        reason: String,
        /// Since when.
        since: SystemTime,
        /// When an invocation is let through to probe it.
        until: SystemTime,
    },
    /// Its quarantine is over as soon as the invocation that probes it answers.
    HalfOpen {
        /// Why it was quarantined.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
    /// An operator has disabled it.
    Disabled {
        /// Why, in the operator's words: for operators, not for callers.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
}

/// A loaded plugin, and whether it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is served.
    pub status: ServingStatus,
}

impl ServingStatus {
    /// Every [`state`](Self::state).
    pub const STATES: [&str; 4] = ["serving", "quarantined", "half-open", "disabled"];

    /// One word for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Quarantined { .. } => "quarantined",
            Self::HalfOpen { .. } => "half-open",
            Self::Disabled { .. } => "disabled",
        }
    }
}
