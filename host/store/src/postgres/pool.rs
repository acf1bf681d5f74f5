//! Connections: one small, lazy pool for each login role.
//!
//! A connection is given back clean or is closed; the session decides which. [`super::budget`] limits how many
//! connections all plugins hold together, and [`super::wire`] limits how much the server may send on one.

use super::budget::Idle;
use super::failure::Failure;
use super::login::Logins;
use super::settings::Settings;
use super::share::Share;
use super::storage::Storage;
use super::url::DatabaseUrl;
use super::watch::{Backend, Seats, Watch, patience};
use super::wire::targets;
use crate::postgres::budget::ConnectionBudget;
use crate::postgres::claim::Remembered;
use deadpool::managed::{self, Object, PoolError, QueueMode};
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use palisade_guard::limits::{
    CONNECTION_IDLE_S, CONNECTION_WAIT_MS, Limit, STATEMENT_MS, STATEMENTS_CACHED_MAX, WIND_UP_MS,
    WIND_UPS_MAX, WIRE_NULL_BYTES, WIRE_ROW_BYTES, WIRE_SLACK_BYTES,
};
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, RowStream, Statement};

/// Clears what a borrower may leave on a connection: everything but the host's own prepared statements.
const CLEAN: &str = "ROLLBACK; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; CLOSE ALL; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// The connections of one login role.
#[derive(Debug)]
pub struct Pool {
    inner: managed::Pool<Logins>,
    connections_max: usize,
    /// The size of the plugin's tables, if the pool is a plugin's.
    storage: Option<Arc<Storage>>,
    /// What a transaction prelude first, if nothing else gives a session its settings.
    prelude: Option<String>,
}

/// A borrowed connection, and the share that it counts against, if any.
#[derive(Debug)]
pub(crate) struct Connection(
    Object<Logins>,
    #[allow(dead_code, reason = "it is held to be dropped")] Option<Share>,
);

impl Pool {
    /// A pool of the host's own.
    pub(super) fn new(
        url: DatabaseUrl,
        settings: &Settings,
        connections_max: usize,
        watch: Option<&Arc<Watch>>,
    ) -> Arc<Self> {
        Self::build(url, settings, connections_max, None, watch, None)
    }

    /// A pool of a plugin, whose connections count against the connection budget.
    pub(super) fn budgeted(
        url: DatabaseUrl,
        settings: &Settings,
        connections_max: usize,
        budget: &Arc<ConnectionBudget>,
        watch: &Arc<Watch>,
        storage: Arc<Storage>,
    ) -> Arc<Self> {
        let budgeted = Some(Arc::clone(budget));
        let pool = Self::build(url, settings, connections_max, budgeted, Some(watch), Some(storage));
        let idle: Weak<dyn Idle> = Arc::downgrade(&(Arc::clone(&pool) as Arc<dyn Idle>));
        budget.join(idle);
        pool
    }

    fn build(
        url: DatabaseUrl,
        settings: &Settings,
        connections_max: usize,
        budget: Option<Arc<ConnectionBudget>>,
        watch: Option<&Arc<Watch>>,
        storage: Option<Arc<Storage>>,
    ) -> Arc<Self> {
        let DatabaseUrl { mut config, is_pooled } = url;
        if !is_pooled {
            config.options(settings.options());
        }
        let (targets, config) = (targets(&config), Arc::new(config));
        let (watch, seats, is_plugin) = (watch.cloned(), Arc::default(), budget.is_some());
        let prelude = (is_pooled && !is_plugin).then(|| settings.of_transaction());
        let (wait, settings) = (Duration::from_millis(CONNECTION_WAIT_MS), settings.clone());
        let logins = Logins { config, settings, targets, budget, is_pooled, watch, seats, is_plugin };
        let pool = managed::Pool::builder(logins)
            .max_size(connections_max)
            .runtime(deadpool::Runtime::Tokio1)
            .wait_timeout(Some(wait))
            // Reuses the connection that was used last: its server process is still in the processor's caches.
            .queue_mode(QueueMode::Lifo)
            .build();
        match pool {
            Ok(inner) => Arc::new(Self { inner, connections_max, storage, prelude }),
            Err(never) => unreachable!("a pool with a runtime can be built: {never}"),
        }
    }

    /// Whether the connections go through a PgBouncer.
    pub(crate) fn is_pooled(&self) -> bool {
        self.inner.manager().is_pooled
    }

    /// What a transaction prelude first. Behind a PgBouncer the host's own sessions get no settings otherwise.
    pub(super) fn prelude(&self) -> Option<&str> {
        self.prelude.as_deref()
    }

    /// What a session of the pool must have set.
    pub(super) fn settings(&self) -> &Settings {
        &self.inner.manager().settings
    }

    /// How many backends of the pool run on after their statement was cancelled. Each holds a seat.
    pub fn running_on(&self) -> usize {
        self.seats().running_on()
    }

    /// How many seats the pool has, if each of them is held by a backend that runs on.
    pub fn spent(&self) -> Option<usize> {
        (self.running_on() >= self.connections_max).then_some(self.connections_max)
    }

    pub(super) fn watch(&self) -> Option<&Arc<Watch>> {
        self.inner.manager().watch.as_ref()
    }

    pub(super) fn storage(&self) -> Option<&Arc<Storage>> {
        self.storage.as_ref()
    }

    fn seats(&self) -> &Seats {
        &self.inner.manager().seats
    }

    pub(crate) async fn get(&self) -> Result<Connection, Failure> {
        if let Some(seats) = self.spent() {
            return Err(Failure::Spent(seats));
        }
        self.reach().await.map_err(|failure| match failure {
            // A refused login concerns the operator and is no error of a guest's statement.
            Failure::Server(error) => Failure::Disconnected(error.to_string()),
            other => other,
        })
    }

    /// Like [`get`](Self::get), but tells a refused login from a server that is not there.
    pub(super) async fn reach(&self) -> Result<Connection, Failure> {
        match self.inner.get().await {
            Ok(object) => Ok(Connection(object, None)),
            Err(PoolError::Timeout(_)) => Err(self.exhausted()),
            Err(PoolError::Backend(failure)) => Err(failure),
            Err(PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Err(Failure::Disconnected("the host is stopping".into()))
            }
        }
    }

    /// Why no connection came free in time. While the server is silent, its silence is why.
    pub(super) fn exhausted(&self) -> Failure {
        if self.watch().is_some_and(|watch| watch.is_silent()) {
            return super::failure::silent();
        }
        self.spent().map_or(Failure::Exhausted, Failure::Spent)
    }

    /// Closes connections that have been idle for a while.
    pub fn reap(&self) {
        let idle = Duration::from_secs(CONNECTION_IDLE_S);
        self.inner.retain(|_, metrics| metrics.last_used() < idle);
    }

    /// Closes the connections that are idle: what they have prepared is of tables that have changed.
    pub(super) fn renew(&self) {
        self.inner.retain(|_, _| false);
    }

    pub(crate) fn close(&self) {
        self.inner.close();
    }
}

impl Idle for Pool {
    fn longest_idle(&self) -> Option<Duration> {
        let mut longest = None;
        self.inner.retain(|_, metrics| {
            longest = longest.max(Some(metrics.last_used()));
            true
        });
        longest
    }

    fn close_longest_idle(&self) {
        // The pool holds them in the order in which they were given back.
        let mut is_first = true;
        self.inner.retain(|_, _| !std::mem::take(&mut is_first));
    }
}

impl Connection {
    /// Counts the connection against a share until it is given back.
    pub(super) fn shared_by(self, share: Share) -> Self {
        Self(self.0, Some(share))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Lets the server send as many bytes as the ledger has left, and the overhead of the protocol: the heads of rows, and
    /// in each as many nulls as only show the types of their columns.
    pub(crate) fn allow(&self, ledger: &Ledger, nulls: usize) {
        let row = WIRE_ROW_BYTES.saturating_add((nulls as u64).saturating_mul(WIRE_NULL_BYTES));
        let headers = ledger.left(Limit::DbRows).saturating_mul(row);
        let bytes = ledger.left(Limit::DbBytes).saturating_add(headers);
        self.0.allowance.set(bytes.saturating_add(WIRE_SLACK_BYTES));
    }

    /// Lets the server send the answer to a small statement of the host's own.
    pub(crate) fn raise(&self) {
        self.0.allowance.raise(WIRE_SLACK_BYTES);
    }

    /// What the connection remembers of its server.
    pub(super) fn server(&self) -> &Remembered {
        &self.0.server
    }

    /// Whether the connection was cut off because the server sent more than its allowance.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.0.allowance.is_overdrawn()
    }

    /// Sends statements without parameters, if there are any.
    pub(crate) async fn batch(&self, text: Option<&str>) -> Result<(), Error> {
        match text {
            Some(text) => self.client().batch_execute(text).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn prepare(&self, text: &str) -> Result<Statement, Error> {
        self.client().prepare(text).await
    }

    /// The statement as it is prepared once for this connection; `None` behind a PgBouncer. With it the driver looks up the
    /// types of a result's columns, which it cannot do while the result arrives. Behind a PgBouncer it has looked up all
    /// types at login.
    pub(crate) async fn prepared(&self, text: &str, types: &[Type]) -> Result<Option<Statement>, Error> {
        if self.is_pooled() { Ok(None) } else { self.prepare_cached(text, types).await.map(Some) }
    }

    /// Forgets the statements that this connection has prepared: the tables have changed since.
    pub(crate) fn forget_statements(&self) {
        self.0.client.statement_cache.clear();
        if !self.is_pooled() {
            self.client().clear_type_cache();
        }
    }

    /// Runs a statement: prepared once for this connection, or unnamed behind a PgBouncer.
    pub(crate) async fn query(
        &self,
        text: &str,
        types: &[Type],
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Error> {
        match self.prepared(text, types).await? {
            Some(statement) => self.query_prepared(&statement, parameters).await,
            None => self.query_unnamed(text, types, parameters).await,
        }
    }

    pub(crate) async fn query_unnamed(
        &self,
        text: &str,
        types: &[Type],
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Error> {
        let pairs = parameters.iter().copied().zip(types.iter().cloned());
        self.client().query_typed_raw(text, pairs).await
    }

    pub(crate) async fn query_prepared(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Error> {
        self.client().query_raw(statement, parameters.iter().copied()).await
    }

    async fn prepare_cached(&self, text: &str, types: &[Type]) -> Result<Statement, Error> {
        let client = &self.0.client;
        // A guest chooses the shape of its structured calls, so there can be any number of texts.
        if client.statement_cache.size() >= STATEMENTS_CACHED_MAX {
            client.statement_cache.clear();
        }
        client.prepare_typed_cached(text, types).await
    }

    /// Whether the connection goes through a PgBouncer, where nothing stays on it from one transaction to the next.
    pub(crate) fn is_pooled(&self) -> bool {
        self.0.is_pooled
    }

    /// Ends the transaction and gives the connection back, in the background.
    pub(crate) fn clean_and_return(self, thoroughly: bool) {
        let text = match (self.is_pooled(), thoroughly) {
            (true, _) => "ROLLBACK; DEALLOCATE ALL",
            (false, true) => CLEAN,
            (false, false) => "ROLLBACK",
        };
        spawn(async move {
            self.0.allowance.set(WIRE_SLACK_BYTES);
            let cleaned = timeout(patience(), self.client().batch_execute(text)).await;
            if matches!(cleaned, Ok(Ok(()))) {
                self.give_back();
            } else {
                self.retire();
            }
        });
    }

    /// The server's end of the connection, unless a PgBouncer is in between.
    pub(super) fn backend(&self) -> Option<&Backend> {
        self.0.backend.as_ref()
    }

    /// Gives a clean connection back, or closes it if another pool waits for its permit.
    pub(crate) fn give_back(self) {
        if self.0.budget.as_ref().is_some_and(|budget| budget.has_waiters()) {
            self.close();
        }
    }

    /// Takes the connection out of the pool and closes it.
    pub(crate) fn close(self) {
        drop(Object::take(self.0));
    }

    /// Closes the connection, whose backend may run on. Its seat is free when the server says that the backend is gone.
    pub(crate) fn retire(self) {
        match (self.0.watch.clone(), self.0.backend.clone()) {
            (Some(watch), Some(backend)) => watch.hold(self.0, backend),
            _ => self.close(),
        }
    }

    /// Cancels the statement that the server runs for this connection, waits until it has ended, cleans the connection
    /// and gives it back, all in the background. If that takes long, the connection is [retired](Self::retire).
    ///
    /// A late cancel never hits the next borrower. The server closes the connection of a cancel when it has signalled
    /// the backend, and only then is the cleaning sent. A backend ignores the signal while it waits for a statement, and
    /// if it hits the cleaning, that fails. A PgBouncer promises nothing of the kind, so behind one the connection is
    /// closed.
    pub(crate) fn wind_up(self) {
        spawn(async move {
            let wound_up = timeout(Duration::from_millis(WIND_UP_MS), self.cancel_and_clean()).await;
            if matches!(wound_up, Ok(true)) {
                self.give_back();
            } else {
                self.retire();
            }
        });
    }

    /// Returns whether the connection is as good as new.
    async fn cancel_and_clean(&self) -> bool {
        let login = &*self.0;
        let cancel = login.client.cancel_token();
        let Ok(mut socket) = login.target.dial(&login.config).await else { return false };
        let wait = Duration::from_millis(STATEMENT_MS);
        let sent = timeout(wait, cancel.cancel_query_raw(&mut socket, NoTls)).await;
        if self.is_pooled() || !matches!(sent, Ok(Ok(()))) {
            return false;
        }
        let is_closed =
            matches!(socket.read_u8().await, Err(error) if error.kind() == ErrorKind::UnexpectedEof);
        if !is_closed || login.wind_ups.fetch_add(1, Ordering::Relaxed) >= WIND_UPS_MAX {
            return false;
        }
        login.allowance.raise(WIRE_SLACK_BYTES);
        self.client().batch_execute(CLEAN).await.is_ok()
    }
}

/// The failure of a connection that was cut off because it exceeded its allowance.
pub(crate) fn overdrawn(ledger: &Ledger) -> Failure {
    let max = ledger.max(Limit::DbBytes);
    Failure::Exceeded(Exceeded(Usage { limit: Limit::DbBytes, used: max.saturating_add(1), max }))
}

/// Spawns on the running runtime. Without one the process is ending, and connections end with it.
pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
    }
}
