//! Why a database cannot be used, or a plugin cannot be installed in it. Each error names the fix.

/// Why a database cannot be used, or a plugin cannot be installed in it.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A migration or a grant is refused.
    #[error("plugin `{plugin}`: {sentence}")]
    Migration {
        /// Which plugin.
        plugin: String,
        /// Why, and what to do.
        sentence: String,
    },
    /// A newer version of the plugin was installed last, and the host does not go back.
    #[error("plugin `{plugin}`: {sentence}")]
    Downgrade {
        /// Which plugin.
        plugin: String,
        /// Which versions, and what to do.
        sentence: String,
    },
    /// The plugin's database login can reach what no plugin may reach, so nothing runs as that login.
    #[error("plugin `{plugin}`: {sentence}")]
    Breach {
        /// Which plugin.
        plugin: String,
        /// Which attack succeeded, and what to do about it.
        sentence: String,
    },
    /// The database is unreachable, or refuses something that the host needs.
    #[error("{sentence}")]
    Database {
        /// What to do.
        sentence: String,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
}
