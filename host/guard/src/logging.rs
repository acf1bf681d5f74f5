//! Guard of `logging`: a record is one short line without characters that control a terminal or mislead a log reader.
//!
//! Contract: `wit/logging.wit`.

use crate::limits::{LOG_FIELD_NAME_BYTES_MAX, LOG_FIELDS_MAX, LOG_RECORD_BYTES_MAX};
use crate::text::is_unsafe;
use std::fmt::Write as _;

/// How important a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A single step.
    Trace,
    /// A detail that helps to find a fault.
    Debug,
    /// Normal operation.
    Info,
    /// An unexpected event that the plugin handled.
    Warn,
    /// A failure.
    Error,
}

/// A record that is safe to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    level: Level,
    message: String,
    fields: Vec<(String, String)>,
    cut: bool,
}

impl LogRecord {
    /// Makes a record from a guest's message and fields. Escapes unsafe characters, and cuts what is too long.
    pub fn parse(level: Level, message: &str, fields: &[(String, String)]) -> Self {
        let mut left = LOG_RECORD_BYTES_MAX;
        let mut cut = fields.len() > LOG_FIELDS_MAX;
        let message = escape(message, &mut left, &mut cut);
        let mut escaped = Vec::with_capacity(fields.len().min(LOG_FIELDS_MAX));
        for (name, value) in fields.iter().take(LOG_FIELDS_MAX) {
            let name = field_name(name);
            if name.len() > left {
                cut = true;
                break;
            }
            left = left.saturating_sub(name.len());
            escaped.push((name, escape(value, &mut left, &mut cut)));
        }
        Self { level, message, fields: escaped, cut }
    }

    /// How important the record is.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The message, which is one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields' names and values, each of which is one line.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Whether the record was cut.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes of the record's text: the message and the fields.
    pub fn bytes(&self) -> u64 {
        let fields = self.fields.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        fields.fold(self.message.len(), usize::saturating_add) as u64
    }
}

/// Copies at most `left` bytes of a text, and escapes control characters and characters that reverse or hide text.
fn escape(text: &str, left: &mut usize, cut: &mut bool) -> String {
    let mut out = String::with_capacity(text.len().min(*left));
    for character in text.chars() {
        let start = out.len();
        if is_unsafe(character) {
            let _infallible = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
        if out.len() > *left {
            out.truncate(start);
            *cut = true;
            break;
        }
    }
    *left = left.saturating_sub(out.len());
    out
}

/// Turns a name into one that the contract allows. An added `field_` counts towards the length.
fn field_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
    let prefix = if name.starts_with(|first: char| first.is_ascii_lowercase()) { "" } else { "field_" };
    let rest = name.chars().map(|c| if allowed(c) { c } else { '_' });
    prefix.chars().chain(rest).take(LOG_FIELD_NAME_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_with_control_characters_is_one_escaped_line() {
        for (text, expected) in [
            ("a\nlevel=ERROR plugin=other", "a\\nlevel=ERROR plugin=other"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\r\0\u{7f}\u{85}", "a\\r\\u{0}\\u{7f}\\u{85}"),
            ("\u{202e}abc\u{2028}", "\\u{202e}abc\\u{2028}"),
            ("plain, 'quoted' \"ü\" \u{1f600}", "plain, 'quoted' \"ü\" \u{1f600}"),
        ] {
            assert_eq!(LogRecord::parse(Level::Info, text, &[]).message(), expected);
        }
    }

    #[test]
    fn record_over_a_limit_is_cut_and_marked_as_cut() {
        let record = LogRecord::parse(Level::Info, &"é".repeat(LOG_RECORD_BYTES_MAX), &[]);
        assert!(record.is_cut() && record.bytes() <= LOG_RECORD_BYTES_MAX as u64);
        let fields = vec![("name".to_owned(), "value".to_owned()); LOG_FIELDS_MAX + 1];
        let record = LogRecord::parse(Level::Info, "m", &fields);
        assert!(record.is_cut() && record.fields().len() == LOG_FIELDS_MAX);
    }

    #[test]
    fn record_at_its_limits_is_not_cut() {
        let text = "x".repeat(LOG_RECORD_BYTES_MAX);
        let record = LogRecord::parse(Level::Info, &text, &[]);
        assert!(!record.is_cut() && record.message() == text);
        assert_eq!(record.bytes(), LOG_RECORD_BYTES_MAX as u64);
        // The last name fits exactly, and its value is empty.
        let short = "x".repeat(LOG_RECORD_BYTES_MAX - 4);
        let field = |name: &str| LogRecord::parse(Level::Info, &short, &[(name.to_owned(), String::new())]);
        assert!(!field("name").is_cut() && field("name").bytes() == LOG_RECORD_BYTES_MAX as u64);
        assert!(field("names").is_cut() && field("names").fields().is_empty());
        let fields = vec![("a".to_owned(), "b".to_owned()); LOG_FIELDS_MAX];
        let record = LogRecord::parse(Level::Info, "m", &fields);
        assert!(!record.is_cut() && record.bytes() == 1 + 2 * LOG_FIELDS_MAX as u64);
    }

    #[test]
    fn malformed_field_name_is_replaced() {
        let fields = [("plugin\n".to_owned(), String::new()), ("Ä b".to_owned(), String::new())];
        let record = LogRecord::parse(Level::Info, "", &fields);
        assert_eq!(record.fields()[0].0, "plugin_");
        assert_eq!(record.fields()[1].0, "field___b");
        let allowed = "a0_.-z".to_owned();
        let record = LogRecord::parse(Level::Info, "", &[(allowed.clone(), String::new())]);
        assert_eq!(record.fields()[0].0, allowed);
        let long =
            LogRecord::parse(Level::Info, "", &[("9".repeat(LOG_FIELD_NAME_BYTES_MAX), String::new())]);
        assert_eq!(long.fields()[0].0.len(), LOG_FIELD_NAME_BYTES_MAX);
    }
}
