//! What can be entered of a plugin: its compiled component, linked for each kind it uses, with its functions and taps.
//!
//! Loading (`load.rs`) does the work that no call should repeat: it reads files, maps types and looks up exports. This room
//! does not decide what may be loaded: the [`passport`](crate::plugin::passport) does. Nor does it start invocations:
//! `invocation/` does. Tests: `tests/load/`, `tests/kinds.rs`.

pub(crate) mod entry;
pub(crate) mod link;
pub(crate) mod load;
mod origin;
mod profile;
pub(crate) mod route;

use crate::engine::stack::GuestStacks;
use crate::plugin::Plugin;
use crate::plugin::passport::Passport;
use crate::state::State;
use crate::value::{Docs, Signature};
use entry::TapIndices;
use link::Machine;
use palisade_guard::kind::Kind;
use palisade_guard::manifest::Taps;
use palisade_guard::memory::Reservation;
use palisade_guard::routes::RequestPath;
use profile::Profile;
use route::Route;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::{ComponentExportIndex, InstancePre};

/// One version of a plugin, ready to be entered.
pub(crate) struct Program {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) description: String,
    /// What its WIT says of the exported interfaces, if its component carries that.
    pub(crate) docs: Docs,
    pub(crate) taps: Taps,
    pub(crate) passport: Passport,
    pub(crate) machine: Arc<Machine>,
    pub(crate) stacks: GuestStacks,
    pub(crate) admission: Arc<Semaphore>,
    functions: Functions,
    routes: Vec<Arc<Route>>,
    /// The migrations that have not run, on a host that only looks.
    pub(crate) pending: Vec<String>,
    instances: BTreeMap<Kind, InstancePre<State>>,
    tap_indices: TapIndices,
    /// Those of the access, view, presave, changed and cron tap.
    tap_profiles: [Profile; 5],
    /// The bytes of its compiled code.
    _code: Reservation,
}

/// Functions by interface name, then by function name.
type Functions = BTreeMap<String, BTreeMap<String, Arc<Function>>>;

/// A function that callers can call. It is shared, because its signature is a tree that no call should copy.
pub(crate) struct Function {
    /// `interface/function`.
    pub(crate) path: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) signature: Signature,
    pub(crate) profile: Profile,
    export: ComponentExportIndex,
}

impl Program {
    /// Finds a function by `interface/function`.
    pub(crate) fn function(&self, path: &str) -> Option<&Arc<Function>> {
        let (interface, function) = path.split_once('/')?;
        self.functions.get(interface)?.get(function)
    }

    /// Finds the route of a request.
    pub(crate) fn route(&self, path: &RequestPath) -> Option<&Arc<Route>> {
        path.route(self.routes.iter().map(|route| (&route.path, route)))
    }

    /// Every route, as the manifest lists them.
    pub(crate) fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Every function as `interface/function`, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> + '_ {
        let pairs = self
            .functions
            .iter()
            .flat_map(|(interface, functions)| functions.keys().map(move |name| (interface, name)));
        pairs.map(|(interface, name)| format!("{interface}/{name}"))
    }
}
