//! The end of an invocation's account: what others have counted goes into the ledger, the totals into the metrics, and
//! what came near to its limit into the operator's log.
//!
//! A warning holds the host's own words alone: the plugin's name, which of its functions or taps ran, the request, and the
//! numbers. Nothing is allocated where nothing is near. Test: `tests/limits.rs`.

use super::failure::time_limit;
use crate::engine::Fuel;
use crate::state::State;
use palisade_guard::limits::Limit;
use std::time::Duration;
use wasmtime::Store;

/// What the guest used of its fuel; nothing where none is counted.
pub(super) fn burnt(store: &Store<State>) -> u64 {
    let limits = &store.data().plugin.limits;
    match Fuel::under(limits) {
        Fuel::Counted => limits.get(Limit::Fuel).saturating_sub(store.get_fuel().unwrap_or(0)),
        Fuel::Uncounted => 0,
    }
}

impl State {
    /// Notes what is not counted in the ledger while the guest runs, and what it took in all.
    pub(super) fn close_account(&mut self, took: Duration, fuel: u64) {
        for limit in [Limit::Memory, Limit::TableElements, Limit::ContextEntries, Limit::ContextBytes] {
            let used = self.account().used(limit);
            self.ledger.record(limit, used);
        }
        self.ledger.record(time_limit(self.kind), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.ledger.record(Limit::Fuel, fuel);
        self.ledger.close();
    }

    /// Adds it all up, and warns of what came near to its limit. What runs again is told of when it has.
    pub(super) fn tell_usage(&self, entered: &str) {
        let runs_again = self.session.runs_again();
        for usage in self.ledger.usages().filter(|usage| usage.used > 0) {
            self.plugin.tally.used(usage.limit, usage.used);
            if runs_again || !usage.is_near() {
                continue;
            }
            self.plugin.tally.warned(usage.limit);
            tracing::warn!(
                target: "palisade::limits", plugin = self.plugin.name.as_str(), entered, request = self.request.id.as_str(),
                limit = usage.limit.name(), used = usage.used, max = usage.max, "an invocation came near to a limit"
            );
        }
    }
}
