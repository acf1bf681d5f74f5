//! Usage at the end of an invocation: counts kept elsewhere go into the ledger, the totals go into the metrics, and the
//! operator's log gets a warning for each limit that the invocation came near to.
//!
//! A warning contains only the host's own words: the plugin's name, which of its functions or taps ran, the request's id,
//! and the numbers. Nothing is allocated unless a limit is near. Test: `tests/limits.rs`.

use super::failure::time_limit;
use crate::engine::Fuel;
use crate::error::CallError;
use crate::metrics::Ending;
use crate::plugin::Plugin;
use crate::state::State;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{Limit, NOTE_BYTES_MAX};
use palisade_guard::reports::{self, Excerpt, Note};
use palisade_guard::request_context::RequestId;
use std::time::Duration;
use wasmtime::Store;

/// The fuel that the guest used; 0 if fuel is not counted.
pub(super) fn burnt(store: &Store<State>) -> u64 {
    let limits = &store.data().plugin.limits;
    match Fuel::under(limits) {
        Fuel::Counted => limits.get(Limit::Fuel).saturating_sub(store.get_fuel().unwrap_or(0)),
        Fuel::Uncounted => 0,
    }
}

/// Tells how an invocation ended, for whoever watches each of them: the target is `palisade::call`, and the level `debug`. Nothing is
/// made of it unless somebody does. The error's text can repeat the guest's.
pub(super) fn report_end<T>(
    plugin: &Plugin,
    entered: &str,
    request: &RequestId,
    ledger: &Ledger,
    reply: &Result<T, CallError>,
    (kind, ending, took): (Kind, Ending, Duration),
) {
    if !tracing::enabled!(target: "palisade::call", tracing::Level::DEBUG) {
        return;
    }
    let used = ledger.usages().filter(|usage| usage.used > 0);
    let usage =
        used.map(|usage| format!("{}={}", usage.limit.name(), usage.used)).collect::<Vec<_>>().join(" ");
    let error = reply.as_ref().err().map(|error| reports::cut(error.to_string(), NOTE_BYTES_MAX));
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(
        target: "palisade::call", plugin = plugin.name.as_str(), entered, %kind, request = request.as_str(),
        outcome = ending.name(), us, usage, error, "an invocation ended"
    );
}

impl State {
    /// Records in the ledger what is not counted there while the guest runs: memory, context, time and fuel.
    pub(super) fn close_account(&mut self, took: Duration, used: Duration, fuel: u64) {
        for limit in [Limit::Memory, Limit::TableElements, Limit::ContextEntries, Limit::ContextBytes] {
            let used = self.limit_use().used(limit);
            self.ledger.record(limit, used);
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ledger.record(time_limit(self.kind), ms(took));
        self.ledger.record(Limit::GuestTime, ms(used));
        self.ledger.record(Limit::Fuel, fuel);
        self.ledger.close();
    }

    /// Writes which host calls failed and why, which the guest is not told.
    fn report_notes(&self) {
        let (plugin, entered, request) =
            (self.plugin.name.as_str(), self.entered.as_str(), self.request.id.as_str());
        for Note { what, reason, excerpt, count } in self.ledger.notes.kept() {
            self.plugin.availability.report(what, || {
                tracing::warn!(target: "palisade::refusal", plugin, entered, request, reason, count, "{what}");
                if let Some(Excerpt { text, column }) = excerpt {
                    tracing::debug!(target: "palisade::refusal", plugin, sql = text, column, "the place");
                }
            });
        }
        // Its author sees these in `palisade dev`, and an operator who asks for them.
        for Note { what, reason, excerpt, count } in self.ledger.notes.told() {
            tracing::debug!(target: "palisade::refusal", plugin, entered, request, reason, count, "{what}");
            if let Some(Excerpt { text, column }) = excerpt {
                tracing::debug!(target: "palisade::refusal", plugin, sql = text, column, "the place");
            }
        }
        let more = self.ledger.notes.more();
        if more > 0 {
            self.plugin.availability.report("further failures of an invocation", || {
                tracing::warn!(target: "palisade::refusal", plugin, entered, request, "… and {more} host calls of this invocation failed for other reasons");
            });
        }
    }

    /// Adds the usage to the metrics, and warns about each limit that is nearly used up. An invocation that runs again warns
    /// only after its last run.
    pub(super) fn report_usage(&self) {
        let runs_again = self.session.runs_again();
        if !runs_again {
            self.report_notes();
        }
        for usage in self.ledger.usages().filter(|usage| usage.used > 0) {
            self.plugin.tally.used(usage.limit, usage.used);
            if runs_again || !usage.is_near() {
                continue;
            }
            self.plugin.tally.warned(usage.limit);
            self.plugin.availability.report(usage.limit.name(), || {
                tracing::warn!(
                    target: "palisade::limits", plugin = self.plugin.name.as_str(), entered = self.entered.as_str(), request = self.request.id.as_str(),
                    limit = usage.limit.name(), used = usage.used, max = usage.max, "an invocation came near to a limit"
                );
            });
        }
    }
}
