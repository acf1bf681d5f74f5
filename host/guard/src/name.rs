//! The names of plugins, and the forms of words and keys.
//!
//! A plugin's name becomes part of the name of a role, a schema, a cache key and a log field. It contains none of the
//! separators in those names, so that `a:b` can only mean `b` of the plugin `a`.

use crate::limits::PLUGIN_NAME_BYTES_MAX;
use std::fmt;
use std::sync::Arc;

/// The name of a plugin: `[a-z][a-z0-9-]*`, at most 40 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginName(Arc<str>);

impl PluginName {
    /// Parses a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        if is_kebab(name) && name.len() <= PLUGIN_NAME_BYTES_MAX {
            return Ok(Self(name.into()));
        }
        Err(format!(
            "{name:?} is not a plugin name: use lower-case letters, digits and `-`, begin with a letter, and at most \
             {PLUGIN_NAME_BYTES_MAX} bytes"
        ))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with `_` instead of `-`, for identifiers in the database. Different names give different identifiers,
    /// because no name contains `_`.
    pub fn snake(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a word is `[a-z][a-z0-9-]*`.
pub(crate) fn is_kebab(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a text is 1 to `max` bytes without control characters, as every key of the contract must be.
pub fn is_plain(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_plugin_name_is_rejected() {
        let long = "a".repeat(PLUGIN_NAME_BYTES_MAX + 1);
        for name in ["", "a:b", "a_b", "A", "1a", "-a", "a b", "a\0", "ä", "a/b", "a.b", "a\n", &long] {
            assert!(PluginName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn well_formed_plugin_name_is_accepted() {
        let long = "a".repeat(PLUGIN_NAME_BYTES_MAX);
        for name in ["a", "blog", "audit-trail", "a1-", &long] {
            assert!(PluginName::parse(name).is_ok(), "{name:?}");
        }
    }
}
