//! The availability of one plugin: the breakers of its entries, and the switch with which operators disable all of it.
//!
//! Every invocation [enters](Availability::enter) here and keeps its [`Pass`] until it ends. All versions of a plugin share one
//! availability, so disabling also reaches the calls of a version that is being replaced. The lock is held for a few
//! instructions and never across an await.

use super::Evidence;
use super::breaker::{self, Breaker, Cause, Crowd, Phase, Reason, Transition, Wait};
use super::status::{EntryStatus, ServingStatus};
use crate::audit::{Audit, Event};
use crate::error::CallError;
use palisade_guard::limits::{Limit, QUARANTINE_MS};
use palisade_guard::name::PluginName;
use palisade_guard::reports::Reports;
use palisade_store::postgres::failure::spent;
use palisade_store::postgres::pool::Pool;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;

/// Whether one plugin is served, and why not.
#[derive(Debug)]
pub(crate) struct Availability {
    name: PluginName,
    audit: Audit,
    reports: Reports<&'static str>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The entries by name. Programs determine the names, and a caller cannot add one.
    entries: HashMap<String, Place>,
    breakers: Vec<Breakers>,
    switch: LocalSwitch,
    /// Why and since when the current version does not fit its tables, which have changed.
    misfit: Option<Off>,
    /// The connections of the plugin's current version.
    pool: Weak<Pool>,
    /// Since when all of them are held by backends that run on.
    spent: Option<SystemTime>,
}

/// Where the breakers of an entry are.
#[derive(Clone, Copy, Debug)]
struct Place(usize);

/// The breakers of one entry.
#[derive(Debug, Default)]
struct Breakers {
    anonymous: Breaker,
    known: Breaker,
}

/// What an invocation enters, and what brought it about.
#[derive(Clone, Copy)]
pub(crate) struct Visit<'a> {
    /// The function's path, or the tap's interface.
    pub(crate) entry: &'a str,
    pub(crate) crowd: Crowd,
    /// Asked for only after failures.
    pub(crate) cause: &'a (dyn Fn() -> Cause + Send + Sync),
}

/// The operators' switch for the plugin, as this host knows it.
#[derive(Debug, Default)]
struct LocalSwitch {
    off: Option<Off>,
    /// Cancelled when the plugin is disabled, which cuts off all running invocations. Enabling replaces it.
    isolated: CancellationToken,
    /// The revision of the last change that this host has seen in the database.
    revision: i64,
    /// Whether the plugin was disabled here and the database does not have it yet.
    is_pending: bool,
}

/// Why and since when a plugin is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Off {
    pub(crate) reason: String,
    pub(crate) since: SystemTime,
}

/// An invocation that was admitted. If it is dropped before it is settled, it is no evidence about the plugin.
pub(crate) struct Pass<'a> {
    availability: &'a Availability,
    isolated: CancellationToken,
    visit: &'a Visit<'a>,
    /// The entry's breakers, and the generation when the invocation entered; `None` once it is settled.
    entered: Option<(Place, breaker::Generation)>,
}

impl Availability {
    pub(super) fn new(name: PluginName, audit: Audit) -> Self {
        Self { name, audit, reports: Reports::default(), inner: Mutex::default() }
    }

    pub(super) fn name(&self) -> &PluginName {
        &self.name
    }

    /// Checks whether the plugin is served at all, before an invocation waits for a permit.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        let mut inner = self.inner();
        inner.switch.check(&self.name)?;
        inner.check_fit(&self.name)?;
        self.check_pool(&mut inner)
    }

    /// Connects the plugin to the connections of its current version.
    pub(crate) fn of_pool(&self, pool: &Arc<Pool>) {
        self.inner().pool = Arc::downgrade(pool);
    }

    /// Whether the plugin's connections are all held by statements that run on after they were cancelled. Until the server
    /// has ended one, the plugin is quarantined: nothing that it does could use the database.
    fn check_pool(&self, inner: &mut Inner) -> Result<(), CallError> {
        let Some(seats) = inner.spent() else {
            if inner.spent.take().is_some() {
                self.audit.note(Event::Lifted, Some(&self.name), "the database has ended its statements");
            }
            return Ok(());
        };
        let reason = spent(seats);
        if inner.spent.is_none() {
            inner.spent = Some(SystemTime::now());
            tracing::warn!(plugin = self.name.as_str(), "a plugin is quarantined: {reason}");
            self.audit.note(Event::Quarantined, Some(&self.name), reason.clone());
        }
        let plugin = self.name.to_string();
        Err(CallError::Quarantined { plugin, reason, retry_after_ms: QUARANTINE_MS })
    }

    /// Admits an invocation that begins now, or returns why it is not served.
    pub(crate) fn enter<'a>(&'a self, visit: &'a Visit<'a>, now: Instant) -> Result<Pass<'a>, CallError> {
        let mut inner = self.inner();
        inner.switch.check(&self.name)?;
        inner.check_fit(&self.name)?;
        let isolated = inner.switch.isolated.clone();
        let place = inner.place(visit.entry);
        let entered = inner.breaker(place, visit.crowd).map(|breaker| breaker.enter(visit.cause, now));
        drop(inner);
        match entered.transpose() {
            Ok(entered) => {
                let entered = entered.map(|generation| (place, generation));
                Ok(Pass { availability: self, isolated, visit, entered })
            }
            Err(wait) => {
                if wait.is_new {
                    self.announce(visit, Transition::ProbeFailed(wait.reason, wait.retry));
                }
                Err(self.quarantined(visit, wait))
            }
        }
    }

    /// Whether an operator has disabled the plugin.
    pub(crate) fn is_disabled(&self) -> bool {
        self.inner().switch.off.is_some()
    }

    /// Whether the plugin is served, for callers and operators. It is quarantined while one of its entries is.
    pub(crate) fn status(&self) -> ServingStatus {
        if let Some(Off { reason, since }) = self.inner().switch.off.clone() {
            return ServingStatus::Disabled { reason, since };
        }
        if let Some(Off { reason, since }) = self.inner().misfit.clone() {
            return ServingStatus::NotLoaded { reason, since };
        }
        let (spent_seats, spent_since) = {
            let inner = self.inner();
            (inner.spent(), inner.spent)
        };
        if let Some(seats) = spent_seats {
            let now = SystemTime::now();
            let until = now + Duration::from_millis(QUARANTINE_MS);
            let since = spent_since.unwrap_or(now);
            return ServingStatus::Quarantined { reason: spent(seats), since, until };
        }
        let worst = |EntryStatus { entry, callers, status }| match status {
            ServingStatus::Quarantined { reason, since, until } => {
                ServingStatus::Quarantined { reason: sentence(&entry, &callers, &reason), since, until }
            }
            ServingStatus::HalfOpen { reason, since } => {
                ServingStatus::HalfOpen { reason: sentence(&entry, &callers, &reason), since }
            }
            other => other,
        };
        let mut entries = self.entries();
        entries.sort_by_key(|entry| !matches!(entry.status, ServingStatus::Quarantined { .. }));
        entries.into_iter().next().map_or(ServingStatus::Serving, worst)
    }

    /// The entries that are not served as usual, sorted by name.
    pub(crate) fn entries(&self) -> Vec<EntryStatus> {
        let inner = self.inner();
        let all =
            inner.entries.iter().filter_map(|(name, Place(index))| Some((name, inner.breakers.get(*index)?)));
        let mut entries: Vec<EntryStatus> = all
            .flat_map(|(entry, Breakers { anonymous, known })| {
                let both = [(Crowd::Anonymous, anonymous), (Crowd::Known, known)];
                both.into_iter().filter_map(|(crowd, breaker)| {
                    let (entry, callers) = (entry.clone(), crowd.to_string());
                    Some(EntryStatus { entry, callers, status: open(breaker.phase())? })
                })
            })
            .collect();
        entries.sort_by(|a, b| (&a.entry, &a.callers).cmp(&(&b.entry, &b.callers)));
        entries
    }

    /// Writes a line about the plugin to the host's log, or counts it if there were too many of this kind. `kind` is in the
    /// host's own words.
    pub(crate) fn report(&self, kind: &'static str, write: impl FnOnce()) {
        if self.reports.admit(&kind, Instant::now()) {
            write();
        }
    }

    /// Writes how many lines were not written in the periods that are over, or in all periods.
    pub(super) fn report_repeats(&self, all: bool) {
        for (kind, count) in self.reports.take_due(Instant::now(), all) {
            tracing::warn!(target: "palisade::reports", plugin = self.name.as_str(), kind, "… and {count} more like it");
        }
    }

    /// Reports a limit that an invocation hit.
    pub(crate) fn hit_limit(&self, limit: Limit) {
        self.audit.repeat(Event::LimitHit, &self.name, limit.name());
    }

    /// Reports that the plugin used a power that it is not granted.
    pub(crate) fn denied(&self, what: &'static str) {
        self.audit.repeat(Event::DeniedGrant, &self.name, what);
    }

    /// Called when the tables of the current version have changed so that it no longer fits them: it is not served until it
    /// does, or until another version is loaded.
    pub(crate) fn outlive(&self, reason: String) {
        let mut inner = self.inner();
        if inner.misfit.is_none() {
            tracing::error!(plugin = self.name.as_str(), "not served any more: {reason}");
        }
        let since = inner.misfit.as_ref().map_or_else(SystemTime::now, |old| old.since);
        inner.misfit = Some(Off { reason, since });
    }

    /// Called when the current version fits its tables.
    pub(crate) fn fit(&self) {
        if self.inner().misfit.take().is_some() {
            tracing::info!(plugin = self.name.as_str(), "served again: it fits its tables");
        }
    }

    /// Called when another version is loaded: lifts the quarantine, because it was for the previous version.
    pub(crate) fn renew(&self) {
        self.fit();
        if self.inner().lift() {
            self.audit.note(Event::Lifted, Some(&self.name), "another version is loaded");
        }
    }

    /// Disables the plugin on this host at once and cuts off running invocations. The database cannot enable it again before
    /// it has this change.
    pub(super) fn isolate(&self, off: Off, by: &str) {
        self.inner().switch.is_pending = true;
        self.turn_off(off, by);
    }

    /// The reason of a disabling that the database does not have yet.
    pub(super) fn pending(&self) -> Option<String> {
        let inner = self.inner();
        inner.switch.off.as_ref().filter(|_| inner.switch.is_pending).map(|off| off.reason.clone())
    }

    /// Records that the database has this host's change, with this revision.
    pub(super) fn is_written(&self, revision: i64) {
        let mut inner = self.inner();
        (inner.switch.revision, inner.switch.is_pending) = (revision, false);
    }

    /// Applies a change from the database: disabled or enabled. A change that this host has yet to write takes precedence.
    pub(super) fn learn(&self, revision: i64, off: Option<Off>, by: &str) {
        {
            let mut inner = self.inner();
            if inner.switch.is_pending || inner.switch.revision == revision {
                return;
            }
            inner.switch.revision = revision;
        }
        match off {
            Some(off) => self.turn_off(off, by),
            None => self.turn_on(by),
        }
    }

    fn turn_off(&self, off: Off, by: &str) {
        let (was_on, what) = {
            let mut inner = self.inner();
            let was_on = inner.switch.off.is_none();
            let what = format!("{by}: {}", off.reason);
            inner.switch.off = Some(off);
            inner.switch.isolated.cancel();
            (was_on, what)
        };
        if was_on {
            tracing::warn!(plugin = self.name.as_str(), "a plugin is disabled, {what}");
            self.audit.note(Event::Disabled, Some(&self.name), what);
        }
    }

    fn turn_on(&self, by: &str) {
        let (was_off, was_open) = {
            let mut inner = self.inner();
            let was_off = inner.switch.off.take().is_some();
            if was_off {
                inner.switch.isolated = CancellationToken::new();
            }
            (was_off, inner.lift())
        };
        if was_off {
            tracing::warn!(plugin = self.name.as_str(), "a plugin is enabled, {by}");
            self.audit.note(Event::Enabled, Some(&self.name), by.to_owned());
        }
        if was_open {
            self.audit.note(Event::Lifted, Some(&self.name), by.to_owned());
        }
    }

    fn settle(
        &self,
        visit: &Visit<'_>,
        (place, entered): (Place, breaker::Generation),
        evidence: Evidence,
        now: Instant,
    ) {
        let mut inner = self.inner();
        let transition = inner
            .breaker(place, visit.crowd)
            .and_then(|breaker| breaker.settle(entered, visit.cause, evidence, now));
        drop(inner);
        if let Some(transition) = transition {
            self.announce(visit, transition);
        }
    }

    fn announce(&self, Visit { entry, crowd, .. }: &Visit<'_>, transition: Transition) {
        let what = |length: Duration, more: &str, reason: Reason| {
            format!("`{entry}` for {crowd} callers, for {} ms{more}: {reason}", length.as_millis())
        };
        let (event, what) = match transition {
            Transition::Quarantined(reason, length) => (Event::Quarantined, what(length, "", reason)),
            Transition::ProbeFailed(reason, length) => (Event::Probed, what(length, " more", reason)),
            Transition::ProbeAnswered => {
                (Event::Probed, format!("`{entry}` answered {crowd} callers and is served again"))
            }
        };
        tracing::warn!(plugin = self.name.as_str(), "{}, {what}", event.name());
        self.audit.note(event, Some(&self.name), what);
    }

    fn quarantined(&self, visit: &Visit<'_>, Wait { reason, retry, .. }: Wait) -> CallError {
        CallError::Quarantined {
            plugin: self.name.to_string(),
            reason: sentence(visit.entry, &visit.crowd, &reason),
            retry_after_ms: u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).saturating_add(1),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether the current version fits its tables.
    fn check_fit(&self, name: &PluginName) -> Result<(), CallError> {
        match self.misfit {
            Some(_) => Err(CallError::NotLoaded { plugin: name.to_string() }),
            None => Ok(()),
        }
    }

    /// How many connections the plugin has, if all of them are held by backends that run on.
    fn spent(&self) -> Option<usize> {
        self.pool.upgrade()?.spent()
    }
}

impl LocalSwitch {
    fn check(&self, name: &PluginName) -> Result<(), CallError> {
        match self.off {
            Some(_) => Err(CallError::Disabled { plugin: name.to_string() }),
            None => Ok(()),
        }
    }
}

impl Inner {
    /// The place of an entry, which is made when the entry is first entered.
    fn place(&mut self, entry: &str) -> Place {
        if let Some(place) = self.entries.get(entry) {
            return *place;
        }
        let place = Place(self.breakers.len());
        self.breakers.push(Breakers::default());
        self.entries.insert(entry.to_owned(), place);
        place
    }

    fn breaker(&mut self, Place(index): Place, crowd: Crowd) -> Option<&mut Breaker> {
        let Breakers { anonymous, known } = self.breakers.get_mut(index)?;
        Some(match crowd {
            Crowd::Anonymous => anonymous,
            Crowd::Known => known,
        })
    }

    /// Lifts the quarantine of every entry. Returns whether there was one.
    fn lift(&mut self) -> bool {
        let all = self.breakers.iter_mut().flat_map(|Breakers { anonymous, known }| [anonymous, known]);
        all.filter_map(|breaker: &mut Breaker| breaker.lift().then_some(())).count() > 0
    }
}

/// The status of an entry that is not served as usual.
fn open(phase: &Phase) -> Option<ServingStatus> {
    match phase {
        Phase::Serving { .. } => None,
        Phase::Quarantined { reason, since, until } => {
            let until = SystemTime::now() + until.saturating_duration_since(Instant::now());
            Some(ServingStatus::Quarantined { reason: reason.to_string(), since: *since, until })
        }
        Phase::HalfOpen { reason, since, .. } => {
            Some(ServingStatus::HalfOpen { reason: reason.to_string(), since: *since })
        }
    }
}

fn sentence(entry: &str, callers: &dyn fmt::Display, reason: &dyn fmt::Display) -> String {
    format!("`{entry}` for {callers} callers: {reason}")
}

impl Pass<'_> {
    /// Completes when the plugin is disabled.
    pub(crate) async fn isolated(&self) {
        self.isolated.cancelled().await;
    }

    /// Ends the invocation, as of then, with the evidence that it gives about the entry.
    pub(crate) fn settle(mut self, evidence: Evidence, ended: Instant) {
        if let Some(entered) = self.entered.take() {
            self.availability.settle(self.visit, entered, evidence, ended);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(entered) = self.entered.take() {
            self.availability.settle(self.visit, entered, Evidence::Neither, Instant::now());
        }
    }
}
