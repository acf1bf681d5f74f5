//! The counters of one plugin.

use super::{Durations, Labels, Metrics, Seconds};
use crate::error::CallError;
use palisade_guard::kind::Kind;
use palisade_guard::limits::Limit;
use palisade_guard::name::PluginName;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How an invocation ended. The label `outcome` has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The guest answered.
    Answered,
    /// The guest answered with its own `err`.
    Error,
    /// The guest trapped.
    Trap,
    /// What the guest passed or returned in one call was too large.
    TooLarge,
    /// A limit ended it.
    Limit,
    /// An operator disabled the plugin while it ran.
    Disabled,
    /// It lost a race, or needs a transaction, and runs again.
    Again,
    /// The host, its database or a store failed.
    Failed,
    /// The caller dropped the call before its end.
    Cancelled,
}

impl Ending {
    const ALL: [Self; 9] = [
        Self::Answered,
        Self::Error,
        Self::Trap,
        Self::TooLarge,
        Self::Limit,
        Self::Disabled,
        Self::Again,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The ending for a reply that was accepted or not.
    pub(crate) fn of<T>(reply: &Result<T, CallError>) -> Self {
        match reply {
            Ok(_) => Self::Answered,
            Err(CallError::Returned(_) | CallError::Refused { .. }) => Self::Error,
            Err(CallError::Trapped { .. }) => Self::Trap,
            Err(CallError::Oversized { .. }) => Self::TooLarge,
            Err(CallError::LimitExceeded { usage, .. }) if usage.limit.is_of_an_argument() => Self::TooLarge,
            Err(CallError::LimitExceeded { .. }) => Self::Limit,
            Err(CallError::Disabled { .. }) => Self::Disabled,
            Err(_) => Self::Failed,
        }
    }

    /// The name that the label has.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Error => "error",
            Self::Trap => "trap",
            Self::TooLarge => "too-large",
            Self::Limit => "limit",
            Self::Disabled => "disabled",
            Self::Again => "again",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The counters of one plugin. Adding to them takes no lock and allocates nothing.
#[derive(Debug)]
pub(crate) struct Tally {
    kinds: Vec<(Kind, ByKind)>,
    /// In the order of [`Limit::ALL`].
    limits: Vec<ByLimit>,
    processor: Seconds,
    processor_waits: Seconds,
    turned_away: Counter,
    waits: Durations,
    overloads: Counter,
    retries: Counter,
}

#[derive(Debug)]
struct ByKind {
    /// In the order of [`Ending::ALL`].
    endings: [Counter; Ending::ALL.len()],
    durations: Durations,
}

#[derive(Debug)]
struct ByLimit {
    used: Counter,
    hits: Counter,
    warnings: Counter,
}

/// A running invocation. If it is dropped without [`end`](Self::end), it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Count<'a> {
    of: Option<&'a ByKind>,
    began: Instant,
    /// When it ended, unless it is cancelled now.
    ended: Option<Instant>,
    ending: Ending,
}

impl Tally {
    pub(super) fn new(metrics: &Metrics, plugin: &PluginName, kinds: &BTreeSet<Kind>) -> Self {
        let labels = |more: &[(&'static str, &str)]| -> Labels {
            let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
            [("plugin", plugin.to_string())].into_iter().chain(more).collect()
        };
        let counter = |family: &Family<Labels, Counter>, more: &[(&'static str, &str)]| {
            family.get_or_create_owned(&labels(more))
        };
        let by_kind = |kind: &Kind| {
            let name = kind.to_string();
            let endings = Ending::ALL
                .map(|ending| counter(&metrics.invocations, &[("kind", &name), ("outcome", ending.name())]));
            let durations = metrics.durations.get_or_create_owned(&labels(&[("kind", &name)]));
            (*kind, ByKind { endings, durations })
        };
        let by_limit = |limit: &Limit| {
            let labels = [("limit", limit.name())];
            ByLimit {
                used: counter(&metrics.used, &labels),
                hits: counter(&metrics.hits, &labels),
                warnings: counter(&metrics.warnings, &labels),
            }
        };
        Self {
            kinds: kinds.iter().map(by_kind).collect(),
            limits: Limit::ALL.iter().map(by_limit).collect(),
            processor: metrics.processor.get_or_create_owned(&labels(&[])),
            processor_waits: metrics.processor_waits.get_or_create_owned(&labels(&[])),
            turned_away: counter(&metrics.turned_away, &[]),
            waits: metrics.waits.get_or_create_owned(&labels(&[])),
            overloads: counter(&metrics.overloads, &[]),
            retries: counter(&metrics.retries, &[]),
        }
    }

    /// Starts to count an invocation that begins now.
    pub(crate) fn begin(&self, kind: Kind, now: Instant) -> Count<'_> {
        let of = self.kinds.iter().find(|(other, _)| *other == kind).map(|(_, of)| of);
        Count { of, began: now, ended: None, ending: Ending::Cancelled }
    }

    /// Counts processor time that an invocation, or what the host does for it before and after, used.
    pub(crate) fn processed(&self, used: Duration) {
        self.processor.inc_by(used.as_secs_f64());
    }

    /// Counts how long an invocation waited for a processor.
    pub(crate) fn waited_for_processor(&self, wait: Duration) {
        if !wait.is_zero() {
            self.processor_waits.inc_by(wait.as_secs_f64());
        }
    }

    /// Counts a call that is rejected because the plugin is quarantined or disabled.
    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// Counts how long a call waited for a permit, whether or not it got one.
    pub(crate) fn waited(&self, wait: Duration) {
        self.waits.add(wait);
    }

    /// Counts a call that got no permit.
    pub(crate) fn overloaded(&self) {
        self.overloads.inc();
    }

    /// Counts a run that lost a serialization race.
    pub(crate) fn lost_race(&self) {
        self.retries.inc();
    }

    /// Counts what an invocation used of a limit.
    pub(crate) fn used(&self, limit: Limit, amount: u64) {
        if let Some(of) = self.limits.get(limit as usize) {
            of.used.inc_by(amount);
        }
    }

    /// Counts an invocation that came near to a limit.
    pub(crate) fn warned(&self, limit: Limit) {
        if let Some(of) = self.limits.get(limit as usize) {
            of.warnings.inc();
        }
    }

    /// Counts an invocation that hit a limit.
    pub(crate) fn hit_limit(&self, limit: Limit) {
        if let Some(of) = self.limits.get(limit as usize) {
            of.hits.inc();
        }
    }
}

impl Count<'_> {
    /// Ends the invocation, as of then.
    pub(crate) fn end(mut self, ending: Ending, ended: Instant) {
        (self.ending, self.ended) = (ending, Some(ended));
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        let Some(of) = self.of else { return };
        of.durations.add(self.ended.unwrap_or_else(Instant::now).duration_since(self.began));
        if let Some(counter) = of.endings.get(self.ending as usize) {
            counter.inc();
        }
    }
}
