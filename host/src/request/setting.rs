//! The setting of an invocation: its request, seed, clock and deadline, which stay the same when it runs again.

use super::Request;
use super::random::Seed;
use super::replay::Replay;
use super::taps::AccessTaps;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::limits::{Limit, Limits};
use palisade_guard::name::PluginName;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What stays the same when an invocation runs again.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) request: Arc<Request>,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    /// When the invocation must have ended, host calls included.
    pub(crate) deadline: Instant,
    /// What asks the access taps about the items that the invocation reads; `None` if there are none, or if it is such a tap.
    pub(crate) access: Option<Arc<dyn AccessTaps>>,
}

impl Setting {
    /// Makes a setting whose deadline counts from now.
    pub(crate) fn new(request: Arc<Request>, kind: Kind, max: &Limits) -> Self {
        let (clock, limit) = match kind {
            Kind::Query | Kind::Mutation => (Clock::fixed(), Limit::WallTime),
            Kind::Action => (Clock::running(), Limit::ActionTime),
        };
        let deadline = Instant::now() + Duration::from_millis(max.get(limit).min(limit.default_max()));
        Self { request, seed: Seed::draw(), clock, deadline, access: None }
    }

    /// The same setting with a replay's seed and instant.
    pub(crate) fn at(self, replay: &Replay) -> Self {
        Self { seed: replay.generator(), clock: replay.clock(), ..self }
    }

    /// The setting for one plugin's tap in a request: with the plugin's own seed, and with its wall time if that is shorter.
    pub(crate) fn for_plugin(&self, name: &PluginName, max: &Limits) -> Self {
        let wall = Duration::from_millis(max.get(Limit::WallTime).min(Limit::ActionTime.default_max()));
        let deadline = self.deadline.min(Instant::now() + wall);
        Self { deadline, seed: self.seed.of_plugin(name), access: None, ..self.clone() }
    }
}
