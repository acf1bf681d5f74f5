//! What a host counts for its operators, in the text format that Prometheus reads.
//!
//! | metric, all beginning with `palisade_` | labels | what |
//! |---|---|---|
//! | `invocations_total` | plugin, kind, outcome | invocations that ended; [`Became`] lists the outcomes |
//! | `invocation_duration_seconds` | plugin, kind | how long they took, host calls included |
//! | `turned_away_total` | plugin | calls that were not let in: the plugin is quarantined or disabled |
//! | `limit_used_total` | plugin, limit | what they used, in the limit's unit; of what is held at once, the peaks' sum |
//! | `limit_hits_total`, `limit_warnings_total` | plugin, limit | invocations that ran into a limit, and that came near |
//! | `admission_wait_seconds`, `overloads_total` | plugin | calls that had to wait for a permit, and that got none |
//! | `retries_total`, `item_write_retries_total` | plugin; none | runs that lost a serialization race and ran again |
//! | `plugin_state` | plugin, state | 1 for the state that a plugin is in |
//! | `database_seats_taken`, `database_seats` | none | connections that plugins hold together, and may hold |
//!
//! Labels are names of plugins, which operators choose, and words of the host's own: their number is bounded, and no guest
//! or caller can add one. A plugin's handles are made when it is loaded, so that a call only adds to atomics. The crate's
//! own histogram takes a lock for each value, so the durations are counted in one of ours. Numbers: [`palisade_guard::limits`].
//! Tests: `tests/metrics.rs`.

mod durations;
mod tally;

pub(crate) use tally::{Became, Tally};

use crate::supervision::{PluginStatus, ServingStatus};
use durations::Durations;
use palisade_guard::kind::Kind;
use palisade_guard::name::PluginName;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;

/// The media type of the text.
pub const TEXT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names and values of one line's labels.
type Labels = Vec<(&'static str, String)>;

/// What a host counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    invocations: Family<Labels, Counter>,
    durations: Family<Labels, Durations>,
    turned_away: Family<Labels, Counter>,
    used: Family<Labels, Counter>,
    hits: Family<Labels, Counter>,
    warnings: Family<Labels, Counter>,
    waits: Family<Labels, Durations>,
    overloads: Family<Labels, Counter>,
    retries: Family<Labels, Counter>,
    item_write_retries: Counter,
    states: Family<Labels, Gauge>,
    seats_taken: Gauge,
    seats: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("palisade"),
            invocations: Family::default(),
            durations: Family::default(),
            turned_away: Family::default(),
            used: Family::default(),
            hits: Family::default(),
            warnings: Family::default(),
            waits: Family::default(),
            overloads: Family::default(),
            retries: Family::default(),
            item_write_retries: Counter::default(),
            states: Family::default(),
            seats_taken: Gauge::default(),
            seats: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self { registry, .. } = self;
        for (name, help, family) in [
            ("invocations", "Invocations that ended", &self.invocations),
            ("turned_away", "Calls that were not let in", &self.turned_away),
            ("limit_used", "What invocations used of a limit, in its unit", &self.used),
            ("limit_hits", "Invocations that ran into a limit", &self.hits),
            ("limit_warnings", "Invocations that came near to a limit", &self.warnings),
            ("overloads", "Calls that got no permit in time", &self.overloads),
            ("retries", "Runs that lost a serialization race and ran again", &self.retries),
        ] {
            registry.register(name, help, family.clone());
        }
        for (name, help, family) in [
            ("invocation_duration", "How long invocations took", &self.durations),
            ("admission_wait", "How long calls waited for a permit that was not free", &self.waits),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        let retries = "Writes of items that lost a serialization race and ran again";
        registry.register("item_write_retries", retries, self.item_write_retries.clone());
        registry.register("plugin_state", "1 for the state that a plugin is in", self.states.clone());
        let taken = "Connections that all plugins together hold";
        registry.register("database_seats_taken", taken, self.seats_taken.clone());
        let seats = "Connections that all plugins together may hold";
        registry.register("database_seats", seats, self.seats.clone());
    }

    /// The handles of a plugin that runs as these kinds: the same for all its versions.
    pub(crate) fn tally(&self, plugin: &PluginName, kinds: &BTreeSet<Kind>) -> Tally {
        Tally::new(self, plugin, kinds)
    }

    /// A write of an item lost a serialization race and runs again.
    pub(crate) fn item_write_lost_race(&self) {
        self.item_write_retries.inc();
    }

    /// All of it as text, with how things stand now.
    pub(crate) fn text(&self, plugins: &[PluginStatus], (taken, seats): (usize, usize)) -> String {
        self.seats_taken.set(i64::try_from(taken).unwrap_or(i64::MAX));
        self.seats.set(i64::try_from(seats).unwrap_or(i64::MAX));
        for plugin in plugins {
            for state in ServingStatus::STATES {
                let labels = vec![("plugin", plugin.name.clone()), ("state", state.to_owned())];
                let is_in_it = plugin.status.state() == state;
                self.states.get_or_create_owned(&labels).set(i64::from(is_in_it));
            }
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}
