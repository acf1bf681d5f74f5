//! Guard of `logging`: a record is one short line without characters that control a terminal or mislead a log reader.
//!
//! What a guest prints to standard output and error becomes records as well: [`PrintedLines`] splits it.
//!
//! Contract: `wit/logging.wit`.

use crate::limits::{LOG_FIELD_NAME_BYTES_MAX, LOG_FIELDS_MAX, LOG_RECORD_BYTES_MAX, PRINTED_LINE_BYTES_MAX};
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

/// A stream that a guest prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error, where languages print their warnings and stack traces.
    Stderr,
}

impl Stream {
    /// The name, as programs know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The record of a line that was printed to the stream. Bytes that are not UTF-8 become replacement characters.
    pub fn record(self, line: &[u8]) -> LogRecord {
        let level = if self == Self::Stdout { Level::Info } else { Level::Warn };
        let field = ("stream".to_owned(), self.name().to_owned());
        LogRecord::parse(level, &String::from_utf8_lossy(line), &[field])
    }
}

/// Splits what a guest prints to one stream into lines, and holds at most [`PRINTED_LINE_BYTES_MAX`] bytes of a line that has not
/// ended. A longer line is split between two characters. Empty lines are left out.
#[derive(Debug, Default)]
pub struct PrintedLines {
    open: Vec<u8>,
}

impl PrintedLines {
    /// Takes what was printed, and passes on each line that it ends.
    pub fn push(&mut self, printed: &[u8], pass: &mut dyn FnMut(&[u8])) {
        let mut parts = printed.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let has_ended = parts.peek().is_some();
            if has_ended && self.open.is_empty() && part.len() <= PRINTED_LINE_BYTES_MAX {
                pass_line(part, pass);
                continue;
            }
            for piece in part.chunks(PRINTED_LINE_BYTES_MAX) {
                self.open.extend_from_slice(piece);
                while let Some(end) = boundary(&self.open) {
                    let rest = self.open.split_off(end);
                    pass_line(&std::mem::replace(&mut self.open, rest), pass);
                }
            }
            if has_ended {
                self.end(pass);
            }
        }
    }

    /// Passes on a last line that has not ended.
    pub fn end(&mut self, pass: &mut dyn FnMut(&[u8])) {
        pass_line(&std::mem::take(&mut self.open), pass);
    }
}

fn pass_line(line: &[u8], pass: &mut dyn FnMut(&[u8])) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !line.is_empty() {
        pass(line);
    }
}

/// Where a line that is too long is split: between two characters, if it is UTF-8.
fn boundary(line: &[u8]) -> Option<usize> {
    let after = line.get(PRINTED_LINE_BYTES_MAX..)?;
    let is_inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000; // wire: UTF-8
    if !after.first().is_some_and(is_inside) {
        return (!after.is_empty()).then_some(PRINTED_LINE_BYTES_MAX);
    }
    // A character has at most four bytes.
    let back = line.iter().take(PRINTED_LINE_BYTES_MAX).rev().take(3).position(|byte| !is_inside(byte));
    Some(PRINTED_LINE_BYTES_MAX.saturating_sub(back.map_or(0, |back| back.saturating_add(1))))
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

    /// The lines of what is printed in these pieces.
    fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (PrintedLines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, &mut |line| found.push(line.to_vec()));
            assert!(lines.open.len() <= PRINTED_LINE_BYTES_MAX, "{}", lines.open.len());
        }
        lines.end(&mut |line| found.push(line.to_vec()));
        lines.end(&mut |_| panic!("nothing is passed on twice"));
        found
    }

    #[test]
    fn printed_text_has_the_same_lines_however_it_is_written() {
        for (text, expected) in [
            (&b"\n\n\r\n\n"[..], &[][..]),
            (b"", &[]),
            (b"one", &["one"]),
            (b"one\ntwo\r\n\n  three\n", &["one", "two", "  three"]),
            (b"one\rtwo\n\r\r\n", &["one\rtwo", "\r"]),
            (b"Error: x\n    at f (a.js:1:2)\n    at g", &["Error: x", "    at f (a.js:1:2)", "    at g"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|line| line.as_bytes().to_vec()).collect();
            for size in [1, 2, 3, text.len().max(1)] {
                assert_eq!(
                    lines(text.chunks(size)),
                    expected,
                    "{size} of {:?}",
                    text.escape_ascii().to_string()
                );
            }
        }
    }

    #[test]
    fn printed_line_over_a_record_is_split_between_characters_and_one_at_it_is_whole() {
        let most = PRINTED_LINE_BYTES_MAX;
        for character in ["x", "é", "€", "\u{1f600}"] {
            for before in 0..character.len() {
                let text = "-".repeat(before) + &character.repeat(3 * most / character.len());
                for size in [1, 7, most, text.len()] {
                    let found = lines(text.as_bytes().chunks(size));
                    assert!(found.len() >= 3 && found.iter().all(|line| std::str::from_utf8(line).is_ok()));
                    assert!(found.iter().rev().skip(1).all(|line| (most - 3..=most).contains(&line.len())));
                    assert_eq!(found.concat(), text.as_bytes());
                }
            }
        }
        for (length, number) in [(most, 1), (most + 1, 2), (2 * most, 2)] {
            for size in [1, most, length] {
                for end in ["", "\n", "\r\n"] {
                    let text = "x".repeat(length) + end;
                    let found = lines(text.as_bytes().chunks(size));
                    // A carriage return at the very limit can stand alone, and is then left out.
                    assert_eq!((found.len(), found.concat().len()), (number, length), "{length} by {size}");
                }
            }
        }
        // What is no UTF-8 is split as well.
        let text = vec![0x80; 10 * most];
        assert_eq!(lines([&*text]).concat(), text);
    }

    #[test]
    fn record_of_a_printed_line_has_its_level_and_stream_and_is_whole() {
        for (stream, level, name) in
            [(Stream::Stdout, Level::Info, "stdout"), (Stream::Stderr, Level::Warn, "stderr")]
        {
            let record = stream.record(&[b'x'; PRINTED_LINE_BYTES_MAX]);
            assert_eq!((record.level(), record.is_cut()), (level, false));
            assert_eq!(record.fields(), [("stream".into(), name.into())]);
            assert_eq!(record.bytes(), LOG_RECORD_BYTES_MAX as u64);
        }
        assert_eq!(Stream::Stderr.record(b"a\xffb\x1b[2J").message(), "a\u{fffd}b\\u{1b}[2J");
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
