//! PostgreSQL: the boundary between plugins. Each plugin has its own login role and its own schema; the host has its
//! own tables.
//!
//! [`Database`] is a host's handle on a database. Statements run through [`session`]. [`role`] installs a plugin, with
//! [`schema`], [`rights`] and [`owned`]; [`caller`] proves who calls; [`failure`] says what the server's errors mean. A
//! guest's SQL text reaches this folder only as the printed form of a tree that `host/guard/src/db/gate` has checked.

mod at;
mod attacks;
mod autocommit;
mod budget;
mod caller;
pub mod canary;
pub mod claim;
mod ending;
pub mod failure;
pub mod harden;
pub mod items;
mod login;
mod lookup;
mod migrate;
mod mode;
mod owned;
pub mod pool;
pub mod reading;
mod rights;
pub mod role;
pub mod rows;
mod schema;
pub mod session;
pub mod statement;
pub mod switches;
#[cfg(test)]
mod tests;
pub mod text;
mod url;
pub mod users;
mod values;
pub mod variables;
mod wire;

use crate::error::InstallError;
use budget::ConnectionBudget;
use claim::Signer;
use migrate::Secrets;
use palisade_guard::kind::Kind;
use palisade_guard::limits::{
    HOST_CONNECTIONS_MAX, IDLE_IN_TRANSACTION_MS, LOCK_MS, LOOKUP_CONNECTIONS_MAX, STATEMENT_MS,
};
use palisade_guard::refusal::Refusal;
use pool::{Connection, Pool};
use session::Session;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
pub use url::DatabaseUrl;

/// The host's side of a database.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    /// For transactions, which may hold a connection while they wait for plugins.
    transactions: Arc<Pool>,
    /// For single statements. A holder of such a connection never waits for another one.
    lookups: Arc<Pool>,
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
    /// `plugin_connections` connections.
    pub async fn connect(
        url: impl Into<DatabaseUrl>,
        plugin_connections: usize,
    ) -> Result<Self, InstallError> {
        let url = url.into();
        let mut host = url.clone();
        host.config.application_name("palisade");
        if !url.is_pooled {
            // A PgBouncer accepts no options; behind one, each transaction sets them.
            host.config.options(format!(
                "-c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS} \
                 -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
            ));
        }
        let transactions = Pool::new(host.clone(), HOST_CONNECTIONS_MAX);
        let lookups = Pool::new(host, LOOKUP_CONNECTIONS_MAX);
        let connection = lookups
            .get()
            .await
            .map_err(|failure| url::unreachable_at(&url.config, failure.into_refusal()))?;
        let Secrets { passwords, callers } = migrate::run(&connection).await?;
        let (connection, hardened) = harden::if_private(connection).await?;
        let database = connection.client().query_typed("SELECT current_database()", &[]).await;
        let database: String = database
            .and_then(|rows| rows.first().map_or_else(|| Ok(String::new()), |row| row.try_get(0)))
            .map_err(|error| migrate::failed(&error))?;
        let tag = hex::encode(Sha256::digest(database.as_bytes())).chars().take(TAG_CHARS).collect();
        let budget = ConnectionBudget::new(plugin_connections);
        let (secret, signer, is_reported) = (Arc::new(passwords), Signer::new(callers), Arc::default());
        Ok(Self { url, transactions, lookups, budget, secret, signer, tag, hardened, is_reported })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Refusal> {
        let connection = self.connection().await?;
        connection.batch(Some("SELECT 1")).await.map_err(|error| failure::of(error).into_refusal())
    }

    /// How many connections all plugins hold together, and how many they may hold.
    pub fn plugin_connections(&self) -> (usize, usize) {
        (self.budget.in_use(), self.budget.max())
    }

    /// A transaction of the host's own.
    pub fn session(&self, kind: Kind) -> Session {
        Session::of_host(Arc::clone(&self.transactions), kind)
    }

    /// A connection for single statements. Its holder must not wait for another one.
    pub(crate) async fn connection(&self) -> Result<Connection, Refusal> {
        self.lookups.get().await.map_err(failure::Failure::into_refusal)
    }

    /// Closes idle connections of the host.
    pub fn reap(&self) {
        self.transactions.reap();
        self.lookups.reap();
    }

    /// Closes the host's connections; running calls keep theirs.
    pub fn close(&self) {
        self.transactions.close();
        self.lookups.close();
    }
}

/// How many characters of a database's tag are in the names of its roles.
const TAG_CHARS: usize = 8;
