//! The circuit breaker of one entry of a plugin, for one [`Crowd`] of callers: what its latest invocations show decides
//! whether it is served.
//!
//! The rule. An entry is a function or a tap, and each has a breaker of its own, so that the traps of one never take down
//! another. Each entry has two: what anonymous callers cause never takes the entry from callers who are known. A failure
//! counts once for each [`Cause`], which is who or what brought it about: the author of the item that a tap was asked about,
//! the user who calls, or the arguments if the caller has no name. So one item, one user and one repeated request can never
//! quarantine anything, however often they fail. An entry is quarantined when [`BREAKER_FAILURES`] causes have failed since
//! it last answered, and it has answered nobody for [`BREAKER_ANSWER_MS`]: an entry that still answers somebody is served.
//!
//! After the quarantine the entry is half-open: a few invocations at once probe it, each with another cause. The first answer
//! ends the quarantine. It begins again, for twice as long, when [`PROBE_FAILURES`] causes have failed, or when one has and
//! nobody was answered for [`PROBE_MS`]. A probe that runs for longer than that makes room for another.
//!
//! The breaker is pure: the time is an argument. Each change of phase begins a generation, and evidence of an invocation from
//! an earlier one is ignored. Not here: which failures count, which [`Evidence::of`](super::Evidence::of) decides. Callers
//! without a name cannot be told apart, so who varies the arguments can quarantine an entry for anonymous callers that
//! answers none of them; the server limits what one peer sends.

use palisade_guard::caller::Caller;
use palisade_guard::limits::{
    BREAKER_ANSWER_MS, BREAKER_FAILURES, BREAKER_RECOVERY_ANSWERS, Limit, PROBE_FAILURES, PROBE_MS,
    PROBES_MAX, QUARANTINE_MAX_MS, QUARANTINE_MS,
};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// How a guest failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestFailure {
    Trap,
    Limit(Limit),
}

/// What one invocation says about its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The guest answered, possibly with an `err`.
    Answered,
    /// The guest failed, and it alone is to blame.
    Failed(GuestFailure),
    /// The invocation says nothing about the guest.
    Neither,
}

/// Which callers an invocation's evidence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// Callers without a name: anybody.
    Anonymous,
    /// Users, and the program that embeds the host.
    Known,
}

/// Who or what brought an invocation about, as a hash. Two invocations of one cause fail alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause(pub(crate) u64);

/// Why an entry is quarantined, in the host's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Failures { last: GuestFailure },
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
    /// Whether this invocation found that the time of the probes is over, which has quarantined the entry again.
    pub(super) is_new: bool,
}

/// A change of phase that an invocation's evidence caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Quarantined(Reason, Duration),
    ProbeFailed(Reason, Duration),
    ProbeAnswered,
}

/// The breaker of one entry, for one crowd.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    phase: Phase,
    /// How often the quarantine has doubled.
    doublings: u32,
    /// Answers since the last quarantine, up to [`BREAKER_RECOVERY_ANSWERS`].
    answers: u32,
    /// When the entry last answered.
    answered: Option<Instant>,
    generation: Generation,
}

/// Whether the entry is served.
#[derive(Debug)]
pub(super) enum Phase {
    /// The causes that failed since the last answer.
    Serving {
        failed: Vec<Cause>,
    },
    Quarantined {
        reason: Reason,
        since: SystemTime,
        until: Instant,
    },
    HalfOpen {
        reason: Reason,
        since: SystemTime,
        probes: Probes,
    },
}

/// The invocations that probe a half-open entry.
#[derive(Debug)]
pub(super) struct Probes {
    began: Instant,
    running: Vec<(Cause, Instant)>,
    failed: Vec<Cause>,
    last: Option<GuestFailure>,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Serving { failed: Vec::new() }
    }
}

impl Breaker {
    /// Checks whether an invocation could be admitted, whatever its cause. Changes nothing.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        match &self.phase {
            Phase::Quarantined { reason, until, .. } if now < *until => {
                Err(Wait { reason: *reason, retry: until.saturating_duration_since(now), is_new: false })
            }
            Phase::HalfOpen { reason, probes, .. } if probes.young(now) >= PROBES_MAX => Err(wait(*reason)),
            _ => Ok(()),
        }
    }

    /// Admits or rejects an invocation. Those that are admitted after a quarantine are probes.
    pub(super) fn enter(&mut self, cause: &dyn Fn() -> Cause, now: Instant) -> Result<Generation, Wait> {
        self.check(now)?;
        if let Phase::Quarantined { reason, since, .. } = self.phase {
            let probes = Probes { began: now, running: Vec::new(), failed: Vec::new(), last: None };
            self.turn(Phase::HalfOpen { reason, since, probes });
        }
        if let Phase::HalfOpen { reason, probes, .. } = &mut self.phase {
            if let (Some(last), true) = (probes.last, probes.are_over(now)) {
                let reason = Reason::Probe(last);
                let retry = self.quarantine(reason, now);
                return Err(Wait { reason, retry, is_new: true });
            }
            let cause = cause();
            if probes.has(cause, now) {
                return Err(wait(*reason));
            }
            probes.running.push((cause, now));
        }
        Ok(self.generation)
    }

    /// Takes the evidence of an invocation that entered in this generation.
    pub(super) fn settle(
        &mut self,
        entered: Generation,
        cause: &dyn Fn() -> Cause,
        evidence: Evidence,
        now: Instant,
    ) -> Option<Transition> {
        if entered != self.generation {
            return None;
        }
        match (&mut self.phase, evidence) {
            (Phase::Serving { failed }, Evidence::Answered) => {
                failed.clear();
                self.answered = Some(now);
                self.recover();
                None
            }
            (Phase::Serving { failed }, Evidence::Failed(last)) => {
                let cause = cause();
                if failed.len() < BREAKER_FAILURES as usize && !failed.contains(&cause) {
                    failed.push(cause);
                }
                let is_over = failed.len() >= BREAKER_FAILURES as usize;
                if !is_over || self.answers_at(now) {
                    return None;
                }
                let reason = Reason::Failures { last };
                Some(Transition::Quarantined(reason, self.quarantine(reason, now)))
            }
            (Phase::HalfOpen { .. }, Evidence::Answered) => {
                self.turn(Phase::default());
                (self.answered, self.answers) = (Some(now), 0);
                Some(Transition::ProbeAnswered)
            }
            (Phase::HalfOpen { probes, .. }, Evidence::Failed(last)) => {
                probes.fail(cause(), last);
                if probes.failed.len() < PROBE_FAILURES && !probes.are_over(now) {
                    return None;
                }
                let reason = Reason::Probe(last);
                Some(Transition::ProbeFailed(reason, self.quarantine(reason, now)))
            }
            (Phase::HalfOpen { probes, .. }, Evidence::Neither) => {
                let cause = cause();
                probes.running.retain(|(running, _)| *running != cause);
                None
            }
            (Phase::Serving { .. }, Evidence::Neither) | (Phase::Quarantined { .. }, _) => None,
        }
    }

    /// Lifts a quarantine and resets the breaker. Returns whether the entry was quarantined or half-open.
    pub(super) fn lift(&mut self) -> bool {
        let was_open = !matches!(self.phase, Phase::Serving { .. });
        self.turn(Phase::default());
        self.doublings = 0;
        was_open
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether the entry has answered somebody lately.
    fn answers_at(&self, now: Instant) -> bool {
        let quiet = self.answered.map(|answered| now.saturating_duration_since(answered));
        quiet.is_some_and(|quiet| quiet < Duration::from_millis(BREAKER_ANSWER_MS))
    }

    /// After enough answers, the next quarantine starts at the shortest length again.
    fn recover(&mut self) {
        if self.doublings == 0 {
            return;
        }
        self.answers = self.answers.saturating_add(1);
        if self.answers >= BREAKER_RECOVERY_ANSWERS {
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

impl Probes {
    /// How many probes are running and have not run for long.
    fn young(&self, now: Instant) -> usize {
        self.running.iter().filter(|(_, entered)| is_young(*entered, now)).count()
    }

    /// Whether an invocation of this cause has failed, or is still probing.
    fn has(&mut self, cause: Cause, now: Instant) -> bool {
        self.running.retain(|(_, entered)| is_young(*entered, now));
        self.failed.contains(&cause) || self.running.iter().any(|(running, _)| *running == cause)
    }

    fn fail(&mut self, cause: Cause, last: GuestFailure) {
        self.running.retain(|(running, _)| *running != cause);
        if !self.failed.contains(&cause) {
            self.failed.push(cause);
        }
        self.last = Some(last);
    }

    /// Whether others have had time to be answered.
    fn are_over(&self, now: Instant) -> bool {
        !is_young(self.began, now)
    }
}

fn is_young(entered: Instant, now: Instant) -> bool {
    now.saturating_duration_since(entered) < Duration::from_millis(PROBE_MS)
}

/// How long the probes run is unknown; most likely they end soon.
fn wait(reason: Reason) -> Wait {
    Wait { reason, retry: Duration::from_millis(PROBE_MS), is_new: false }
}

impl Crowd {
    pub(crate) fn of(caller: &Caller) -> Self {
        if matches!(caller, Caller::Anonymous) { Self::Anonymous } else { Self::Known }
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Known => "known",
        })
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
            Self::Failures { last } => {
                write!(
                    f,
                    "{BREAKER_FAILURES} different invocations failed and none was answered, the last one ended with {last}"
                )
            }
            Self::Probe(failure) => {
                write!(f, "the invocations that probed it failed, the last one with {failure}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Evidence = Evidence::Failed(GuestFailure::Trap);

    /// Runs one invocation of this cause, which must be admitted.
    fn run(breaker: &mut Breaker, cause: u64, evidence: Evidence, now: Instant) -> Option<Transition> {
        let cause = move || Cause(cause);
        let entered = breaker.enter(&cause, now).expect("it is admitted");
        breaker.settle(entered, &cause, evidence, now)
    }

    fn failures(breaker: &mut Breaker, now: Instant) -> Vec<Transition> {
        (0..u64::from(BREAKER_FAILURES)).filter_map(|cause| run(breaker, cause, FAILED, now)).collect()
    }

    fn quarantined(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        failures(&mut breaker, now);
        let reason = breaker.check(now).unwrap_err().reason.to_string();
        let expected =
            "10 different invocations failed and none was answered, the last one ended with a trap";
        assert_eq!(reason, expected);
        breaker
    }

    /// A breaker whose quarantine has just ended.
    fn due() -> (Breaker, Instant) {
        let now = Instant::now();
        (quarantined(now), now + Duration::from_millis(QUARANTINE_MS))
    }

    #[test]
    fn failures_of_different_causes_quarantine_at_their_number_and_not_before() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for cause in 1..u64::from(BREAKER_FAILURES) {
            assert_eq!(run(&mut breaker, cause, FAILED, now), None);
        }
        let reason = Reason::Failures { last: GuestFailure::Trap };
        let length = Duration::from_millis(QUARANTINE_MS);
        assert_eq!(run(&mut breaker, 0, FAILED, now), Some(Transition::Quarantined(reason, length)));
        assert_eq!(breaker.enter(&|| Cause(0), now), Err(Wait { reason, retry: length, is_new: false }));
    }

    #[test]
    fn failures_of_one_cause_count_once() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for round in 0..1_000 {
            let cause = round % (u64::from(BREAKER_FAILURES) - 1);
            assert_eq!(run(&mut breaker, cause, FAILED, now), None, "{round}");
        }
    }

    #[test]
    fn entry_that_answers_somebody_is_served_whatever_fails() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for round in 0..1_000 {
            run(&mut breaker, u64::MAX, Evidence::Answered, now);
            now += Duration::from_millis(BREAKER_ANSWER_MS - 1);
            for cause in 0..100 {
                assert_eq!(run(&mut breaker, round * 100 + cause, FAILED, now), None, "{round}");
            }
        }
        now += Duration::from_millis(1);
        assert!(matches!(run(&mut breaker, 0, FAILED, now), Some(Transition::Quarantined(..))));
    }

    #[test]
    fn evidence_of_neither_counts_as_no_failure_and_no_answer() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for cause in 0..1_000 {
            assert_eq!(run(&mut breaker, cause, Evidence::Neither, now), None);
        }
        for left in (0..u64::from(BREAKER_FAILURES)).rev() {
            run(&mut breaker, 0, Evidence::Neither, now);
            assert_eq!(run(&mut breaker, left, FAILED, now).is_some(), left == 0);
        }
    }

    #[test]
    fn half_open_entry_admits_a_few_probes_of_different_causes() {
        let (mut breaker, due) = due();
        let early = due.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(breaker.enter(&|| Cause(0), early).is_err(), "1 ms too early");
        let probes: Vec<Generation> = (0..PROBES_MAX as u64)
            .map(|cause| {
                let probe = breaker.enter(&|| Cause(cause), due).unwrap();
                assert!(breaker.enter(&|| Cause(cause), due).is_err(), "one probe of a cause at a time");
                probe
            })
            .collect();
        assert!(breaker.enter(&|| Cause(99), due).is_err(), "all places are taken");
        assert_eq!(breaker.settle(probes[0], &|| Cause(0), FAILED, due), None, "one failure decides nothing");
        assert!(breaker.enter(&|| Cause(0), due).is_err(), "it has failed");
        let answered = breaker.settle(probes[1], &|| Cause(1), Evidence::Answered, due);
        assert_eq!(answered, Some(Transition::ProbeAnswered));
        assert_eq!(breaker.settle(probes[2], &|| Cause(2), FAILED, due), None, "it is settled already");
        assert!(breaker.enter(&|| Cause(0), due).is_ok());
    }

    #[test]
    fn one_failed_cause_leaves_time_for_others_to_be_answered() {
        let (mut breaker, due) = due();
        assert_eq!(run(&mut breaker, 7, FAILED, due), None);
        let last = due + Duration::from_millis(PROBE_MS - 1);
        assert!(breaker.enter(&|| Cause(7), last).is_err(), "it has failed");
        assert_eq!(run(&mut breaker, 8, Evidence::Answered, last), Some(Transition::ProbeAnswered));

        let (mut breaker, due) = self::due();
        run(&mut breaker, 7, FAILED, due);
        let over = due + Duration::from_millis(PROBE_MS);
        let wait = breaker.enter(&|| Cause(7), over).unwrap_err();
        assert_eq!((wait.retry, wait.is_new), (Duration::from_millis(2 * QUARANTINE_MS), true));
    }

    #[test]
    fn slow_probe_makes_room_for_another_and_may_still_answer() {
        let (mut breaker, due) = due();
        let slow: Vec<Generation> =
            (0..PROBES_MAX as u64).map(|cause| breaker.enter(&|| Cause(cause), due).unwrap()).collect();
        let later = due + Duration::from_millis(PROBE_MS);
        assert!(breaker.enter(&|| Cause(9), later.checked_sub(Duration::from_millis(1)).unwrap()).is_err());
        assert!(breaker.enter(&|| Cause(9), later).is_ok());
        let answered = breaker.settle(slow[0], &|| Cause(0), Evidence::Answered, later);
        assert_eq!(answered, Some(Transition::ProbeAnswered));
    }

    #[test]
    fn probe_without_evidence_is_replaced_by_the_next_invocation() {
        let (mut breaker, due) = due();
        assert_eq!(run(&mut breaker, 1, Evidence::Neither, due), None);
        assert_eq!(run(&mut breaker, 1, Evidence::Answered, due), Some(Transition::ProbeAnswered));
    }

    #[test]
    fn failed_probes_double_the_quarantine_up_to_its_maximum() {
        let mut now = Instant::now();
        let mut breaker = quarantined(now);
        let mut length = QUARANTINE_MS;
        for _ in 0..40 {
            now += Duration::from_millis(length);
            length = (length * 2).min(QUARANTINE_MAX_MS);
            let transitions: Vec<_> = (0..PROBE_FAILURES as u64)
                .filter_map(|cause| run(&mut breaker, cause, FAILED, now))
                .collect();
            let expected =
                Transition::ProbeFailed(Reason::Probe(GuestFailure::Trap), Duration::from_millis(length));
            assert_eq!(transitions, [expected]);
        }
        assert_eq!(length, QUARANTINE_MAX_MS);
    }

    #[test]
    fn quarantine_length_resets_after_enough_answers() {
        let length = |transitions: Vec<Transition>| match transitions[..] {
            [Transition::Quarantined(_, length)] => u64::try_from(length.as_millis()).unwrap(),
            _ => panic!("it is not quarantined: {transitions:?}"),
        };
        let (mut breaker, mut now) = due();
        for (answers, expected) in [(1, 2 * QUARANTINE_MS), (1 + BREAKER_RECOVERY_ANSWERS, QUARANTINE_MS)] {
            for _ in 0..answers {
                run(&mut breaker, 0, Evidence::Answered, now);
            }
            now += Duration::from_millis(BREAKER_ANSWER_MS);
            assert_eq!(length(failures(&mut breaker, now)), expected, "{answers} answers");
            now += Duration::from_millis(expected);
        }
    }

    #[test]
    fn evidence_of_an_earlier_generation_is_ignored() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let early: Vec<Generation> = (0..3).map(|_| breaker.enter(&|| Cause(0), now).unwrap()).collect();
        failures(&mut breaker, now);
        assert_eq!(breaker.settle(early[0], &|| Cause(0), Evidence::Answered, now), None);
        let due = now + Duration::from_millis(QUARANTINE_MS);
        let _probe = breaker.enter(&|| Cause(0), due).unwrap();
        assert_eq!(breaker.settle(early[1], &|| Cause(0), Evidence::Answered, due), None);
        assert!(matches!(breaker.phase(), Phase::HalfOpen { .. }), "the probe is still running");
        assert!(breaker.lift());
        assert_eq!(breaker.settle(early[2], &|| Cause(0), FAILED, due), None);
        assert!(!breaker.lift() && breaker.enter(&|| Cause(0), due).is_ok());
    }
}
