//! The pulse: when the server answered, and when it was silent. Nobody is to blame for what fails while it is silent.
//!
//! It is pure: the time is an argument. [`super::watch`] asks the server and reports here.

use palisade_guard::limits::SILENCE_MS;
use std::time::{Duration, Instant};

/// What is known about the server's answers.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// When the server was asked a question that it has not answered.
    asked: Option<Instant>,
    /// When the last silence ended.
    silent_until: Option<Instant>,
}

impl Pulse {
    /// The server is asked something.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// The server has answered.
    pub(super) fn answer(&mut self, now: Instant) {
        if self.is_silent(now) {
            self.silent_until = Some(now);
        }
        self.asked = None;
    }

    /// Whether the server has owed an answer for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        let silence = Duration::from_millis(SILENCE_MS);
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) >= silence)
    }

    /// Whether the server was silent at some time since then.
    pub(super) fn was_silent(&self, since: Instant, now: Instant) -> bool {
        self.is_silent(now) || self.silent_until.is_some_and(|until| until >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_an_answer_that_comes_late_or_never() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pulse = Pulse::default();
        assert!(!pulse.was_silent(start, at(99_999)), "nothing was asked");
        pulse.ask(at(0));
        assert!(!pulse.is_silent(at(SILENCE_MS - 1)));
        pulse.answer(at(SILENCE_MS - 1));
        assert!(!pulse.was_silent(start, at(5_000)), "the answer was in time");
        pulse.ask(at(10_000));
        pulse.ask(at(10_500));
        assert!(pulse.is_silent(at(10_000 + SILENCE_MS)), "the first question counts");
        pulse.answer(at(20_000));
        assert!(!pulse.is_silent(at(20_001)));
        for (since, expected) in [(9_000, true), (15_000, true), (20_000, true), (20_001, false)] {
            assert_eq!(pulse.was_silent(at(since), at(30_000)), expected, "{since}");
        }
    }
}
