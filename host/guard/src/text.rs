//! Untrusted text in messages for people: short, and without characters that control a terminal.

use crate::limits::QUOTED_CHARS_MAX;

/// Whether a character is a control character, a line or paragraph separator, or a mark that changes the direction of
/// text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Quotes a caller's text for a sentence: escaped, and cut after [`QUOTED_CHARS_MAX`] characters.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
