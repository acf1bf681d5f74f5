//! The breaker of one plugin: whether it is served, from what became of its latest invocations.
//!
//! Serving → quarantined → half-open, in which one invocation is let through as a probe, → serving, or quarantined for twice
//! as long. Pure: it is told the time. Each change of state begins a generation, and an invocation that began in an
//! earlier one says nothing any more. Not here: which failures count, which is [`Evidence::of`](super::Evidence::of)'s to say.

use palisade_guard::limits::{BREAKER_FAILURES, BREAKER_WINDOW, Limit, QUARANTINE_MAX_MS, QUARANTINE_MS};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// What a plugin did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestFailure {
    Trap,
    Limit(Limit),
}

/// What became of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The guest answered, be it with an `err`.
    Answered,
    /// The guest failed, and nobody else is to blame.
    Failed(GuestFailure),
    /// It says nothing about the guest.
    Neither,
}

/// Why a plugin is quarantined, in the host's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Window { failures: u32, of: u32, last: GuestFailure },
    Probe(GuestFailure),
}

/// An invocation that is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    generation: u64,
}

/// An invocation that is not, and when it is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) reason: Reason,
    pub(super) retry: Duration,
}

/// What settling an outcome changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Quarantined(Reason, Duration),
    ProbeFailed(Reason, Duration),
    ProbeAnswered,
}

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    phase: Phase,
    /// How often the quarantine has doubled.
    doublings: u32,
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    Serving(Window),
    Quarantined { reason: Reason, since: SystemTime, until: Instant },
    HalfOpen { reason: Reason, since: SystemTime },
}

/// The latest outcomes, a bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    failed: u32,
    len: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { phase: Phase::Serving(Window::default()), doublings: 0, generation: 0 }
    }
}

impl Breaker {
    /// Whether an invocation would be let through; changes nothing.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        match self.phase {
            Phase::Quarantined { reason, until, .. } if now < until => {
                Err(Wait { reason, retry: until.saturating_duration_since(now) })
            }
            // How long the probe takes is its own matter; that it is soon over, the likeliest.
            Phase::HalfOpen { reason, .. } => {
                Err(Wait { reason, retry: Duration::from_millis(QUARANTINE_MS) })
            }
            Phase::Serving(_) | Phase::Quarantined { .. } => Ok(()),
        }
    }

    /// Lets an invocation through, or not. The first one after a quarantine is the probe.
    pub(super) fn enter(&mut self, now: Instant) -> Result<Generation, Wait> {
        self.check(now)?;
        if let Phase::Quarantined { reason, since, .. } = self.phase {
            self.turn(Phase::HalfOpen { reason, since });
        }
        Ok(Generation { generation: self.generation })
    }

    /// What became of an invocation that was let through.
    pub(super) fn settle(&mut self, pass: Generation, outcome: Evidence, now: Instant) -> Option<Transition> {
        if pass.generation != self.generation {
            return None;
        }
        match (&mut self.phase, outcome) {
            (Phase::Serving(window), Evidence::Answered) => {
                window.push(false);
                self.recover();
                None
            }
            (Phase::Serving(window), Evidence::Failed(last)) => {
                window.push(true);
                let (failures, of) = (window.failures(), window.len);
                if failures < BREAKER_FAILURES {
                    self.recover();
                    return None;
                }
                let reason = Reason::Window { failures, of, last };
                Some(Transition::Quarantined(reason, self.quarantine(reason, now)))
            }
            (Phase::HalfOpen { .. }, Evidence::Answered) => {
                self.turn(Phase::Serving(Window::default()));
                Some(Transition::ProbeAnswered)
            }
            (Phase::HalfOpen { .. }, Evidence::Failed(last)) => {
                let reason = Reason::Probe(last);
                Some(Transition::ProbeFailed(reason, self.quarantine(reason, now)))
            }
            // A probe that says nothing is no probe: the next one is.
            (Phase::HalfOpen { reason, since }, Evidence::Neither) => {
                let (reason, since) = (*reason, *since);
                self.turn(Phase::Quarantined { reason, since, until: now });
                None
            }
            (Phase::Serving(_), Evidence::Neither) | (Phase::Quarantined { .. }, _) => None,
        }
    }

    /// Serves again, as if nothing had been; whether there was anything to lift.
    pub(super) fn lift(&mut self) -> bool {
        let was_open = !matches!(self.phase, Phase::Serving(_));
        self.turn(Phase::Serving(Window::default()));
        self.doublings = 0;
        was_open
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// A whole window without a quarantine: the next one begins short again.
    fn recover(&mut self) {
        if matches!(self.phase, Phase::Serving(window) if window.len == BREAKER_WINDOW) {
            self.doublings = 0;
        }
    }

    fn quarantine(&mut self, reason: Reason, now: Instant) -> Duration {
        let factor = 1_u64.checked_shl(self.doublings).unwrap_or(u64::MAX);
        let length = Duration::from_millis(QUARANTINE_MS.saturating_mul(factor).min(QUARANTINE_MAX_MS));
        self.doublings = self.doublings.saturating_add(1);
        self.turn(Phase::Quarantined { reason, since: SystemTime::now(), until: now + length });
        length
    }

    fn turn(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Window {
    fn push(&mut self, is_failure: bool) {
        let mask = u32::MAX.checked_shr(u32::BITS.saturating_sub(BREAKER_WINDOW)).unwrap_or(u32::MAX);
        self.failed = self.failed.wrapping_shl(1).wrapping_add(u32::from(is_failure)) & mask;
        self.len = self.len.saturating_add(1).min(BREAKER_WINDOW);
    }

    fn failures(self) -> u32 {
        self.failed.count_ones()
    }
}

impl fmt::Display for GuestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap => f.write_str("a trap"),
            Self::Limit(limit) => write!(f, "limit `{limit}`"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { failures, of, last } => {
                write!(f, "{failures} of its latest {of} invocations failed, the last one with {last}")
            }
            Self::Probe(fault) => write!(f, "the invocation that probed it failed with {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Evidence = Evidence::Failed(GuestFailure::Trap);

    /// Runs one invocation, which must be let through.
    fn run(breaker: &mut Breaker, outcome: Evidence, now: Instant) -> Option<Transition> {
        let pass = breaker.enter(now).expect("it is let through");
        breaker.settle(pass, outcome, now)
    }

    fn quarantined(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..BREAKER_FAILURES {
            run(&mut breaker, FAILED, now);
        }
        let reason = breaker.check(now).unwrap_err().reason.to_string();
        let number = BREAKER_FAILURES;
        let expected =
            format!("{number} of its latest {number} invocations failed, the last one with a trap");
        assert_eq!(reason, expected);
        breaker
    }

    #[test]
    fn failures_quarantine_at_their_number_and_not_before() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..BREAKER_FAILURES {
            assert_eq!(run(&mut breaker, FAILED, now), None);
        }
        let reason =
            Reason::Window { failures: BREAKER_FAILURES, of: BREAKER_FAILURES, last: GuestFailure::Trap };
        let length = Duration::from_millis(QUARANTINE_MS);
        assert_eq!(run(&mut breaker, FAILED, now), Some(Transition::Quarantined(reason, length)));
        assert_eq!(breaker.enter(now), Err(Wait { reason, retry: length }));
    }

    #[test]
    fn failures_among_more_answers_than_failures_keep_it_serving_for_ever() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for round in 0..1_000 {
            for outcome in [Evidence::Answered, FAILED, Evidence::Answered] {
                assert_eq!(run(&mut breaker, outcome, now), None, "{round}");
            }
        }
    }

    #[test]
    fn outcome_that_says_nothing_neither_fails_nor_dilutes() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(run(&mut breaker, Evidence::Neither, now), None);
        }
        for left in (0..BREAKER_FAILURES).rev() {
            run(&mut breaker, Evidence::Neither, now);
            assert_eq!(run(&mut breaker, FAILED, now).is_some(), left == 0);
        }
    }

    #[test]
    fn half_open_lets_one_through_and_no_other_until_it_is_settled() {
        let now = Instant::now();
        let mut breaker = quarantined(now);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let early = now + Duration::from_millis(QUARANTINE_MS - 1);
        assert!(breaker.enter(early).is_err(), "a moment too early");
        let probe = breaker.enter(due).unwrap();
        for _ in 0..3 {
            assert!(breaker.enter(due).is_err());
        }
        assert_eq!(breaker.settle(probe, Evidence::Answered, due), Some(Transition::ProbeAnswered));
        assert!(breaker.enter(due).is_ok());
    }

    #[test]
    fn probe_that_says_nothing_makes_place_for_the_next_one() {
        let now = Instant::now();
        let mut breaker = quarantined(now);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let probe = breaker.enter(due).unwrap();
        assert_eq!(breaker.settle(probe, Evidence::Neither, due), None);
        let next = breaker.enter(due).unwrap();
        assert_eq!(breaker.settle(probe, FAILED, due), None, "it was settled once");
        assert_eq!(breaker.settle(next, Evidence::Answered, due), Some(Transition::ProbeAnswered));
    }

    #[test]
    fn probes_that_fail_double_the_quarantine_up_to_its_longest() {
        let mut now = Instant::now();
        let mut breaker = quarantined(now);
        let mut length = QUARANTINE_MS;
        for _ in 0..40 {
            now += Duration::from_millis(length);
            length = (length * 2).min(QUARANTINE_MAX_MS);
            let change = run(&mut breaker, FAILED, now);
            let expected =
                Transition::ProbeFailed(Reason::Probe(GuestFailure::Trap), Duration::from_millis(length));
            assert_eq!(change, Some(expected));
        }
        assert_eq!(length, QUARANTINE_MAX_MS);
    }

    #[test]
    fn quarantine_after_a_good_probe_is_longer_until_a_whole_window_was_good() {
        let mut now = Instant::now();
        let mut breaker = quarantined(now);
        now += Duration::from_millis(QUARANTINE_MS);
        run(&mut breaker, Evidence::Answered, now);
        let changes: Vec<_> = (0..BREAKER_FAILURES).filter_map(|_| run(&mut breaker, FAILED, now)).collect();
        assert!(matches!(changes[..], [Transition::Quarantined(_, length)] if length.as_millis() == 2_000));
        now += Duration::from_millis(2 * QUARANTINE_MS);
        for _ in 0..=BREAKER_WINDOW {
            run(&mut breaker, Evidence::Answered, now);
        }
        let changes: Vec<_> = (0..BREAKER_FAILURES).filter_map(|_| run(&mut breaker, FAILED, now)).collect();
        assert!(matches!(changes[..], [Transition::Quarantined(_, length)] if length.as_millis() == 1_000));
    }

    #[test]
    fn invocation_of_an_earlier_generation_says_nothing() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let early: Vec<Generation> = (0..3).map(|_| breaker.enter(now).unwrap()).collect();
        for _ in 0..BREAKER_FAILURES {
            run(&mut breaker, FAILED, now);
        }
        assert_eq!(breaker.settle(early[0], Evidence::Answered, now), None);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let _probe = breaker.enter(due).unwrap();
        assert_eq!(breaker.settle(early[1], Evidence::Answered, due), None);
        assert!(breaker.enter(due).is_err(), "the probe is still out");
        assert!(breaker.lift());
        assert_eq!(breaker.settle(early[2], FAILED, due), None);
        assert!(!breaker.lift() && breaker.enter(due).is_ok());
    }
}
