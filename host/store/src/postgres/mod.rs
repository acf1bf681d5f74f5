//! PostgreSQL: the boundary between plugins. Each plugin has its own login role and its own schema; the host has its
//! own tables.
//!
//! [`Database`] is a host's handle on a database. Statements run through [`session`]. [`role`] installs a plugin, with
//! [`schema`], [`rights`] and [`owned`]; [`caller`] proves who calls; [`failure`] says what the server's errors mean. A
//! guest's SQL text reaches this folder only as the printed form of a tree that `host/guard/src/db/gate` has checked.

pub mod alone;
mod at;
mod attacks;
pub mod audits;
mod autocommit;
mod budget;
mod caller;
pub mod canary;
pub mod claim;
mod ending;
mod extensions;
pub mod failure;
pub mod harden;
mod index;
pub mod items;
mod login;
mod lookup;
mod migrate;
mod mode;
mod owned;
pub mod pool;
mod pulse;
mod quota;
pub mod reading;
mod rights;
pub mod role;
pub mod rows;
mod schema;
mod sealed;
pub mod session;
mod settings;
pub mod share;
mod start;
pub mod statement;
mod storage;
pub mod switches;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod text;
mod url;
pub mod users;
mod values;
pub mod variables;
mod watch;
mod wire;

use crate::error::InstallError;
use budget::ConnectionBudget;
use claim::Signer;
use migrate::Secrets;
use palisade_guard::kind::Kind;
use palisade_guard::limits::{
    ANSWER_MS, HOST_CONNECTIONS_MAX, HOST_WRITES_MAX, LOOKUP_CONNECTIONS_MAX, MIGRATION_MS,
    WATCH_CONNECTIONS_MAX,
};
use palisade_guard::refusal::Refusal;
use pool::{Connection, Pool};
use session::Session;
use settings::Settings;
use sha2::{Digest, Sha256};
use share::{Owner, Shares};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::time::timeout;
pub use url::DatabaseUrl;
use watch::Watch;

/// The host's side of a database.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    /// For transactions, which may hold a connection while they wait for plugins.
    transactions: Arc<Pool>,
    /// Who holds them.
    shares: Arc<Shares>,
    /// For single statements. A holder of such a connection never waits for another one.
    lookups: Arc<Pool>,
    /// What the host asks the server off the path of requests.
    watch: Arc<Watch>,
    /// The number of connections that all plugins may hold together.
    budget: Arc<ConnectionBudget>,
    secret: Arc<Vec<u8>>,
    signer: Arc<Signer>,
    /// Part of the name of every role that is made for this database, because all databases of a server share its
    /// roles.
    tag: String,
    /// Whether the server is the host's own and this database is hardened.
    hardened: bool,
    /// Whether the log already names the layers that the server lacks.
    is_reported: Arc<AtomicBool>,
}

impl Database {
    /// Connects as the host, and makes or upgrades the host's tables. All plugins together may hold
    /// `plugin_connections` connections. Fails if the database does not answer at once.
    pub async fn connect(
        url: impl Into<DatabaseUrl>,
        plugin_connections: usize,
    ) -> Result<Self, InstallError> {
        Self::connect_within(Duration::ZERO, url, plugin_connections).await
    }

    /// Like [`connect`](Self::connect), but waits this long for a database that is not there yet, and says so. A database
    /// that refuses the login is not waited for.
    pub async fn connect_within(
        wait: Duration,
        url: impl Into<DatabaseUrl>,
        plugin_connections: usize,
    ) -> Result<Self, InstallError> {
        Self::open(wait, url.into(), plugin_connections, false).await
    }

    /// Connects as the host, and changes nothing: the host's tables stay as they are, or missing, and the server refuses
    /// whatever would write.
    pub async fn look_within(
        wait: Duration,
        url: impl Into<DatabaseUrl>,
        plugin_connections: usize,
    ) -> Result<Self, InstallError> {
        Self::open(wait, url.into(), plugin_connections, true).await
    }

    async fn open(
        wait: Duration,
        url: DatabaseUrl,
        plugin_connections: usize,
        only_looks: bool,
    ) -> Result<Self, InstallError> {
        let mut host = url.clone();
        host.config.application_name("palisade");
        let settings = Settings::of_host();
        // A transaction that rehearses says that it writes, and is rolled back.
        let looking = if only_looks { settings.clone().read_only() } else { settings.clone() };
        let watch = Watch::new(Pool::new(host.clone(), &looking, WATCH_CONNECTIONS_MAX, None));
        let lookups = Pool::new(host.clone(), &looking, LOOKUP_CONNECTIONS_MAX, Some(&watch));
        let transactions = Pool::new(host, &settings.read_only(), HOST_CONNECTIONS_MAX, Some(&watch));
        let shares = Shares::new(HOST_CONNECTIONS_MAX, HOST_WRITES_MAX);
        let connection = start::reach(&lookups, &url.config, wait).await?;
        let silent = |_| url::unreachable_at(&url.config, "it does not answer any more");
        let shaped = async {
            if only_looks {
                let secrets = migrate::known(&connection).await?;
                return Ok((secrets.unwrap_or_else(migrate::none), (connection, false)));
            }
            let secrets = migrate::run(&connection).await?;
            Ok::<_, InstallError>((secrets, harden::if_private(connection).await?))
        };
        let longest = Duration::from_millis(MIGRATION_MS.saturating_add(ANSWER_MS));
        let (Secrets { passwords, callers }, (connection, hardened)) =
            timeout(longest, shaped).await.map_err(silent)??;
        let database = connection.client().query_typed("SELECT current_database()", &[]).await;
        let database: String = database
            .and_then(|rows| rows.first().map_or_else(|| Ok(String::new()), |row| row.try_get(0)))
            .map_err(|error| migrate::failed(&error))?;
        let tag = hex::encode(Sha256::digest(database.as_bytes())).chars().take(TAG_CHARS).collect();
        let budget = ConnectionBudget::new(plugin_connections);
        let (secret, signer, is_reported) = (Arc::new(passwords), Signer::new(callers), Arc::default());
        Ok(Self {
            url,
            transactions,
            shares,
            lookups,
            watch,
            budget,
            secret,
            signer,
            tag,
            hardened,
            is_reported,
        })
    }

    /// Whether the database answers, within 1.5 s ([`PING_MS`](palisade_guard::limits::PING_MS)).
    pub async fn ping(&self) -> Result<(), Refusal> {
        self.watch.ping().await
    }

    /// Whether the database owes an answer for longer than a working one takes.
    pub fn is_silent(&self) -> bool {
        self.watch.is_silent()
    }

    /// How many connections all plugins hold together, and how many they may hold.
    pub fn plugin_connections(&self) -> (usize, usize) {
        (self.budget.in_use(), self.budget.max())
    }

    /// A transaction of the host's own, for this owner.
    pub fn session(&self, kind: Kind, owner: Owner) -> Session {
        Session::of_host(Arc::clone(&self.transactions), Arc::clone(&self.shares), owner, kind)
    }

    /// A connection for single statements. Its holder must not wait for another one.
    pub(crate) async fn connection(&self) -> Result<Connection, Refusal> {
        self.lookups.get().await.map_err(failure::Failure::into_refusal)
    }

    /// Closes idle connections of the host.
    pub fn reap(&self) {
        self.transactions.reap();
        self.lookups.reap();
        self.watch.reap();
    }

    /// Closes the host's connections; running calls keep theirs.
    pub fn close(&self) {
        self.transactions.close();
        self.lookups.close();
        self.watch.close();
    }
}

/// How many characters of a database's tag are in the names of its roles.
const TAG_CHARS: usize = 8;
