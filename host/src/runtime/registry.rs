//! The loaded plugins: the current version of each name, and the taps in their order. Also the plugins that could not be loaded
//! when the host started: what they guard stays closed.
//!
//! A lookup is one atomic load. A swap replaces everything in one step; running calls keep the version that they found.

use crate::error::CallError;
use crate::program::Program;
use arc_swap::ArcSwap;
use palisade_guard::manifest::{TapOptions, Taps};
use palisade_guard::name::PluginName;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The loaded plugins of a host.
#[derive(Default)]
pub(crate) struct Registry {
    current: ArcSwap<Current>,
    /// Grows with every change.
    version: AtomicU64,
}

/// A plugin that could not be loaded when the host started.
#[derive(Clone, Debug)]
pub(crate) struct Unloaded {
    /// The plugin's name; if its manifest could not be read, its folder's name.
    pub(crate) name: String,
    /// Empty if its manifest could not be read.
    pub(crate) version: String,
    /// The sentence for operators.
    pub(crate) reason: String,
    pub(crate) since: SystemTime,
    /// Whether it may have taps on items: its manifest lists some, or could not be read.
    pub(crate) guards_items: bool,
}

/// The loaded plugins as they are between two changes.
#[derive(Clone, Default)]
pub(crate) struct Current {
    plugins: HashMap<String, Arc<Program>>,
    unloaded: Arc<[Unloaded]>,
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

    /// All plugins, sorted by name.
    pub(crate) fn all(&self) -> Vec<Arc<Program>> {
        let mut all: Vec<_> = self.current.load().plugins.values().cloned().collect();
        all.sort_by(|a, b| a.plugin.name.cmp(&b.plugin.name));
        all
    }

    /// The plugins that are loaded now. A request keeps this, so that its taps do not change while it runs.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// The plugins that are loaded now, if any of them has an access tap.
    pub(crate) fn asked(&self) -> Option<Arc<Current>> {
        let current = self.current.load();
        (!current.access().is_empty()).then(|| Arc::clone(&current))
    }

    /// A number that changes with every change of the plugins.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes a version current in one step.
    pub(crate) fn swap(&self, program: &Arc<Program>) {
        self.current.rcu(|current| {
            let mut plugins = current.plugins.clone();
            plugins.insert(program.plugin.name.to_string(), Arc::clone(program));
            let unloaded = current.unloaded.iter().filter(|other| other.name != program.plugin.name.as_str());
            Current::new(plugins, unloaded.cloned().collect())
        });
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Says which plugins could not be loaded. It must be called before the first request.
    pub(crate) fn lack(&self, unloaded: &Arc<[Unloaded]>) {
        self.current.rcu(|current| Current::new(current.plugins.clone(), Arc::clone(unloaded)));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Removes a plugin in one step, and returns the version that was current.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Program>> {
        let before = self.current.rcu(|current| {
            let mut plugins = current.plugins.clone();
            plugins.remove(name);
            Current::new(plugins, Arc::clone(&current.unloaded))
        });
        self.version.fetch_add(1, Ordering::Release);
        before.plugins.get(name).cloned()
    }
}

impl Current {
    fn new(plugins: HashMap<String, Arc<Program>>, unloaded: Arc<[Unloaded]>) -> Self {
        Self {
            access: ordered(&plugins, |taps| taps.item_access),
            view: ordered(&plugins, |taps| taps.item_view),
            presave: ordered(&plugins, |taps| taps.item_presave),
            changed: ordered(&plugins, |taps| taps.item_changed),
            plugins,
            unloaded,
        }
    }

    /// The plugins that could not be loaded.
    pub(crate) fn unloaded(&self) -> &[Unloaded] {
        &self.unloaded
    }

    /// Checks that no plugin is missing whose taps may guard items: a tap that cannot run never counts as consent.
    pub(crate) fn all_guards_loaded(&self) -> Result<(), CallError> {
        match self.unloaded.iter().find(|unloaded| unloaded.guards_items) {
            Some(unloaded) => Err(CallError::NotLoaded { plugin: unloaded.name.clone() }),
            None => Ok(()),
        }
    }

    /// The plugins with `tap-item-access`, in the order in which they run. The methods below do the same for the other taps.
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

    /// Checks that no plugin with a presave or changed tap has been disabled since its tap ran: an earlier tap's plugin may be
    /// disabled while later taps run.
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

/// The plugins that have a tap, sorted by weight, then by name.
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
