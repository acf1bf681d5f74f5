//! Guards of `wit/db.wit`: from what a guest sends to statements that PostgreSQL may see.
//!
//! Two ways lead to SQL. Structured calls are written by [`structured`] from names that the [`catalogue`] granted; the
//! text depends on their shape alone and values travel as parameters. SQL text goes through the [`gate`], which parses
//! it, walks the whole tree by an allow-list, and prints it anew: the guest's bytes are never sent. [`migration`] does
//! the same for the statements that make a plugin's tables.
//!
//! This is not the boundary. The boundary is the plugin's role in the server, with its grants and row-level security;
//! these guards give errors that a person can act on and stop the few things that no GRANT stops.

pub mod catalogue;
pub mod codec;
pub mod gate;
pub mod migration;
pub mod structured;
pub mod value;

/// Why a guard refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The grants do not cover it. Says nothing about what exists.
    #[error("access denied")]
    Denied,
    /// It is not acceptable. The text names the construct, the position where there is one, and the rule.
    #[error("{0}")]
    Invalid(String),
}

/// Quotes an identifier. The only way in which one enters SQL text.
pub(in crate::guard::db) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A guest's text for an error: short, and without control characters.
pub(in crate::guard::db) fn shown(text: &str) -> String {
    let short: String = text.chars().take(crate::limits::IDENTIFIER_BYTES_MAX).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", short.escape_debug())
}
