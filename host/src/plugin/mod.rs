//! A loaded plugin: validated, compiled, linked for each kind it uses, and ready to be entered.
//!
//! Loading is all the work that a call must not do: files are read, types are mapped, exports are looked up. What may be
//! loaded is [`crate::passport`]'s to say; [`artifact`] is the only module with `unsafe`.

pub(crate) mod artifact;
mod entry;
mod floats;
mod habit;
mod load;
mod prepass;
mod share;
mod source;
mod told;

pub(crate) use entry::{Decision, Entry, ItemChange, Operation, Reply, Update, WitDraft};
pub(crate) use habit::Habit;
pub(crate) use load::Loader;

use crate::backend::postgres::caller::{Claim, Signer};
use crate::backend::postgres::pool::Pool;
use crate::backend::postgres::session::Session;
use crate::caller::Caller;
use crate::engine::Machine;
use crate::grant::Grants;
use crate::guard::db::catalogue::Catalogue;
use crate::guard::http::Egress;
use crate::guard::name::PluginName;
use crate::guard::variables::Declarations;
use crate::invocation::State;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::manifest::Taps;
use crate::metrics::Tally;
use crate::passport::Passport;
use crate::supervision::Ward;
use crate::value::Signature;
use entry::TapIndices;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::{ComponentExportIndex, InstancePre};

/// One version of a plugin, as calls use it.
pub(crate) struct Plugin {
    pub(crate) name: PluginName,
    pub(crate) version: semver::Version,
    pub(crate) description: String,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) variables: Declarations,
    pub(crate) catalogue: Catalogue,
    pub(crate) egress: Egress,
    /// The login role, for its own tables in a transaction that it shares.
    pub(crate) role: String,
    pub(crate) taps: Taps,
    pub(crate) passport: Passport,
    pub(crate) functions: BTreeMap<String, BTreeMap<String, Arc<Function>>>,
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) ward: Arc<Ward>,
    pub(crate) tally: Tally,
    pub(crate) machine: Arc<Machine>,
    pool: Arc<Pool>,
    /// Where rows of its tables belong to users.
    signer: Option<Arc<Signer>>,
    instances: BTreeMap<Kind, InstancePre<State>>,
    tap_indices: TapIndices,
}

/// A function that callers can name. Shared, because its signature is a tree that no call should copy.
pub(crate) struct Function {
    /// `interface/function`.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) signature: Signature,
    pub(crate) habit: Habit,
    export: ComponentExportIndex,
}

impl Plugin {
    /// The plugin's own side of the database.
    pub(crate) fn session(&self, kind: Kind) -> Session {
        Session::of_plugin(Arc::clone(&self.pool), kind)
    }

    /// On whose behalf its statements run, where its tables ask.
    pub(crate) fn claim(&self, caller: &Caller, is_cron: bool) -> Option<Claim> {
        self.signer.as_ref()?.claim(&self.role, caller, is_cron)
    }

    /// Finds a function by `interface/function`.
    pub(crate) fn function(&self, path: &str) -> Option<&Arc<Function>> {
        let (interface, function) = path.split_once('/')?;
        self.functions.get(interface)?.get(function)
    }

    /// Every function as `interface/function`, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> + '_ {
        let pairs = self
            .functions
            .iter()
            .flat_map(|(interface, functions)| functions.keys().map(move |name| (interface, name)));
        pairs.map(|(interface, name)| format!("{interface}/{name}"))
    }

    /// Closes connections that nobody has used for a while.
    pub(crate) fn reap(&self) {
        self.pool.reap();
    }
}
