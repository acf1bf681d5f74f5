//! Repeats of an event: a guest that hits a limit a million times must not fill the disk.
//!
//! The first event of a kind becomes an entry at once. Repeats within the next [`AUDIT_REPEAT_MS`] are counted, and one entry
//! with the count is written after that time.

use super::entry::{Event, Note};
use palisade_guard::limits::AUDIT_REPEAT_MS;
use palisade_guard::name::PluginName;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Events with an equal key are repeats of each other. No part of a key is a guest's text, so there are few keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) event: Event,
    pub(super) plugin: PluginName,
    pub(super) what: &'static str,
}

/// Events whose time for repeats is not over.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<Key, Seen>);

#[derive(Debug)]
struct Seen {
    until: Instant,
    /// How often the event was repeated.
    count: u64,
}

impl Repeats {
    /// Whether an event is the first of its kind. If it is a repeat, counts it.
    pub(super) fn is_first(&mut self, key: Key, now: Instant) -> bool {
        if let Some(seen) = self.0.get_mut(&key) {
            seen.count = seen.count.saturating_add(1);
            return false;
        }
        self.0.insert(key, Seen { until: now + Duration::from_millis(AUDIT_REPEAT_MS), count: 0 });
        true
    }

    /// Takes the counts of the events whose time is over, or of all events, as notes to write.
    pub(super) fn take_due(&mut self, now: Instant, all: bool) -> Vec<Note> {
        let due = self.0.extract_if(|_, seen| all || seen.until <= now);
        let notes = due.filter(|(_, seen)| seen.count > 0).map(|(Key { event, plugin, what }, seen)| Note {
            count: seen.count,
            ..Note::new(event, Some(plugin), what.into())
        });
        notes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(plugin: &str, what: &'static str) -> Key {
        Key { event: Event::LimitHit, plugin: PluginName::parse(plugin).unwrap(), what }
    }

    #[test]
    fn repeats_become_one_note_with_their_count_when_their_time_is_over() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        let over = now + Duration::from_millis(AUDIT_REPEAT_MS);
        let early = now + Duration::from_millis(AUDIT_REPEAT_MS - 1);
        assert!(repeats.is_first(key("a", "memory"), now));
        for _ in 0..1_000_000 {
            assert!(!repeats.is_first(key("a", "memory"), now));
        }
        assert!(repeats.take_due(early, false).is_empty());
        let notes = repeats.take_due(over, false);
        assert!(matches!(&notes[..], [note] if note.count == 1_000_000 && note.what == "memory"));
        assert!(repeats.is_first(key("a", "memory"), over), "the next event is an entry again");
    }

    #[test]
    fn single_and_differing_events_are_not_repeats() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        for key in [key("a", "memory"), key("b", "memory"), key("a", "stack")] {
            assert!(repeats.is_first(key, now));
        }
        assert!(repeats.take_due(now, true).is_empty());
    }
}
