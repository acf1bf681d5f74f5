//! What callers and operators may know about a plugin's status.

use std::time::SystemTime;

/// Whether a plugin is served, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// The plugin is served.
    Serving,
    /// The plugin failed too often. Calls are rejected until `until`.
    Quarantined {
        /// Why, in the host's words.
        reason: String,
        /// Since when.
        since: SystemTime,
        /// When an invocation is admitted as a probe.
        until: SystemTime,
    },
    /// One invocation is admitted as a probe. If it answers, the quarantine ends.
    HalfOpen {
        /// Why it was quarantined.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
    /// An operator has disabled the plugin.
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
    /// How many of its database connections are held by statements that run on after they were cancelled. If all are, the
    /// plugin is quarantined.
    pub running_on: usize,
}

impl ServingStatus {
    /// Every [`state`](Self::state).
    pub const STATES: [&str; 4] = ["serving", "quarantined", "half-open", "disabled"];

    /// The status as one word, for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Quarantined { .. } => "quarantined",
            Self::HalfOpen { .. } => "half-open",
            Self::Disabled { .. } => "disabled",
        }
    }
}
