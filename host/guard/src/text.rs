//! Text of strangers on its way to a person: short, and without characters that steer a terminal.

use crate::limits::QUOTED_CHARS_MAX;

/// Control characters, line and paragraph separators, and the marks that change the direction of text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A caller's text as a sentence shows it: escaped, and no more of it than anybody reads.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
