//! What one invocation has used of each limit, whether the ledger, the memory, the clock or the request counts it.

use super::Memory;
use crate::engine::processor;
use crate::request::Request;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::{Ledger, Usage};
use palisade_guard::limits::{Limit, NS_PER_MS, Unit};
use palisade_guard::name::PluginName;

/// What one invocation has used of each limit.
pub(crate) struct LimitUse<'a> {
    pub(crate) plugin: &'a PluginName,
    pub(crate) kind: Kind,
    pub(crate) request: &'a Request,
    pub(crate) ledger: &'a Ledger,
    pub(crate) memory: &'a Memory,
    pub(crate) clock: &'a Clock,
}

impl LimitUse<'_> {
    /// The usage that a plugin can see and act on. A query and a mutation see no times, because a time would make their result
    /// depend on the machine.
    pub(crate) fn remaining(&self) -> Vec<Usage> {
        let timed = self.kind == Kind::Action;
        let shown = Limit::ALL.iter().copied().filter(|limit| timed || limit.unit() != Unit::Milliseconds);
        // Not shown: stack and instances, which are fixed when a component is loaded; fuel, which its own code counts;
        // storage, which all invocations share; and limits of an argument, which are not spent.
        let shown = shown.filter(|limit| {
            !matches!(limit, Limit::Stack | Limit::Instances | Limit::Fuel | Limit::Storage)
                && !limit.is_of_an_argument()
        });
        let mut usages: Vec<Usage> =
            shown.map(|limit| Usage { limit, used: self.used(limit), max: self.ledger.max(limit) }).collect();
        usages.sort_by_key(|usage| usage.limit.name());
        usages
    }

    /// How much of one limit has been used.
    pub(crate) fn used(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Memory => self.memory.bytes(),
            Limit::TableElements => self.memory.elements(),
            Limit::GuestTime => processor::used_ms(),
            Limit::ActionTime | Limit::WallTime => self.clock.monotonic() / NS_PER_MS,
            Limit::ContextEntries => self.request.context_use(self.plugin).0,
            Limit::ContextBytes => self.request.context_use(self.plugin).1,
            other => self.ledger.used(other),
        }
    }
}
