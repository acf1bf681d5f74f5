//! One version of a plugin, as its invocations know it: its name, its grants and limits, and its side of the database.
//!
//! It has nothing that can be entered: that is the [`Program`](crate::program::Program). What a plugin can do in total is its
//! [`passport`]. Its files are read in `source.rs`, and `audit.rs` records what loading refuses. Tests: `tests/load/`.

pub(crate) mod audit;
pub(crate) mod passport;
pub(crate) mod source;

use crate::engine::turns::Owner;
use crate::memory::PluginShare;
use crate::metrics::Tally;
use crate::supervision::Availability;
use palisade_guard::caller::Caller;
use palisade_guard::grant::Grants;
use palisade_guard::http::Egress;
use palisade_guard::kind::Kind;
use palisade_guard::limits::Limits;
use palisade_guard::name::PluginName;
use palisade_guard::variables::Declarations;
use palisade_store::postgres::claim::{Claim, Signer};
use palisade_store::postgres::pool::Pool;
use palisade_store::postgres::session::Session;
use palisade_store::postgres::tables::Tables;
use std::sync::Arc;

/// One version of a plugin, as its invocations know it.
pub(crate) struct Plugin {
    pub(crate) name: PluginName,
    pub(crate) version: semver::Version,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) variables: Declarations,
    /// Its tables as the host knows them.
    pub(crate) tables: Arc<Tables>,
    pub(crate) egress: Egress,
    /// The plugin's login role. In a shared transaction, statements on its own tables run as this role.
    pub(crate) role: String,
    pub(crate) availability: Arc<Availability>,
    pub(crate) tally: Tally,
    /// What the plugin's invocations may hold of the host's memory.
    pub(crate) memory: PluginShare,
    pub(crate) pool: Arc<Pool>,
    /// Connections for access taps that other invocations wait for: no holder of one waits for another one.
    pub(crate) nested_pool: Arc<Pool>,
    /// Signs on whose behalf statements run; `None` if no table of the plugin has rows that belong to users.
    pub(crate) signer: Option<Arc<Signer>>,
}

impl Plugin {
    /// A session on the plugin's own connections.
    pub(crate) fn session(&self, kind: Kind) -> Session {
        Session::of_plugin(Arc::clone(&self.pool), kind)
    }

    /// The transaction of an access tap for which another invocation waits, which may hold one of the plugin's usual connections.
    pub(crate) fn nested_session(&self) -> Session {
        Session::of_plugin(Arc::clone(&self.nested_pool), Kind::Query)
    }

    /// A claim that says on whose behalf statements run, if the plugin's tables need one.
    pub(crate) fn claim(&self, caller: &Caller, is_cron: bool) -> Option<Claim> {
        self.signer.as_ref()?.claim(&self.role, caller, is_cron)
    }

    /// Whose turns its invocations take in the slow lane: all versions of a plugin share them.
    pub(crate) fn owner(&self) -> Owner {
        Owner(Arc::as_ptr(&self.availability).addr())
    }

    /// Closes connections that have been idle for a while.
    pub(crate) fn reap(&self) {
        self.pool.reap();
        self.nested_pool.reap();
    }
}
