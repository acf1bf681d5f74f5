//! Guards of `wit/db.wit`: they turn a guest's calls into statements that the host may send to PostgreSQL.
//!
//! There are two ways to SQL. [`structured`] writes the statement of a structured call from names that the
//! [`catalogue`] grants; the text depends only on the call's shape, and values are parameters. The [`gate`] takes SQL
//! text, parses it, checks the whole tree against an allow-list, and prints it anew, so that the guest's bytes are
//! never sent. [`migration`] does the same for the statements that create a plugin's tables.
//!
//! These guards are not the security boundary. The boundary is the plugin's role in the server, with its grants and
//! row-level security. The guards give errors that a person can act on, and stop the few things that no GRANT stops.

pub mod batch;
pub mod catalogue;
pub mod codec;
pub mod cost;
pub mod extension;
pub mod gate;
pub mod migration;
pub mod migration_file;
pub mod parameter;
pub mod shape;
pub mod structured;
pub mod typmod;
pub mod value;

use crate::refusal::Refusal;

/// Refuses a long value for a parameter that is a pattern or a separator.
pub fn short(parameter: &parameter::Parameter) -> Result<(), Refusal> {
    let max = crate::limits::SQL_SHORT_TEXT_BYTES_MAX;
    let length = u64::try_from(size_of::<i32>().saturating_add(max)).unwrap_or(0);
    if parameter.wire_bytes() > length {
        return Err(Refusal::Invalid(format!("a pattern or separator has at most {max} bytes")));
    }
    Ok(())
}

/// Quotes an identifier. No identifier enters SQL text in another way.
pub(in crate::db) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Quotes a guest's text for an error: cut to a short length, and without control characters.
pub(in crate::db) fn shown(text: &str) -> String {
    let short: String = text.chars().take(crate::limits::IDENTIFIER_BYTES_MAX).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::parameter::Parameter;
    use super::value::{Nullable as _, Scalar, Value};
    use super::{Refusal, short, shown};
    use crate::limits::SQL_SHORT_TEXT_BYTES_MAX;
    use postgres_types::Type;

    #[test]
    fn guest_text_in_an_error_is_short_and_has_no_control_characters() {
        let bytes = crate::limits::IDENTIFIER_BYTES_MAX;
        assert_eq!(shown(&"x".repeat(bytes)), format!("`{}`", "x".repeat(bytes)));
        assert_eq!(shown(&"x".repeat(bytes + 1)), format!("`{}…`", "x".repeat(bytes)));
        assert_eq!(shown("a\n\u{1b}b"), "`a\\n\\u{1b}b`");
    }

    #[test]
    fn only_null_is_null() {
        assert!(Value::Scalar(Scalar::Null).is_null());
        for value in [Value::Scalar(Scalar::Text(String::new())), Value::Array(vec![Scalar::Null])] {
            assert!(!value.is_null(), "{value:?}");
        }
    }

    #[test]
    fn pattern_at_its_limit_is_accepted_and_over_it_refused() {
        let of = |bytes| {
            let text = Value::Scalar(Scalar::Text("x".repeat(bytes)));
            short(&Parameter::parse(text, &Type::TEXT).unwrap())
        };
        assert_eq!(of(SQL_SHORT_TEXT_BYTES_MAX), Ok(()));
        assert!(matches!(of(SQL_SHORT_TEXT_BYTES_MAX + 1), Err(Refusal::Invalid(_))));
    }
}
