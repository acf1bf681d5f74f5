//! Supervision: which plugins are served. The [`breaker`] quarantines an entry of a plugin that fails repeatedly. An operator
//! can disable a plugin, which cuts off its running calls and takes effect on every host of the database.
//!
//! Every invocation [enters](availability::Availability::enter) its plugin's availability, whoever the caller is. A tap whose
//! plugin is not served does not count as consent. An operator's switch is a row of `palisade.switches`. Each host reads
//! that table once a second, because a notification does not get through a PgBouncer. While the database is out of reach, the
//! last known switches stay in effect. Changes are reported to the [audit log](crate::audit). Not here: admission, which
//! limits how many invocations run. Numbers: [`palisade_guard::limits`]. Tests: `tests/supervision/`, `tests/operator.rs`.

mod availability;
mod breaker;
mod status;

pub(crate) use availability::{Availability, Off, Visit};
pub(crate) use breaker::{Cause, Crowd, Evidence, GuestFailure};
pub use status::{EntryStatus, PluginStatus, ServingStatus};

use crate::audit::Audit;
use crate::error::CallError;
use palisade_guard::caller::User;
use palisade_guard::limits::{
    DISABLE_REASON_BYTES_MAX, Limit, NOTE_BYTES_MAX, PERCENT, PROCESSOR_USE_PERCENT, SWITCH_POLL_MS,
    SWITCH_WAIT_MS,
};
use palisade_guard::name::{PluginName, is_plain};
use palisade_guard::refusal::Refusal;
use palisade_guard::reports::{self, Reports};
use palisade_guard::request_context::RequestId;
use palisade_store::postgres::Database;
use palisade_store::postgres::switches::Switch;
use palisade_store::postgres::users::KnownToken;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;

/// The permission to list, disable and enable plugins over HTTP. No role has it unless an operator grants it.
pub const OPERATOR_PERMISSION: &str = "host:operate";

/// Who made a change that was read from the database: an operator, on another host or with a command.
const ELSEWHERE: &str = "by an operator, elsewhere";

/// Where a plugin is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledWhere {
    /// On this host, and on each host of the database within a second.
    Everywhere,
    /// On this host only. The database does not answer, and is told as soon as it does.
    Here,
}

/// The availabilities of a host's plugins, by name.
#[derive(Debug)]
pub(crate) struct Supervision {
    plugins: Mutex<BTreeMap<PluginName, Arc<Availability>>>,
    audit: Audit,
    /// Held while switches are read or written, so that a read never returns switches older than this host's last write.
    writing: tokio::sync::Mutex<()>,
    /// What the host's log has of requests that are for no single plugin.
    reports: Reports<&'static str>,
    /// When the database last told the switches.
    heard: Mutex<Instant>,
    /// The tokens of operators when the database last told them, for when it does not answer.
    operators: Mutex<Vec<KnownToken>>,
}

impl Supervision {
    /// Supervision that has heard of no switch yet.
    pub(crate) fn new(audit: Audit) -> Self {
        Self {
            plugins: Mutex::default(),
            audit,
            writing: tokio::sync::Mutex::default(),
            reports: Reports::default(),
            heard: Mutex::new(Instant::now()),
            operators: Mutex::default(),
        }
    }

    /// The availability of a plugin. All its versions share it.
    pub(crate) fn availability(&self, name: &PluginName) -> Arc<Availability> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Availability::new(name.clone(), self.audit.clone()));
        Arc::clone(plugins.entry(name.clone()).or_insert_with(new))
    }

    /// Writes how many lines about each plugin the host's log does not have, for the periods that are over or for all.
    pub(crate) fn report_repeats(&self, all: bool) {
        for availability in self.all() {
            availability.report_repeats(all);
        }
        for (kind, count) in self.reports.take_due(Instant::now(), all) {
            tracing::warn!(target: "palisade::reports", kind, "… and {count} more like it");
        }
    }

    /// Writes to the operator's log why a request failed, if its caller is not told. Whoever hands such an error to a caller of the
    /// host, or drops it, calls this once. `entered` is what of the plugin was to run, or what of the host was asked for.
    pub(crate) fn report_failure(
        &self,
        plugin: Option<&Availability>,
        entered: &str,
        request: Option<&RequestId>,
        error: &CallError,
    ) {
        let Some((what, source)) = error.cause() else { return };
        let write = || {
            let (plugin, request) =
                (plugin.map(|plugin| plugin.name().as_str()), request.map(RequestId::as_str));
            let reason = reports::cut(format!("{source:#}"), NOTE_BYTES_MAX);
            if matches!(error, CallError::Internal { .. }) {
                tracing::error!(target: "palisade::failure", plugin, entered, request, reason, "{what}");
            } else {
                tracing::warn!(target: "palisade::failure", plugin, entered, request, reason, "{what}");
            }
        };
        match plugin {
            Some(plugin) => plugin.report(what, write),
            None if self.reports.admit(&what, Instant::now()) => write(),
            None => {}
        }
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Disables a plugin on this host at once, and on every other host when it next reads the switches.
    pub(crate) async fn disable(
        &self,
        database: &Database,
        name: &str,
        reason: &str,
        by: &str,
    ) -> Result<DisabledWhere, CallError> {
        let name = PluginName::parse(name).map_err(|_| unknown(name))?;
        if !is_plain(reason, DISABLE_REASON_BYTES_MAX) {
            return Err(CallError::BadArguments(format!(
                "a reason is 1 to {DISABLE_REASON_BYTES_MAX} bytes without control characters"
            )));
        }
        let off = Off { reason: reason.to_owned(), since: SystemTime::now() };
        let known = self.known(&name);
        if let Some(availability) = &known {
            availability.isolate(off.clone(), by);
        }
        let written = match (self.write(database, &name, Some(reason)).await, &known) {
            (Ok(written), _) => written,
            // The poll of the switches writes it as soon as the database answers.
            (Err(refusal @ (Refusal::Unavailable(_) | Refusal::Busy)), Some(_)) => {
                tracing::warn!(plugin = name.as_str(), %refusal, "a plugin is disabled on this host only, until the database answers");
                return Ok(DisabledWhere::Here);
            }
            (Err(refusal), _) => return Err(refusal.into()),
        };
        let revision = written.ok_or_else(|| unknown(name.as_str()))?;
        match known {
            Some(availability) => availability.is_written(revision),
            None => self.availability(&name).learn(revision, Some(off), by),
        }
        Ok(DisabledWhere::Everywhere)
    }

    /// Writes a switch within a bounded time. If it may have been written, the next read of the switches tells.
    async fn write(
        &self,
        database: &Database,
        name: &PluginName,
        reason: Option<&str>,
    ) -> Result<Option<i64>, Refusal> {
        let written = async {
            let _writing = self.writing.lock().await;
            database.set_switch(name, reason).await
        };
        let silent = |_| Err(Refusal::Unavailable("it did not answer in time".into()));
        timeout(Duration::from_millis(SWITCH_WAIT_MS), written).await.unwrap_or_else(silent)
    }

    /// Enables a plugin and lifts its quarantine, on this host and on every other one.
    pub(crate) async fn enable(&self, database: &Database, name: &str, by: &str) -> Result<(), CallError> {
        let name = PluginName::parse(name).map_err(|_| unknown(name))?;
        let written = self.write(database, &name, None).await?;
        let revision = written.ok_or_else(|| unknown(name.as_str()))?;
        let availability = self.availability(&name);
        // A disabling that is not written yet is overruled.
        availability.is_written(revision.saturating_sub(1));
        availability.learn(revision, None, by);
        Ok(())
    }

    /// Writes the switches that the database does not have yet, then reads all of them.
    pub(crate) async fn sync(&self, database: &Database) -> Result<(), Refusal> {
        let _writing = self.writing.lock().await;
        let pending: Vec<_> = self
            .all()
            .into_iter()
            .filter_map(|availability| Some((availability.pending()?, availability)))
            .collect();
        for (reason, availability) in pending {
            if let Some(revision) = database.set_switch(availability.name(), Some(&reason)).await? {
                availability.is_written(revision);
            }
        }
        let switches = database.switches().await?;
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        for Switch { plugin, revision, off } in switches {
            // No plugin with a malformed name can be loaded, so such a row is ignored.
            if let Ok(name) = PluginName::parse(&plugin) {
                let off = off.map(|(reason, since)| Off { reason, since });
                self.availability(&name).learn(revision, off, ELSEWHERE);
            }
        }
        Ok(())
    }

    /// Whether the database has been silent for longer than two of the periods in which it is asked for the switches.
    pub(crate) fn hears_nothing(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.elapsed() > Duration::from_millis(SWITCH_POLL_MS.saturating_mul(2))
    }

    /// Learns who may operate the host.
    async fn learn_operators(&self, database: &Database) -> Result<(), Refusal> {
        let tokens = database.tokens_with(OPERATOR_PERMISSION).await?;
        *self.operators.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(())
    }

    /// The operator whom this token identified when the database last answered.
    pub(crate) fn operator(&self, token: &str) -> Option<User> {
        let operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        operators.iter().find_map(|known| known.user(token)).cloned()
    }

    /// Whether a user was an operator when the database last answered.
    pub(crate) fn is_operator(&self, user: &User) -> bool {
        let operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        operators.iter().any(|known| known.is_of(user))
    }

    fn known(&self, name: &PluginName) -> Option<Arc<Availability>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Availability>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Reads the switches periodically until the host is dropped, and who may operate them, if users are in the database.
pub(crate) async fn watch(supervision: Weak<Supervision>, database: Database, has_users: bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(SWITCH_POLL_MS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_reported = false;
    loop {
        tick.tick().await;
        let Some(supervision) = supervision.upgrade() else { return };
        match supervision.sync(&database).await {
            Ok(()) => {
                is_reported = false;
                if has_users && let Err(refusal) = supervision.learn_operators(&database).await {
                    tracing::debug!(%refusal, "cannot read who may operate the host");
                }
            }
            // One warning for each outage.
            Err(refusal) if !is_reported => {
                tracing::warn!(%refusal, "cannot read which plugins are disabled; the last known switches stay in effect");
                is_reported = true;
            }
            Err(_) => {}
        }
    }
}

impl Evidence {
    /// The evidence of a reply that was accepted or not. An `err` that the guest returns is an answer. A result or an argument
    /// that is too large says nothing, because what it is made of decides its size, and neither does a failure for which the
    /// caller, the operator, the database or the host is to blame.
    pub(crate) fn of<T>(reply: &Result<T, CallError>) -> Self {
        match reply {
            Ok(_) | Err(CallError::Returned(_) | CallError::Refused { .. }) => Self::Answered,
            Err(CallError::Trapped { .. }) => Self::Failed(GuestFailure::Trap),
            Err(CallError::LimitExceeded { usage, .. }) if !usage.limit.is_of_an_argument() => {
                Self::Failed(GuestFailure::Limit(usage.limit))
            }
            Err(_) => Self::Neither,
        }
    }

    /// The same evidence, or [`Neither`](Self::Neither) if the invocation ran out of time that it spent waiting for others: for
    /// a database, a server, a processor, or the taps before it. `used` is its processor time.
    pub(crate) fn unless_it_waited(self, used: Duration, allowed_ms: u64) -> Self {
        let is_time = matches!(self, Self::Failed(GuestFailure::Limit(Limit::WallTime | Limit::ActionTime)));
        if is_time && !is_percent(used, PROCESSOR_USE_PERCENT, allowed_ms) { Self::Neither } else { self }
    }
}

/// Whether a time is at least this many percent of another.
pub(crate) fn is_percent(part: Duration, percent: u64, whole_ms: u64) -> bool {
    part.as_millis().saturating_mul(PERCENT.into()) >= u128::from(whole_ms).saturating_mul(percent.into())
}

fn unknown(name: &str) -> CallError {
    CallError::NoPlugin {
        plugin: name.to_owned(),
        hint: "no plugin of that name was ever installed in this database".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::ledger::Usage;

    fn usage(limit: Limit) -> Usage {
        Usage { limit, used: 101, max: 100 }
    }

    fn failed(error: CallError) -> Evidence {
        Evidence::of(&Err::<(), _>(error))
    }

    #[test]
    fn only_failures_that_the_guest_is_to_blame_for_count() {
        let name = || "a".to_owned();
        let source = || anyhow::anyhow!("gone");
        for error in [
            CallError::Unavailable { source: source() },
            CallError::InDoubt { source: source() },
            CallError::Internal { source: source() },
            CallError::Overloaded { retry_after_ms: 1 },
            CallError::BadArguments(name()),
            CallError::Denied,
            CallError::Contended { attempts: 1 },
            CallError::Disabled { plugin: name() },
            CallError::Oversized { plugin: name(), reason: name() },
            CallError::LimitExceeded { plugin: name(), usage: usage(Limit::ItemFieldsBytes) },
        ] {
            let sentence = error.to_string();
            assert_eq!(failed(error), Evidence::Neither, "{sentence}");
        }
        assert_eq!(
            failed(CallError::Trapped { plugin: name(), reason: name() }),
            Evidence::Failed(GuestFailure::Trap)
        );
        let memory = CallError::LimitExceeded { plugin: name(), usage: usage(Limit::Memory) };
        assert_eq!(failed(memory), Evidence::Failed(GuestFailure::Limit(Limit::Memory)));
        assert_eq!(Evidence::of(&Ok(())), Evidence::Answered);
        assert_eq!(failed(CallError::Returned(serde_json::Value::Null)), Evidence::Answered);
        assert_eq!(failed(CallError::Refused { plugin: name(), message: name() }), Evidence::Answered);
    }

    #[test]
    fn time_that_was_spent_waiting_is_not_the_guests_failure() {
        let ran_out = |limit| failed(CallError::LimitExceeded { plugin: "a".into(), usage: usage(limit) });
        let (little, half) = (Duration::from_millis(49), Duration::from_millis(50));
        for limit in [Limit::WallTime, Limit::ActionTime] {
            assert_eq!(ran_out(limit).unless_it_waited(little, 100), Evidence::Neither);
            assert_eq!(ran_out(limit).unless_it_waited(half, 100), ran_out(limit));
        }
        assert_eq!(ran_out(Limit::GuestTime).unless_it_waited(little, 100), ran_out(Limit::GuestTime));
    }
}
