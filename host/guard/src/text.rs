//! Untrusted text in messages for people: short, and without characters that control a terminal or mislead a reader.
//!
//! The rule: text is escaped where it is written. Every line of the command's log and every line that it prints goes through
//! [`plain`], [`plain_json`] or [`plain_lines`], whatever field it comes from: a function's name in a trap, a manifest's
//! description, a file's name, a server's message.

use crate::limits::QUOTED_CHARS_MAX;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is a control character, a line or paragraph separator, a mark that changes the direction of text, or
/// an invisible tag.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Quotes a caller's text for a sentence: escaped, and cut after [`QUOTED_CHARS_MAX`] characters.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// One line: every unsafe character, line breaks included, is escaped as in `\n` and `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |out, character| {
        let _infallible = write!(out, "{}", character.escape_default());
    })
}

/// One line of JSON, with every unsafe character as `\u001b`. In JSON such a character can only be part of a string, so the
/// value stays the same.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    escaped(json, |out, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _infallible = write!(out, "\\u{unit:04x}");
        }
    })
}

/// A text that may have several lines. Every line but the first is indented, so that none can pass for a message of its own.
pub fn plain_lines(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut out = plain(lines.next().unwrap_or_default()).into_owned();
    for line in lines {
        out.push_str(if line.is_empty() { "\n" } else { "\n  " });
        out.push_str(&plain(line));
    }
    out
}

/// An untrusted text that a viewer may render as Markdown, and a generator may write into a comment of any language: its lines,
/// without unsafe characters, and without what begins HTML, a link, an image, or the end of a comment. A space breaks these up, so the
/// text reads the same.
pub fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.trim().chars().filter(|&c| c == '\n' || !is_unsafe(c)).peekable();
    while let Some(character) = characters.next() {
        out.push(character);
        let begins_something = match (character, characters.peek()) {
            ('<', Some(next)) => next.is_alphabetic() || matches!(next, '/' | '!' | '?'),
            (']', Some(next)) => matches!(next, '(' | ':' | '['),
            // Java and Python read these escapes in comments, too.
            ('\\', Some(next)) => matches!(next, 'u' | 'U' | 'x' | 'N'),
            ('*', Some('/')) | ('-' | '#', Some('}')) | ('%', Some('>')) => true,
            ('"' | '\'', Some(next)) => *next == character && out.chars().nth_back(1) == Some(character),
            _ => false,
        };
        if begins_something {
            out.push(' ');
        }
    }
    out
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last character of each unsafe range.
    const UNSAFE: &str = "\u{0}\u{1b}\n\r\u{1f}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\
        \u{2066}\u{2069}\u{feff}\u{e0000}\u{e007f}";

    #[test]
    fn unsafe_characters_are_escaped_in_text_and_json() {
        for character in UNSAFE.chars() {
            let text = format!("a{character}b");
            let escaped = plain(&text);
            assert!(!escaped.chars().any(is_unsafe) && escaped.len() > text.len(), "{escaped:?}");
            let value = serde_json::Value::String(text.clone());
            let json = plain_json(&value.to_string()).into_owned();
            assert!(!json.chars().any(is_unsafe), "{json:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        }
    }

    #[test]
    fn text_without_unsafe_characters_is_unchanged() {
        for text in ["", "plain, 'quoted' \"ü\" \u{1f600} \u{200d}", "שלום", "a\\nb"] {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(plain_json(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn prose_has_no_markup_and_ends_no_comment() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "< script>alert(1)< /script>"),
            ("<!-- x --><?php", "< !-- x -->< ?php"),
            ("<https://evil.example>", "< https://evil.example>"),
            ("[a](javascript:x) ![b](http://t/i.png)", "[a] (javascript:x) ![b] (http://t/i.png)"),
            ("[a]: javascript:x\n[a][b]", "[a] : javascript:x\n[a] [b]"),
            ("*/ evil(); /*", "* / evil(); /*"),
            ("\\u002a\\u002f evil()", "\\ u002a\\ u002f evil()"),
            ("-} #} %>", "- } # } % >"),
            ("\"\"\" '''", "\"\" \" '' '"),
            ("a\u{202e}b\u{0}c\u{1b}[2J\r\n", "abc[2J"),
        ] {
            assert_eq!(prose(text), expected);
        }
        for text in [
            "1 < 2, a<= b",
            "\"\" and ''",
            "two\n\nlines with `code`, \"quotes\" and *stars*",
            "Grüße \u{1f600}",
        ] {
            assert_eq!(prose(text), text);
        }
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(plain_lines("one\n\nerror: \u{1b}[2J"), "one\n\n  error: \\u{1b}[2J");
    }
}
