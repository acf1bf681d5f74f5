//! What an operator gets when a host or plugin cannot start: a sentence that names the fix.

/// Why a plugin was not loaded, or a host not built. `Display` is a sentence that names the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is not acceptable; with file, line and column.
    #[error("{0}")]
    Manifest(String),
    /// The component is not acceptable.
    #[error("plugin `{plugin}`: {sentence}")]
    Component {
        /// Which plugin.
        plugin: String,
        /// Why, and what to do.
        sentence: String,
    },
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
    /// The engine could not be started.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// Nobody compiles for the host: the program that should does not start or answer.
    #[error("{0}")]
    Compiler(String),
}
