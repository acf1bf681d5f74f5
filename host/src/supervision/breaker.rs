//! The circuit breaker of one plugin: the evidence of its latest invocations decides whether it is served.
//!
//! The phases are serving → quarantined → half-open, in which one invocation is admitted as a probe, → serving, or quarantined
//! again for twice as long. The breaker is pure: the time is an argument. Each change of phase begins a generation, and
//! evidence of an invocation from an earlier generation is ignored. Not here: which failures count, which
//! [`Evidence::of`](super::Evidence::of) decides.

use palisade_guard::limits::{BREAKER_FAILURES, BREAKER_WINDOW, Limit, QUARANTINE_MAX_MS, QUARANTINE_MS};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// How a guest failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestFailure {
    Trap,
    Limit(Limit),
}

/// What one invocation says about its plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The guest answered, possibly with an `err`.
    Answered,
    /// The guest failed, and it alone is to blame.
    Failed(GuestFailure),
    /// The invocation says nothing about the guest.
    Neither,
}

/// Why a plugin is quarantined, in the host's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Window { failures: u32, of: u32, last: GuestFailure },
    Probe(GuestFailure),
}

/// The number of the breaker's phase. An admitted invocation keeps the one in which it entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// Why an invocation is rejected, and how long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) reason: Reason,
    pub(super) retry: Duration,
}

/// A change of phase that an invocation's evidence caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Quarantined(Reason, Duration),
    ProbeFailed(Reason, Duration),
    ProbeAnswered,
}

/// The breaker of one plugin.
#[derive(Debug)]
pub(super) struct Breaker {
    phase: Phase,
    /// How often the quarantine has doubled.
    doublings: u32,
    generation: Generation,
}

/// Whether the plugin is served.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    Serving(Window),
    Quarantined { reason: Reason, since: SystemTime, until: Instant },
    HalfOpen { reason: Reason, since: SystemTime },
}

/// The evidence of the latest invocations: one bit each, 1 for a failure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    failed: u32,
    len: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { phase: Phase::Serving(Window::default()), doublings: 0, generation: Generation::default() }
    }
}

impl Breaker {
    /// Checks whether an invocation would be admitted. Changes nothing.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        match self.phase {
            Phase::Quarantined { reason, until, .. } if now < until => {
                Err(Wait { reason, retry: until.saturating_duration_since(now) })
            }
            // How long the probe runs is unknown; most likely it ends soon.
            Phase::HalfOpen { reason, .. } => {
                Err(Wait { reason, retry: Duration::from_millis(QUARANTINE_MS) })
            }
            Phase::Serving(_) | Phase::Quarantined { .. } => Ok(()),
        }
    }

    /// Admits or rejects an invocation. The first one that is admitted after a quarantine is the probe.
    pub(super) fn enter(&mut self, now: Instant) -> Result<Generation, Wait> {
        self.check(now)?;
        if let Phase::Quarantined { reason, since, .. } = self.phase {
            self.turn(Phase::HalfOpen { reason, since });
        }
        Ok(self.generation)
    }

    /// Takes the evidence of an invocation that entered in this generation.
    pub(super) fn settle(
        &mut self,
        entered: Generation,
        evidence: Evidence,
        now: Instant,
    ) -> Option<Transition> {
        if entered != self.generation {
            return None;
        }
        match (&mut self.phase, evidence) {
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
            // The probe says nothing about the plugin, so the next invocation is the probe.
            (Phase::HalfOpen { reason, since }, Evidence::Neither) => {
                let (reason, since) = (*reason, *since);
                self.turn(Phase::Quarantined { reason, since, until: now });
                None
            }
            (Phase::Serving(_), Evidence::Neither) | (Phase::Quarantined { .. }, _) => None,
        }
    }

    /// Lifts a quarantine and resets the breaker. Returns whether the plugin was quarantined or half-open.
    pub(super) fn lift(&mut self) -> bool {
        let was_open = !matches!(self.phase, Phase::Serving(_));
        self.turn(Phase::Serving(Window::default()));
        self.doublings = 0;
        was_open
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// After a whole window without a quarantine, the next quarantine starts at the shortest length again.
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
        self.generation = Generation(self.generation.0.wrapping_add(1));
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
            Self::Probe(failure) => write!(f, "the invocation that probed it failed with {failure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Evidence = Evidence::Failed(GuestFailure::Trap);

    /// Runs one invocation, which must be admitted.
    fn run(breaker: &mut Breaker, evidence: Evidence, now: Instant) -> Option<Transition> {
        let entered = breaker.enter(now).expect("it is admitted");
        breaker.settle(entered, evidence, now)
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
    fn plugin_is_quarantined_at_the_number_of_failures_and_not_before() {
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
    fn plugin_with_twice_as_many_answers_as_failures_stays_served() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for round in 0..1_000 {
            for evidence in [Evidence::Answered, FAILED, Evidence::Answered] {
                assert_eq!(run(&mut breaker, evidence, now), None, "{round}");
            }
        }
    }

    #[test]
    fn evidence_of_neither_counts_as_no_failure_and_no_answer() {
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
    fn half_open_breaker_admits_one_invocation_until_it_is_settled() {
        let now = Instant::now();
        let mut breaker = quarantined(now);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let early = now + Duration::from_millis(QUARANTINE_MS - 1);
        assert!(breaker.enter(early).is_err(), "1 ms too early");
        let probe = breaker.enter(due).unwrap();
        for _ in 0..3 {
            assert!(breaker.enter(due).is_err());
        }
        assert_eq!(breaker.settle(probe, Evidence::Answered, due), Some(Transition::ProbeAnswered));
        assert!(breaker.enter(due).is_ok());
    }

    #[test]
    fn probe_without_evidence_is_replaced_by_the_next_invocation() {
        let now = Instant::now();
        let mut breaker = quarantined(now);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let probe = breaker.enter(due).unwrap();
        assert_eq!(breaker.settle(probe, Evidence::Neither, due), None);
        let next = breaker.enter(due).unwrap();
        assert_eq!(breaker.settle(probe, FAILED, due), None, "it is settled already");
        assert_eq!(breaker.settle(next, Evidence::Answered, due), Some(Transition::ProbeAnswered));
    }

    #[test]
    fn failed_probes_double_the_quarantine_up_to_its_maximum() {
        let mut now = Instant::now();
        let mut breaker = quarantined(now);
        let mut length = QUARANTINE_MS;
        for _ in 0..40 {
            now += Duration::from_millis(length);
            length = (length * 2).min(QUARANTINE_MAX_MS);
            let transition = run(&mut breaker, FAILED, now);
            let expected =
                Transition::ProbeFailed(Reason::Probe(GuestFailure::Trap), Duration::from_millis(length));
            assert_eq!(transition, Some(expected));
        }
        assert_eq!(length, QUARANTINE_MAX_MS);
    }

    #[test]
    fn quarantine_length_resets_after_a_whole_window_without_a_quarantine() {
        let mut now = Instant::now();
        let mut breaker = quarantined(now);
        now += Duration::from_millis(QUARANTINE_MS);
        run(&mut breaker, Evidence::Answered, now);
        let transitions: Vec<_> =
            (0..BREAKER_FAILURES).filter_map(|_| run(&mut breaker, FAILED, now)).collect();
        assert!(
            matches!(transitions[..], [Transition::Quarantined(_, length)] if length.as_millis() == 2_000)
        );
        now += Duration::from_millis(2 * QUARANTINE_MS);
        for _ in 0..=BREAKER_WINDOW {
            run(&mut breaker, Evidence::Answered, now);
        }
        let transitions: Vec<_> =
            (0..BREAKER_FAILURES).filter_map(|_| run(&mut breaker, FAILED, now)).collect();
        assert!(
            matches!(transitions[..], [Transition::Quarantined(_, length)] if length.as_millis() == 1_000)
        );
    }

    #[test]
    fn evidence_of_an_earlier_generation_is_ignored() {
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
        assert!(breaker.enter(due).is_err(), "the probe is still running");
        assert!(breaker.lift());
        assert_eq!(breaker.settle(early[2], FAILED, due), None);
        assert!(!breaker.lift() && breaker.enter(due).is_ok());
    }
}
