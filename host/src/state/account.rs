//! What one invocation has used of each limit, wherever it is counted.

use super::Memory;
use crate::request::Request;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::{Ledger, Usage};
use palisade_guard::limits::{Limit, NS_PER_MS, Unit};
use palisade_guard::name::PluginName;

/// What one invocation has used of each limit.
pub(crate) struct Account<'a> {
    pub(crate) plugin: &'a PluginName,
    pub(crate) kind: Kind,
    pub(crate) request: &'a Request,
    pub(crate) ledger: &'a Ledger,
    pub(crate) memory: &'a Memory,
    pub(crate) clock: &'a Clock,
}

impl Account<'_> {
    /// The limits that a plugin can act on. Times would make a query's result depend on the machine.
    pub(crate) fn remaining(&self) -> Vec<Usage> {
        let timed = self.kind == Kind::Action;
        let shown = Limit::ALL.iter().copied().filter(|limit| timed || limit.unit() != Unit::Milliseconds);
        // What is fixed when a component is loaded is nothing that it can act on, fuel is counted in its own code, and an
        // argument is not spent.
        let shown = shown.filter(|limit| {
            !matches!(limit, Limit::Stack | Limit::Instances | Limit::Fuel) && !limit.is_of_an_argument()
        });
        let mut usages: Vec<Usage> =
            shown.map(|limit| Usage { limit, used: self.used(limit), max: self.ledger.max(limit) }).collect();
        usages.sort_by_key(|usage| usage.limit.name());
        usages
    }

    /// What has been used of one limit.
    pub(crate) fn used(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Memory => self.memory.bytes(),
            Limit::TableElements => self.memory.elements(),
            Limit::ActionTime | Limit::WallTime => self.clock.monotonic() / NS_PER_MS,
            Limit::ContextEntries => self.request.context_use(self.plugin).0,
            Limit::ContextBytes => self.request.context_use(self.plugin).1,
            other => self.ledger.used(other),
        }
    }
}
