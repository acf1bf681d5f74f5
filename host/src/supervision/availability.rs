//! One plugin under supervision: its breaker, and the switch that an operator has.
//!
//! Every invocation [enters](Availability::enter) here and carries its [`Pass`] to its end. There is one availability for a name, whichever
//! version runs: disabling reaches the calls of a version that is being replaced, too. The lock is held for a few
//! instructions and never across an await.

use super::Evidence;
use super::breaker::{self, Breaker, Phase, Transition, Wait};
use super::status::ServingStatus;
use crate::audit::{Audit, Event};
use crate::error::CallError;
use palisade_guard::limits::Limit;
use palisade_guard::name::PluginName;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tokio_util::sync::CancellationToken;

/// One plugin under supervision.
#[derive(Debug)]
pub(crate) struct Availability {
    name: PluginName,
    audit: Audit,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    breaker: Breaker,
    switch: Switch,
}

/// What an operator has said.
#[derive(Debug, Default)]
struct Switch {
    off: Option<Off>,
    /// Cancelled when the plugin is disabled, for all who run; the next ones get another.
    isolated: CancellationToken,
    /// The last change that was seen in the database.
    revision: i64,
    /// Disabled here, and not yet written down.
    is_pending: bool,
}

/// Why and since when a plugin is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Off {
    pub(crate) reason: String,
    pub(crate) since: SystemTime,
}

/// An invocation that is let through. Dropped before it is settled, it says nothing about the plugin.
#[derive(Debug)]
pub(crate) struct Pass {
    availability: Arc<Availability>,
    isolated: CancellationToken,
    /// Until it is settled.
    entered: Option<breaker::Generation>,
}

impl Availability {
    pub(super) fn new(name: PluginName, audit: Audit) -> Self {
        Self { name, audit, inner: Mutex::default() }
    }

    pub(super) fn name(&self) -> &PluginName {
        &self.name
    }

    /// Whether an invocation would be let through: asked before it waits for a permit.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        let inner = self.inner();
        inner.switch.check(&self.name)?;
        inner.breaker.check(Instant::now()).map_err(|wait| self.quarantined(wait))
    }

    /// Lets an invocation through, or says why not.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, CallError> {
        let mut inner = self.inner();
        inner.switch.check(&self.name)?;
        let pass = inner.breaker.enter(Instant::now()).map_err(|wait| self.quarantined(wait))?;
        Ok(Pass {
            availability: Arc::clone(self),
            isolated: inner.switch.isolated.clone(),
            entered: Some(pass),
        })
    }

    /// Whether an operator has disabled it since whoever asks has begun.
    pub(crate) fn is_disabled(&self) -> bool {
        self.inner().switch.off.is_some()
    }

    /// How it stands.
    pub(crate) fn status(&self) -> ServingStatus {
        let inner = self.inner();
        if let Some(Off { reason, since }) = inner.switch.off.clone() {
            return ServingStatus::Disabled { reason, since };
        }
        match inner.breaker.phase() {
            Phase::Serving(_) => ServingStatus::Serving,
            Phase::Quarantined { reason, since, until } => {
                let until = SystemTime::now() + until.saturating_duration_since(Instant::now());
                ServingStatus::Quarantined { reason: reason.to_string(), since, until }
            }
            Phase::HalfOpen { reason, since } => {
                ServingStatus::HalfOpen { reason: reason.to_string(), since }
            }
        }
    }

    /// A limit that an invocation ran into.
    pub(crate) fn ran_into(&self, limit: Limit) {
        self.audit.repeat(Event::LimitHit, &self.name, limit.name());
    }

    /// A power that the plugin reached for and does not have.
    pub(crate) fn denied(&self, what: &'static str) {
        self.audit.repeat(Event::DeniedGrant, &self.name, what);
    }

    /// Another version: what the last one did says nothing about it.
    pub(crate) fn renew(&self) {
        if self.inner().breaker.lift() {
            self.audit.note(Event::Lifted, Some(&self.name), "another version is loaded");
        }
    }

    /// Disables it here, at once; whoever runs is cut off. It stays so until that is written down and taken back.
    pub(super) fn isolate(&self, off: Off, by: &str) {
        self.inner().switch.is_pending = true;
        self.turn_off(off, by);
    }

    /// What this host knows and the database may not.
    pub(super) fn pending(&self) -> Option<String> {
        let inner = self.inner();
        inner.switch.off.as_ref().filter(|_| inner.switch.is_pending).map(|off| off.reason.clone())
    }

    /// It is written down.
    pub(super) fn is_written(&self, revision: i64) {
        let mut inner = self.inner();
        (inner.switch.revision, inner.switch.is_pending) = (revision, false);
    }

    /// A change that the database has: disabled or not. What this host has still to write down goes before.
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
            (was_off, inner.breaker.lift())
        };
        if was_off {
            tracing::warn!(plugin = self.name.as_str(), "a plugin is enabled, {by}");
            self.audit.note(Event::Enabled, Some(&self.name), by.to_owned());
        }
        if was_open {
            self.audit.note(Event::Lifted, Some(&self.name), by.to_owned());
        }
    }

    fn settle(&self, pass: breaker::Generation, outcome: Evidence) {
        let change = self.inner().breaker.settle(pass, outcome, Instant::now());
        let (event, what) = match change {
            None => return,
            Some(Transition::Quarantined(reason, length)) => {
                (Event::Quarantined, format!("for {} ms: {reason}", length.as_millis()))
            }
            Some(Transition::ProbeFailed(reason, length)) => {
                (Event::Probed, format!("quarantined for {} ms more: {reason}", length.as_millis()))
            }
            Some(Transition::ProbeAnswered) => (Event::Probed, "it answered and is served again".to_owned()),
        };
        tracing::warn!(plugin = self.name.as_str(), "{}, {what}", event.name());
        self.audit.note(event, Some(&self.name), what);
    }

    fn quarantined(&self, Wait { reason, retry }: Wait) -> CallError {
        CallError::Quarantined {
            plugin: self.name.to_string(),
            reason: reason.to_string(),
            retry_after_ms: u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).saturating_add(1),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Switch {
    fn check(&self, name: &PluginName) -> Result<(), CallError> {
        match self.off {
            Some(_) => Err(CallError::Disabled { plugin: name.to_string() }),
            None => Ok(()),
        }
    }
}

impl Pass {
    /// Completes when the plugin is disabled.
    pub(crate) async fn isolated(&self) {
        self.isolated.cancelled().await;
    }

    /// What became of the invocation.
    pub(crate) fn settle(mut self, outcome: Evidence) {
        if let Some(pass) = self.entered.take() {
            self.availability.settle(pass, outcome);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(pass) = self.entered.take() {
            self.availability.settle(pass, Evidence::Neither);
        }
    }
}
