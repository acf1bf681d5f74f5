//! How many reports the host writes to its own log about what plugins and callers do.
//!
//! The rule: whatever a guest or a caller can cause any number of times is reported through [`Reports`] or, within one
//! invocation, through [`Notes`]. Repeats are counted, and the count is written when the period is over. Each subject has
//! periods of its own, so that a loud plugin hides nothing of a quiet one.

use crate::limits::{EXCERPT_CHARS_MAX, NOTE_BYTES_MAX, NOTES_MAX, REPORT_PERIOD_MS, REPORTS_MAX};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Reports of one subject, such as a plugin, by kind. No part of a kind is a guest's or a caller's text, so there are few.
#[derive(Debug)]
pub struct Reports<Kind>(Mutex<HashMap<Kind, Period>>);

impl<Kind> Default for Reports<Kind> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// What happened to one kind since its period began.
#[derive(Debug)]
struct Period {
    ends: Instant,
    written: u32,
    more: u64,
}

impl<Kind: Clone + Eq + Hash> Reports<Kind> {
    /// Whether a report may be written now: at most [`REPORTS_MAX`] of a kind in [`REPORT_PERIOD_MS`]. Counts it if not.
    pub fn admit(&self, kind: &Kind, now: Instant) -> bool {
        let mut periods = self.periods();
        let Some(period) = periods.get_mut(kind) else {
            let ends = now.checked_add(Duration::from_millis(REPORT_PERIOD_MS)).unwrap_or(now);
            periods.insert(kind.clone(), Period { ends, written: 1, more: 0 });
            return true;
        };
        if period.written < REPORTS_MAX {
            period.written = period.written.saturating_add(1);
            return true;
        }
        period.more = period.more.saturating_add(1);
        false
    }

    /// Ends the periods that are over, or all. Returns how many reports of each kind were not written.
    pub fn take_due(&self, now: Instant, all: bool) -> Vec<(Kind, u64)> {
        let mut periods = self.periods();
        let due = periods.extract_if(|_, period| all || period.ends <= now);
        due.filter(|(_, period)| period.more > 0).map(|(kind, period)| (kind, period.more)).collect()
    }

    fn periods(&self) -> MutexGuard<'_, HashMap<Kind, Period>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At most so many bytes of a text that guests, callers or other servers influence, for a report.
pub fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Failures of one invocation's host calls whose cause only the log may learn. They are written when it ends.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    kept: Vec<Note>,
    more: u64,
    told: Vec<Note>,
}

/// One failure, and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What failed, in the host's own words.
    pub what: &'static str,
    /// The cause. Guests and other servers influence it.
    pub reason: String,
    /// The place of the guest's text that it is about.
    pub excerpt: Option<Excerpt>,
    /// How often.
    pub count: u64,
}

/// A place in a guest's text: what of its line is around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// At most [`EXCERPT_CHARS_MAX`] characters of the line.
    pub text: String,
    /// The place in them: a character, from 1 on.
    pub column: usize,
}

impl Excerpt {
    /// What is around a place of a text. Both numbers count from 1 on.
    pub fn of(text: &str, line: usize, column: usize) -> Self {
        let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let before = column.saturating_sub(1);
        let skipped = before.saturating_sub(EXCERPT_CHARS_MAX / 2);
        let text = line.trim_end().chars().skip(skipped).take(EXCERPT_CHARS_MAX).collect();
        Self { text, column: column.saturating_sub(skipped).max(1) }
    }
}

impl Notes {
    /// Notes a failure. At most [`NOTES_MAX`] different ones are kept; of any others only the number.
    pub fn add(&mut self, what: &'static str, reason: String) {
        self.quote(what, reason, None);
    }

    /// Notes a failure, with the place of the guest's text that it is about.
    pub fn quote(&mut self, what: &'static str, reason: String, excerpt: Option<Excerpt>) {
        if !keep(&mut self.kept, what, reason, excerpt) {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Notes a failure of which the guest was told everything: for its author. At most [`NOTES_MAX`] different ones are kept.
    pub fn tell(&mut self, what: &'static str, reason: String, excerpt: Excerpt) {
        keep(&mut self.told, what, reason, Some(excerpt));
    }

    /// The failures of which the guest was told everything.
    pub fn told(&self) -> &[Note] {
        &self.told
    }

    /// The failures that were kept.
    pub fn kept(&self) -> &[Note] {
        &self.kept
    }

    /// How many further ones there were.
    pub fn more(&self) -> u64 {
        self.more
    }
}

/// Adds a note to others unless there are too many. Returns whether it is among them.
fn keep(notes: &mut Vec<Note>, what: &'static str, reason: String, excerpt: Option<Excerpt>) -> bool {
    let reason = cut(reason, NOTE_BYTES_MAX);
    if let Some(same) = notes.iter_mut().find(|note| note.what == what && note.reason == reason) {
        same.count = same.count.saturating_add(1);
        return true;
    }
    let has_room = notes.len() < NOTES_MAX;
    if has_room {
        notes.push(Note { what, reason, excerpt, count: 1 });
    }
    has_room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_over_the_limit_of_a_period_are_counted_and_those_at_it_written() {
        let (reports, now) = (Reports::default(), Instant::now());
        let over = now + Duration::from_millis(REPORT_PERIOD_MS);
        let written = (0..1_000).filter(|_| reports.admit(&"trap", now)).count();
        assert_eq!(written, REPORTS_MAX as usize);
        assert!(reports.admit(&"view", now), "another kind has a period of its own");
        assert!(reports.take_due(now + Duration::from_millis(REPORT_PERIOD_MS - 1), false).is_empty());
        assert_eq!(reports.take_due(over, false), [("trap", 1_000 - u64::from(REPORTS_MAX))]);
        assert!(reports.admit(&"trap", over), "the next period");
        assert!(reports.take_due(over, true).is_empty(), "nothing is counted twice");
    }

    #[test]
    fn repeated_failure_is_one_note_and_different_ones_are_bounded() {
        let mut notes = Notes::default();
        for _ in 0..900 {
            notes.add("it failed", "same".into());
        }
        assert_eq!(notes.kept().iter().map(|note| note.count).collect::<Vec<_>>(), [900]);
        for number in 0..900 {
            notes.add("it failed", number.to_string());
        }
        assert_eq!((notes.kept().len(), notes.more()), (NOTES_MAX, 901 - NOTES_MAX as u64));
    }

    #[test]
    fn excerpt_is_the_part_of_the_line_around_the_place() {
        let of = |text: &str, line, column| {
            let Excerpt { text, column } = Excerpt::of(text, line, column);
            let at = text.chars().nth(column - 1);
            (text, at)
        };
        assert_eq!(of("SELECT 1,\n  é zzz\r\nFROM t", 2, 5), ("  é zzz".to_owned(), Some('z')));
        let long = format!("{}x{}", "é".repeat(500), "y".repeat(500));
        let (text, at) = of(&long, 1, 501);
        assert_eq!((text.chars().count(), at), (EXCERPT_CHARS_MAX, Some('x')));
        // A place behind the text, or in a line that is not there.
        assert_eq!(of("SELECT", 1, 7), ("SELECT".to_owned(), None));
        assert_eq!(Excerpt::of("SELECT", 3, 0), Excerpt { text: String::new(), column: 1 });
    }

    #[test]
    fn what_the_guest_was_told_takes_no_place_of_what_it_was_not() {
        let mut notes = Notes::default();
        for number in 0..100 {
            notes.tell("refused", number.to_string(), Excerpt::of("x", 1, 1));
        }
        notes.add("it failed", String::new());
        assert_eq!((notes.told().len(), notes.kept().len(), notes.more()), (NOTES_MAX, 1, 0));
    }

    #[test]
    fn long_cause_is_cut_at_a_character() {
        let mut notes = Notes::default();
        notes.add("it failed", format!("x{}", "é".repeat(NOTE_BYTES_MAX)));
        let note = notes.kept().first().unwrap();
        assert_eq!(note.reason.len(), NOTE_BYTES_MAX - 1);
        assert_eq!((cut("é".into(), 1), cut("é".into(), 2)), (String::new(), "é".to_owned()));
    }
}
