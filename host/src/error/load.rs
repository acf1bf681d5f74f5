//! The errors of starting a host and loading a plugin: sentences for the operator that name the fix.

use palisade_guard::limits::LOAD_SENTENCE_BYTES_MAX;
use palisade_guard::text::is_unsafe;
use palisade_store::error::InstallError;
use std::fmt;

/// Why a host could not be built or a plugin could not be loaded. `Display` is a sentence that names the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is refused. The sentence has file, line and column.
    #[error("{0}")]
    Manifest(String),
    /// The component is refused. `Display` escapes text from the component and cuts a long sentence.
    #[error("plugin `{plugin}`: {}", Escaped(.sentence))]
    Component {
        /// The plugin.
        plugin: String,
        /// Why, and what to do.
        sentence: String,
    },
    /// A migration is refused.
    #[error("plugin `{plugin}`: {sentence}")]
    Migration {
        /// The plugin.
        plugin: String,
        /// Why, and what to do.
        sentence: String,
    },
    /// A newer version of the plugin was installed in the database last, and the host does not
    /// [go back](crate::HostBuilder::allow_downgrade).
    #[error("plugin `{plugin}`: {sentence}")]
    Downgrade {
        /// The plugin.
        plugin: String,
        /// Which versions, and what to do.
        sentence: String,
    },
    /// A canary attack with the plugin's login succeeded: the login can reach what no plugin may. The plugin is not loaded.
    #[error("plugin `{plugin}`: {sentence}")]
    Breach {
        /// The plugin.
        plugin: String,
        /// The attack that succeeded, and what to do.
        sentence: String,
    },
    /// The database is out of reach or refuses a statement that the host needs.
    #[error("{sentence}")]
    Database {
        /// What to do.
        sentence: String,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
    /// The engine or another part of the host cannot be started.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The compiler does not work: the program that should compile does not start or does not answer.
    #[error("{0}")]
    Compiler(String),
    /// Several plugins cannot be loaded. Each error is a line.
    #[error("{} plugins cannot be loaded:{}", .0.len(), Lines(.0))]
    Several(Vec<LoadError>),
}

impl LoadError {
    /// Whether the host cannot load any plugin: the database, the engine or the compiler failed, and not the plugin.
    pub(crate) fn is_of_the_host(&self) -> bool {
        matches!(self, Self::Database { .. } | Self::Engine(_) | Self::Compiler(_))
    }

    /// The one error, or all of them.
    pub(crate) fn of_all(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self::Several(errors)),
        }
    }
}

/// Each error on a line of its own.
struct Lines<'a>(&'a [LoadError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl From<InstallError> for LoadError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Migration { plugin, sentence } => Self::Migration { plugin, sentence },
            InstallError::Downgrade { plugin, sentence } => Self::Downgrade { plugin, sentence },
            InstallError::Breach { plugin, sentence } => Self::Breach { plugin, sentence },
            InstallError::Database { sentence, source } => Self::Database { sentence, source },
        }
    }
}

/// A sentence that repeats names from an unchecked binary. It is shown with the characters escaped that would control a
/// terminal or reverse text, except line breaks, which the host itself wrote.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let end = self.0.floor_char_boundary(LOAD_SENTENCE_BYTES_MAX);
        let (shown, rest) = self.0.split_at(end);
        for character in shown.chars() {
            match character {
                '\n' => f.write_char('\n')?,
                _ if is_unsafe(character) => write!(f, "{}", character.escape_default())?,
                _ => f.write_char(character)?,
            }
        }
        if rest.is_empty() { Ok(()) } else { f.write_char('…') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sentence: &str) -> String {
        LoadError::Component { plugin: "odd".into(), sentence: sentence.into() }.to_string()
    }

    #[test]
    fn name_from_a_binary_is_escaped() {
        assert_eq!(
            shown("no `\u{1b}[2J\r\u{7f}\u{202e}`;\n+ export a"),
            "plugin `odd`: no `\\u{1b}[2J\\r\\u{7f}\\u{202e}`;\n+ export a"
        );
    }

    #[test]
    fn sentence_is_cut_over_its_limit_and_not_at_it() {
        let at = "x".repeat(LOAD_SENTENCE_BYTES_MAX);
        assert_eq!(shown(&at), format!("plugin `odd`: {at}"));
        let over = format!("{}é", &at[1..]);
        assert_eq!(shown(&over), format!("plugin `odd`: {}…", &at[1..]));
    }
}
