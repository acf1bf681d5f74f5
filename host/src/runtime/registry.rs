//! Which plugins there are: names to current versions, and taps in their order.
//!
//! A lookup is one atomic load. A swap replaces everything at once; calls that run keep the version they found.

use crate::error::CallError;
use crate::program::Program;
use arc_swap::ArcSwap;
use palisade_guard::manifest::{TapOptions, Taps};
use palisade_guard::name::PluginName;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The plugins of a host.
#[derive(Default)]
pub(crate) struct Registry {
    current: ArcSwap<Current>,
    /// Grows with each change.
    version: AtomicU64,
}

/// All plugins at one moment.
#[derive(Clone, Default)]
pub(crate) struct Current {
    plugins: HashMap<String, Arc<Program>>,
    access: Vec<Arc<Program>>,
    view: Vec<Arc<Program>>,
    presave: Vec<Arc<Program>>,
    changed: Vec<Arc<Program>>,
}

impl Registry {
    /// The current version of a plugin.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Program>> {
        self.current.load().plugins.get(name).cloned()
    }

    /// All plugins, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Program>> {
        let mut all: Vec<_> = self.current.load().plugins.values().cloned().collect();
        all.sort_by(|a, b| a.plugin.name.cmp(&b.plugin.name));
        all
    }

    /// All plugins at this moment, for one request: its taps do not change while it runs.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Another number after each change.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes a version current, in one step.
    pub(crate) fn swap(&self, program: &Arc<Program>) {
        self.current.rcu(|current| {
            let mut plugins = current.plugins.clone();
            plugins.insert(program.plugin.name.to_string(), Arc::clone(program));
            Current::new(plugins)
        });
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Removes a plugin, in one step; the version that was current, if there was one.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Program>> {
        let before = self.current.rcu(|current| {
            let mut plugins = current.plugins.clone();
            plugins.remove(name);
            Current::new(plugins)
        });
        self.version.fetch_add(1, Ordering::Release);
        before.plugins.get(name).cloned()
    }
}

impl Current {
    fn new(plugins: HashMap<String, Arc<Program>>) -> Self {
        Self {
            access: ordered(&plugins, |taps| taps.item_access),
            view: ordered(&plugins, |taps| taps.item_view),
            presave: ordered(&plugins, |taps| taps.item_presave),
            changed: ordered(&plugins, |taps| taps.item_changed),
            plugins,
        }
    }

    /// Plugins with `tap-item-access`, in their order; the others likewise.
    pub(crate) fn access(&self) -> &[Arc<Program>] {
        &self.access
    }

    pub(crate) fn view(&self) -> &[Arc<Program>] {
        &self.view
    }

    pub(crate) fn presave(&self) -> &[Arc<Program>] {
        &self.presave
    }

    pub(crate) fn changed(&self) -> &[Arc<Program>] {
        &self.changed
    }

    /// Whether nobody who has a say in a write has been disabled meanwhile: one was asked early, and others took their time.
    pub(crate) fn all_enabled(&self) -> Result<(), CallError> {
        match self
            .presave
            .iter()
            .chain(&self.changed)
            .find(|program| program.plugin.availability.is_disabled())
        {
            Some(program) => Err(CallError::Disabled { plugin: program.plugin.name.to_string() }),
            None => Ok(()),
        }
    }
}

/// The plugins that have a tap, by weight, then by name.
fn ordered(
    plugins: &HashMap<String, Arc<Program>>,
    tap: fn(&Taps) -> Option<TapOptions>,
) -> Vec<Arc<Program>> {
    let mut with: Vec<(i32, &PluginName, &Arc<Program>)> = plugins
        .values()
        .filter_map(|program| {
            tap(&program.taps).map(|options| (options.weight, &program.plugin.name, program))
        })
        .collect();
    with.sort_by_key(|(weight, name, _)| (*weight, *name));
    with.into_iter().map(|(_, _, program)| Arc::clone(program)).collect()
}
