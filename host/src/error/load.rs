//! What an operator gets when a host or plugin cannot start: a sentence that names the fix.

use palisade_guard::limits::LOAD_SENTENCE_BYTES_MAX;
use palisade_guard::text::is_unsafe;
use palisade_store::error::InstallError;
use std::fmt;

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
    /// The component is not acceptable. It is shown with what it brought of its own escaped, and cut where it is long.
    #[error("plugin `{plugin}`: {}", Shown(.sentence))]
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

impl From<InstallError> for LoadError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Migration { plugin, sentence } => Self::Migration { plugin, sentence },
            InstallError::Breach { plugin, sentence } => Self::Breach { plugin, sentence },
            InstallError::Database { sentence, source } => Self::Database { sentence, source },
        }
    }
}

/// A sentence that repeats names out of a binary, which nobody has vetted yet: what would steer a terminal or turn text
/// around is escaped. Lines are the host's own.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
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
    fn refusal_that_repeats_a_name_out_of_a_binary_does_not_steer_a_terminal() {
        assert_eq!(
            shown("no `\u{1b}[2J\r\u{7f}\u{202e}`;\n+ export a"),
            "plugin `odd`: no `\\u{1b}[2J\\r\\u{7f}\\u{202e}`;\n+ export a"
        );
    }

    #[test]
    fn refusal_at_the_bound_is_shown_whole_and_over_it_cut() {
        let at = "x".repeat(LOAD_SENTENCE_BYTES_MAX);
        assert_eq!(shown(&at), format!("plugin `odd`: {at}"));
        let over = format!("{}é", &at[1..]);
        assert_eq!(shown(&over), format!("plugin `odd`: {}…", &at[1..]));
    }
}
