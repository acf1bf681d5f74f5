//! Which plugins there are: names to current versions, and taps in their order.
//!
//! A lookup is one atomic load. A swap replaces everything at once; calls that run keep the version they found.

use crate::error::CallError;
use crate::guard::name::PluginName;
use crate::manifest::{TapOptions, Taps};
use crate::plugin::Plugin;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// The plugins of a host.
#[derive(Default)]
pub(crate) struct Registry {
    current: ArcSwap<Current>,
}

/// All plugins at one moment.
#[derive(Clone, Default)]
pub(crate) struct Current {
    plugins: HashMap<String, Arc<Plugin>>,
    access: Vec<Arc<Plugin>>,
    view: Vec<Arc<Plugin>>,
    presave: Vec<Arc<Plugin>>,
    changed: Vec<Arc<Plugin>>,
}

impl Registry {
    /// The current version of a plugin.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Plugin>> {
        self.current.load().plugins.get(name).cloned()
    }

    /// All plugins, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Plugin>> {
        let mut all: Vec<_> = self.current.load().plugins.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All plugins at this moment, for one request: its taps do not change while it runs.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Makes a version current, in one step.
    pub(crate) fn swap(&self, plugin: &Arc<Plugin>) {
        self.current.rcu(|current| {
            let mut plugins = current.plugins.clone();
            plugins.insert(plugin.name.to_string(), Arc::clone(plugin));
            Current::new(plugins)
        });
    }
}

impl Current {
    fn new(plugins: HashMap<String, Arc<Plugin>>) -> Self {
        Self {
            access: ordered(&plugins, |taps| taps.item_access),
            view: ordered(&plugins, |taps| taps.item_view),
            presave: ordered(&plugins, |taps| taps.item_presave),
            changed: ordered(&plugins, |taps| taps.item_changed),
            plugins,
        }
    }

    /// Plugins with `tap-item-access`, in their order; the others likewise.
    pub(crate) fn access(&self) -> &[Arc<Plugin>] {
        &self.access
    }

    pub(crate) fn view(&self) -> &[Arc<Plugin>] {
        &self.view
    }

    pub(crate) fn presave(&self) -> &[Arc<Plugin>] {
        &self.presave
    }

    pub(crate) fn changed(&self) -> &[Arc<Plugin>] {
        &self.changed
    }

    /// Whether nobody who has a say in a write has been disabled meanwhile: one was asked early, and others took their time.
    pub(crate) fn all_enabled(&self) -> Result<(), CallError> {
        match self.presave.iter().chain(&self.changed).find(|plugin| plugin.ward.is_disabled()) {
            Some(plugin) => Err(CallError::Disabled { plugin: plugin.name.to_string() }),
            None => Ok(()),
        }
    }
}

/// The plugins that have a tap, by weight, then by name.
fn ordered(plugins: &HashMap<String, Arc<Plugin>>, tap: fn(&Taps) -> Option<TapOptions>) -> Vec<Arc<Plugin>> {
    let mut with: Vec<(i32, &PluginName, &Arc<Plugin>)> = plugins
        .values()
        .filter_map(|plugin| tap(&plugin.taps).map(|options| (options.weight, &plugin.name, plugin)))
        .collect();
    with.sort_by_key(|(weight, name, _)| (*weight, *name));
    with.into_iter().map(|(_, _, plugin)| Arc::clone(plugin)).collect()
}
