//! Why a database cannot be used, or a plugin not installed in it: sentences that name the fix.

/// Why a database cannot be used, or a plugin not installed in it.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A migration is not acceptable.
    #[error("plugin `{plugin}`: {sentence}")]
    Migration {
        /// Which plugin.
        plugin: String,
        /// Why, and what to do.
        sentence: String,
    },
    /// The login that the database would give the plugin reaches what no plugin may: nothing runs as it.
    #[error("plugin `{plugin}`: {sentence}")]
    Breach {
        /// Which plugin.
        plugin: String,
        /// Which attack succeeded, and what to do.
        sentence: String,
    },
    /// The database is out of reach or refuses what the host needs.
    #[error("{sentence}")]
    Database {
        /// What to do.
        sentence: String,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
}
