//! A finding: a sentence that says what to change, and its place in a file.

use palisade_guard::limits::{SHOWN_LINE_CHARS_MAX, SOURCE_BYTES_MAX};
use palisade_guard::mistakes::position;
use palisade_store::files::{self, Folder};
use serde_json::{Value, json};
use std::fmt;
use std::ops::Range;

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What is wrong, and what to write.
    pub(crate) sentence: String,
    /// Where, if it has a place.
    pub(crate) place: Option<Place>,
}

/// A place in a file of a plugin's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, as the author names it: relative to the folder.
    pub(crate) file: String,
    /// The line, from 1 on; `None` for the file as a whole.
    pub(crate) at: Option<Point>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The line, from 1 on.
    pub(crate) line: usize,
    /// The column, a character from 1 on.
    pub(crate) column: usize,
    /// The characters that are meant, at least one, all on this line.
    pub(crate) length: usize,
    /// What the line says around the column.
    pub(crate) shown: String,
    /// Where in `shown` the column is, from 0 on.
    pub(crate) offset: usize,
}

impl Finding {
    /// A finding without a place.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), place: None }
    }

    /// A finding at a place.
    pub(crate) fn at(sentence: impl Into<String>, place: Place) -> Self {
        Self { sentence: sentence.into(), place: Some(place) }
    }

    /// The finding for scripts.
    pub(crate) fn json(&self) -> Value {
        let place = self.place.as_ref();
        let at = place.and_then(|place| place.at.as_ref());
        json!({
            "message": self.sentence,
            "file": place.map(|place| &place.file),
            "line": at.map(|at| at.line),
            "column": at.map(|at| at.column),
            "length": at.map(|at| at.length),
        })
    }
}

/// One line: `file:line:column: what to change`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(Place { file, at: Some(Point { line, column, .. }) }) => {
                write!(f, "{file}:{line}:{column}: ")?;
            }
            Some(Place { file, at: None }) => write!(f, "{file}: ")?,
            None => {}
        }
        f.write_str(&self.sentence)
    }
}

impl Place {
    /// A file as a whole.
    pub(crate) fn whole(file: &str) -> Self {
        Self { file: file.to_owned(), at: None }
    }

    /// The bytes of a text.
    pub(crate) fn of_span(file: &str, text: &str, span: Range<usize>) -> Self {
        let (line, column) = position(text, span.start);
        let meant = text.get(span).unwrap_or_default();
        let length = meant.lines().next().unwrap_or_default().chars().count();
        Self::of_line(file, text, line, column, length)
    }

    /// A line and column of a text.
    pub(crate) fn of_line(file: &str, text: &str, line: usize, column: usize, length: usize) -> Self {
        let whole = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let column = column.max(1);
        // A long line is shown around the column.
        let from = (column - 1).saturating_sub(SHOWN_LINE_CHARS_MAX / 2);
        let shown: String = whole.chars().skip(from).take(SHOWN_LINE_CHARS_MAX).collect();
        let offset = (column - 1 - from).min(shown.chars().count());
        let room = shown.chars().count().saturating_sub(offset).max(1);
        let point = Point { line, column, length: length.clamp(1, room), shown, offset };
        Self { file: file.to_owned(), at: Some(point) }
    }

    /// A line and column of a file of the folder. The length is that of the word there.
    pub(crate) fn in_folder(folder: &Folder, (file, line, column): &(String, usize, usize)) -> Self {
        let read = folder.file(file.as_ref()).and_then(|open| files::read_text(open, SOURCE_BYTES_MAX));
        let text = read.unwrap_or_default();
        let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let word = rest.chars().skip(column.saturating_sub(1));
        let length = word
            .take_while(|letter| {
                letter.is_alphanumeric() || matches!(letter, '-' | '_' | ':' | '/' | '@' | '.')
            })
            .count();
        Self::of_line(file, &text, *line, *column, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_line_is_shown_around_its_place() {
        for (column, offset) in [(1, 0), (10, 9), (60_000, SHOWN_LINE_CHARS_MAX / 2)] {
            let text = "é".repeat(64 * 1024);
            let place = Place::of_line("a", &text, 1, column, 70_000);
            let at = place.at.unwrap();
            assert_eq!((at.shown.chars().count(), at.offset), (SHOWN_LINE_CHARS_MAX, offset));
            assert_eq!(at.length, SHOWN_LINE_CHARS_MAX - offset);
        }
        let end = Place::of_line("a", "abc", 1, 4, 0).at.unwrap();
        assert_eq!((end.offset, end.length), (3, 1));
        let beyond = Place::of_line("a", "abc", 9, 7, 3).at.unwrap();
        assert_eq!((beyond.offset, beyond.length, beyond.shown.as_str()), (0, 1, ""));
    }
}
