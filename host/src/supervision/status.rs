//! What callers and operators may know about a plugin's status.

use std::time::SystemTime;

/// Whether a plugin is served, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// The plugin is served.
    Serving,
    /// An entry failed too often. Its calls are rejected until `until`; the plugin's other entries are served.
    Quarantined {
        /// Why, in the host's words.
        reason: String,
        /// Since when.
        since: SystemTime,
        /// When invocations are admitted as probes.
        until: SystemTime,
    },
    /// A few invocations of the entry are admitted as probes. If one answers, the quarantine ends.
    HalfOpen {
        /// Why it was quarantined.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
    /// The plugin could not be loaded when the host started, and the host serves the others; or its tables have changed since,
    /// and no longer have what it is granted.
    NotLoaded {
        /// Why, in the sentence for operators: not for callers.
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

/// A plugin of a host, and whether it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginStatus {
    /// Its name; of a plugin whose manifest could not be read, the name of its folder.
    pub name: String,
    /// Its version; empty if its manifest could not be read.
    pub version: String,
    /// Whether it is served: quarantined if one of its entries is.
    pub status: ServingStatus,
    /// The entries that are quarantined or half-open, sorted by name.
    pub entries: Vec<EntryStatus>,
    /// How many of its database connections are held by statements that run on after they were cancelled. If all are, the
    /// plugin is quarantined.
    pub running_on: usize,
}

/// An entry of a plugin that is quarantined or half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryStatus {
    /// The function as `interface/function`, or the tap's interface.
    pub entry: String,
    /// The callers whom this is about: `anonymous`, or `known` for users and the program that embeds the host.
    pub callers: String,
    /// Why, and since when.
    pub status: ServingStatus,
}

impl ServingStatus {
    /// Every [`state`](Self::state).
    pub const STATES: [&str; 5] = ["serving", "quarantined", "half-open", "disabled", "not-loaded"];

    /// The status as one word, for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Quarantined { .. } => "quarantined",
            Self::HalfOpen { .. } => "half-open",
            Self::Disabled { .. } => "disabled",
            Self::NotLoaded { .. } => "not-loaded",
        }
    }
}
