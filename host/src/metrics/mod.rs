//! The metrics of a host, in the text format that Prometheus reads.
//!
//! | metric, all beginning with `palisade_` | labels | meaning |
//! |---|---|---|
//! | `invocations_total` | plugin, kind, outcome | invocations that ended; [`Ending`] lists the outcomes |
//! | `invocation_duration_seconds` | plugin, kind | how long they took, host calls included |
//! | `processor_seconds_total` | plugin | processor time: guests, and what the host does for them without waiting |
//! | `processor_wait_seconds_total` | plugin | time that invocations waited for a processor in the slow lane |
//! | `turned_away_total` | plugin | calls rejected because their entry is quarantined or the plugin disabled |
//! | `limit_used_total` | plugin, limit | what invocations used, in the limit's unit; for what is held at once, the sum of the peaks |
//! | `limit_hits_total`, `limit_warnings_total` | plugin, limit | invocations that hit a limit, and that came near to one |
//! | `admission_wait_seconds`, `overloads_total` | plugin | calls that waited for a permit, and that got none |
//! | `retries_total`, `item_write_retries_total` | plugin; none | runs that lost a serialization race and ran again |
//! | `plugin_state` | plugin, state | 1 for the plugin's current state, else 0; it is quarantined while an entry is |
//! | `entries_quarantined` | plugin | its entries that are quarantined or half-open, counted once for each kind of callers |
//! | `plugin_backends_running_on` | plugin | connections that a plugin has lost, for now, to statements that run on after they were cancelled |
//! | `plugin_connections`, `plugin_connections_max` | none | connections that all plugins together hold, and may hold |
//! | `memory_reserved_bytes`, `memory_max_bytes` | none | bytes that requests and plugins have reserved, and can reserve |
//!
//! Labels are names of plugins, which operators choose, and the host's own words: their number is bounded, and no guest or
//! caller can add one. A plugin's counters are made when it is loaded, so that a call only adds to atomics. The histogram of
//! `prometheus_client` takes a lock for each value, so `durations.rs` has one without a lock. Not here: the operator's log and
//! the audit log. Numbers: [`palisade_guard::limits`]. Tests: `tests/metrics.rs`.

mod durations;
mod tally;

pub(crate) use tally::{Ending, Tally};

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
use std::sync::atomic::AtomicU64;

/// The media type of the metrics' text.
pub const TEXT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A counter of seconds.
type Seconds = Counter<f64, AtomicU64>;

/// The labels of one time series: names and values.
type Labels = Vec<(&'static str, String)>;

/// The metrics of a host.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    invocations: Family<Labels, Counter>,
    durations: Family<Labels, Durations>,
    processor: Family<Labels, Seconds>,
    processor_waits: Family<Labels, Seconds>,
    turned_away: Family<Labels, Counter>,
    used: Family<Labels, Counter>,
    hits: Family<Labels, Counter>,
    warnings: Family<Labels, Counter>,
    waits: Family<Labels, Durations>,
    overloads: Family<Labels, Counter>,
    retries: Family<Labels, Counter>,
    item_write_retries: Counter,
    states: Family<Labels, Gauge>,
    quarantined: Family<Labels, Gauge>,
    running_on: Family<Labels, Gauge>,
    connections: Gauge,
    connections_max: Gauge,
    memory: Gauge,
    memory_max: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("palisade"),
            invocations: Family::default(),
            durations: Family::default(),
            processor: Family::default(),
            processor_waits: Family::default(),
            turned_away: Family::default(),
            used: Family::default(),
            hits: Family::default(),
            warnings: Family::default(),
            waits: Family::default(),
            overloads: Family::default(),
            retries: Family::default(),
            item_write_retries: Counter::default(),
            states: Family::default(),
            quarantined: Family::default(),
            running_on: Family::default(),
            connections: Gauge::default(),
            connections_max: Gauge::default(),
            memory: Gauge::default(),
            memory_max: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self { registry, .. } = self;
        for (name, help, family) in [
            ("invocations", "Invocations that ended", &self.invocations),
            (
                "turned_away",
                "Calls rejected because their entry is quarantined or the plugin disabled",
                &self.turned_away,
            ),
            ("limit_used", "What invocations used of a limit, in its unit", &self.used),
            ("limit_hits", "Invocations that hit a limit", &self.hits),
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
        for (name, help, family) in [
            ("processor", "Processor time that plugins used", &self.processor),
            ("processor_wait", "Time that invocations waited for a processor", &self.processor_waits),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        let retries = "Writes of items that lost a serialization race and ran again";
        registry.register("item_write_retries", retries, self.item_write_retries.clone());
        registry.register("plugin_state", "1 for the current state of a plugin", self.states.clone());
        let quarantined = "Entries of a plugin that are quarantined or half-open";
        registry.register("entries_quarantined", quarantined, self.quarantined.clone());
        let running_on =
            "Connections that statements of a plugin hold which run on after they were cancelled";
        registry.register("plugin_backends_running_on", running_on, self.running_on.clone());
        let taken = "Connections that all plugins together hold";
        registry.register("plugin_connections", taken, self.connections.clone());
        let connections_max = "Connections that all plugins together may hold";
        registry.register("plugin_connections_max", connections_max, self.connections_max.clone());
        for (name, help, gauge) in [
            ("memory_reserved", "Bytes that requests and plugins have reserved", &self.memory),
            ("memory_max", "Bytes that requests and plugins can reserve", &self.memory_max),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        }
    }

    /// The counters of a plugin that uses these kinds. All versions of a plugin share them.
    pub(crate) fn tally(&self, plugin: &PluginName, kinds: &BTreeSet<Kind>) -> Tally {
        Tally::new(self, plugin, kinds)
    }

    /// Counts a write of an item that lost a serialization race and runs again.
    pub(crate) fn item_write_lost_race(&self) {
        self.item_write_retries.inc();
    }

    /// All metrics as text, with the current states of the plugins, and what is in use and can be of connections and bytes.
    pub(crate) fn text(
        &self,
        plugins: &[PluginStatus],
        (taken, connections_max): (usize, usize),
        (reserved, memory_max): (u64, u64),
    ) -> String {
        self.connections.set(i64::try_from(taken).unwrap_or(i64::MAX));
        self.connections_max.set(i64::try_from(connections_max).unwrap_or(i64::MAX));
        self.memory.set(i64::try_from(reserved).unwrap_or(i64::MAX));
        self.memory_max.set(i64::try_from(memory_max).unwrap_or(i64::MAX));
        // A plugin that is unloaded has no state.
        self.states.clear();
        self.quarantined.clear();
        self.running_on.clear();
        for plugin in plugins {
            let labels = vec![("plugin", plugin.name.clone())];
            let entries = i64::try_from(plugin.entries.len()).unwrap_or(i64::MAX);
            self.quarantined.get_or_create_owned(&labels).set(entries);
            let running_on = i64::try_from(plugin.running_on).unwrap_or(i64::MAX);
            self.running_on.get_or_create_owned(&labels).set(running_on);
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
