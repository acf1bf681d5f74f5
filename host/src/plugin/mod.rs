//! One version of a plugin, as far as an invocation may know it: its name, what it is granted, and its side of the database.
//!
//! What can be entered, and how, is its [`Program`](crate::program::Program)'s. What a plugin can do in all is its
//! [`passport`].

pub(crate) mod audit;
pub(crate) mod passport;
pub(crate) mod source;

use crate::metrics::Tally;
use crate::supervision::Availability;
use palisade_guard::caller::Caller;
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::grant::Grants;
use palisade_guard::http::Egress;
use palisade_guard::kind::Kind;
use palisade_guard::limits::Limits;
use palisade_guard::name::PluginName;
use palisade_guard::variables::Declarations;
use palisade_store::postgres::claim::{Claim, Signer};
use palisade_store::postgres::pool::Pool;
use palisade_store::postgres::session::Session;
use std::sync::Arc;

/// One version of a plugin, as its invocations know it.
pub(crate) struct Plugin {
    pub(crate) name: PluginName,
    pub(crate) version: semver::Version,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) variables: Declarations,
    pub(crate) catalogue: Catalogue,
    pub(crate) egress: Egress,
    /// The login role, for its own tables in a transaction that it shares.
    pub(crate) role: String,
    pub(crate) availability: Arc<Availability>,
    pub(crate) tally: Tally,
    pub(crate) pool: Arc<Pool>,
    /// Where rows of its tables belong to users.
    pub(crate) signer: Option<Arc<Signer>>,
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

    /// Closes connections that nobody has used for a while.
    pub(crate) fn reap(&self) {
        self.pool.reap();
    }
}
