//! Connections: one small, lazy pool for each login role.
//!
//! A connection goes back clean or not at all. Which is which is the session's to say. How many connections all plugins
//! hold together is [`seats`](super::seats)' matter; how much the server may send on one, [`wire`](super::wire)'s.

use super::failure::{self, Failure};
use super::seats::Seats;
use super::wire::{Allowance, Counted, Target, targets};
use crate::ledger::{Exceeded, Ledger};
use crate::limits::{
    CONNECTION_IDLE_S, CONNECTION_WAIT_MS, Limit, STATEMENTS_CACHED_MAX, STATEMENT_MS, WIRE_SLACK_BYTES,
};
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, RowStream, Statement};

/// What a connection may have kept of whoever had it: everything but the host's own prepared statements.
const CLEAN: &str = "ROLLBACK; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; CLOSE ALL; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// The connections of one login role.
#[derive(Debug)]
pub(crate) struct Pool {
    pool: managed::Pool<Logins>,
}

/// A connection that is somebody's.
#[derive(Debug)]
pub(crate) struct Connection(Object<Logins>);

/// Logs in as one role.
#[derive(Debug)]
struct Logins {
    config: Arc<Config>,
    targets: Vec<Target>,
    seats: Option<Arc<Seats>>,
}

/// An open connection, and how it was made.
#[derive(Debug)]
struct Login {
    client: ClientWrapper,
    allowance: Allowance,
    config: Arc<Config>,
    target: Target,
    seats: Option<Arc<Seats>>,
}

/// A pool, as those see it who look for connections that nobody uses.
pub(super) trait Idle: Send + Sync {
    /// How long the connection has been idle that has been so the longest.
    fn longest_idle(&self) -> Option<Duration>;
    /// Closes it.
    fn close_longest_idle(&self);
}

impl managed::Manager for Logins {
    type Type = Login;
    type Error = Failure;

    async fn create(&self) -> Result<Login, Failure> {
        let seat = match &self.seats {
            Some(seats) => {
                let taken = timeout(Duration::from_millis(CONNECTION_WAIT_MS), seats.take()).await;
                Some(taken.ok().flatten().ok_or(Failure::Exhausted)?)
            }
            None => None,
        };
        let mut last = Failure::Disconnected("the URL names no server".into());
        for target in &self.targets {
            match self.log_in(target).await {
                Ok((client, driver, allowance)) => {
                    // The seat is free when the socket is closed, and not before.
                    let driver = tokio::spawn(async move {
                        driver.await;
                        drop(seat);
                    });
                    let client = ClientWrapper::new(client, driver);
                    let (config, target) = (Arc::clone(&self.config), target.clone());
                    return Ok(Login { client, allowance, config, target, seats: self.seats.clone() });
                }
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn recycle(&self, login: &mut Login, _: &Metrics) -> RecycleResult<Failure> {
        if login.client.is_closed() { Err(RecycleError::message("closed")) } else { Ok(()) }
    }
}

impl Logins {
    async fn log_in(
        &self,
        target: &Target,
    ) -> Result<(Client, impl Future<Output = ()> + Send + use<>, Allowance), Failure> {
        let lost = |error: std::io::Error| Failure::Disconnected(error.to_string());
        let socket = target.dial(&self.config).await.map_err(lost)?;
        let allowance = Allowance::unlimited();
        let counted = Counted::new(socket, allowance.clone());
        let handshake =
            timeout(Duration::from_millis(STATEMENT_MS), self.config.connect_raw(counted, NoTls)).await;
        let silent = |_| Failure::Disconnected("the server accepts connections and says nothing".into());
        let (client, mut connection) = handshake.map_err(silent)?.map_err(failure::of)?;
        if self.config.get_target_session_attrs() != TargetSessionAttrs::Any {
            let wanted = self.config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly;
            let asked = client.query_typed("SHOW transaction_read_only", &[]);
            let rows = tokio::select! {
                rows = asked => rows.map_err(failure::of)?,
                _ = &mut connection => return Err(Failure::Disconnected("closed at once".into())),
            };
            let is_read_only = rows.first().is_some_and(|row| row.try_get(0).is_ok_and(|on: &str| on == "on"));
            if is_read_only != wanted {
                return Err(Failure::Disconnected("the server is not of the kind that the URL asks for".into()));
            }
        }
        let driver = async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: "palisade::sql", %error, "a connection to the database ended");
            }
        };
        Ok((client, driver, allowance))
    }
}

impl Pool {
    /// A pool of its own.
    pub(crate) fn new(config: Config, connections_max: usize) -> Arc<Self> {
        Self::build(config, connections_max, None)
    }

    /// A pool whose connections need seats.
    pub(crate) fn seated(config: Config, connections_max: usize, seats: &Arc<Seats>) -> Arc<Self> {
        let pool = Self::build(config, connections_max, Some(Arc::clone(seats)));
        let idle: Weak<dyn Idle> = Arc::downgrade(&(Arc::clone(&pool) as Arc<dyn Idle>));
        seats.join(idle);
        pool
    }

    fn build(config: Config, connections_max: usize, seats: Option<Arc<Seats>>) -> Arc<Self> {
        let (targets, config) = (targets(&config), Arc::new(config));
        let wait = Duration::from_millis(CONNECTION_WAIT_MS);
        let pool = managed::Pool::builder(Logins { config, targets, seats })
            .max_size(connections_max)
            .runtime(deadpool::Runtime::Tokio1)
            .wait_timeout(Some(wait))
            .build();
        match pool {
            Ok(pool) => Arc::new(Self { pool }),
            Err(never) => unreachable!("a pool with a runtime can be built: {never}"),
        }
    }

    pub(crate) async fn get(&self) -> Result<Connection, Failure> {
        match self.pool.get().await {
            Ok(object) => Ok(Connection(object)),
            Err(PoolError::Timeout(_)) => Err(Failure::Exhausted),
            // A refused login is the operator's matter, and no statement of a guest.
            Err(PoolError::Backend(Failure::Server(error))) => Err(Failure::Disconnected(error.to_string())),
            Err(PoolError::Backend(failure)) => Err(failure),
            Err(PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Err(Failure::Disconnected("the host is stopping".into()))
            }
        }
    }

    /// Closes connections that nobody has used for a while.
    pub(crate) fn reap(&self) {
        let idle = Duration::from_secs(CONNECTION_IDLE_S);
        self.pool.retain(|_, metrics| metrics.last_used() < idle);
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

impl Idle for Pool {
    fn longest_idle(&self) -> Option<Duration> {
        let mut longest = None;
        self.pool.retain(|_, metrics| {
            longest = longest.max(Some(metrics.last_used()));
            true
        });
        longest
    }

    fn close_longest_idle(&self) {
        // They stand in the order in which they came back.
        let mut is_first = true;
        self.pool.retain(|_, _| !std::mem::take(&mut is_first));
    }
}

impl Connection {
    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Lets the server send what is left of a budget, and what goes with it.
    pub(crate) fn allow(&self, ledger: &Ledger) {
        self.0.allowance.set(ledger.left(Limit::DbBytes).saturating_add(WIRE_SLACK_BYTES));
    }

    /// Whether it was cut off because the server sent more than that.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.0.allowance.is_overdrawn()
    }

    /// Sends statements without parameters; nothing when there is nothing to send.
    pub(crate) async fn batch(&self, text: Option<&str>) -> Result<(), Error> {
        match text {
            Some(text) => self.client().batch_execute(text).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn prepare(&self, text: &str) -> Result<Statement, Error> {
        self.client().prepare(text).await
    }

    pub(crate) async fn prepare_cached(&self, text: &str, types: &[Type]) -> Result<Statement, Error> {
        let client = &self.0.client;
        // The shape of a structured call is the guest's, so there are as many texts as it likes.
        if client.statement_cache.size() >= STATEMENTS_CACHED_MAX {
            client.statement_cache.clear();
        }
        client.prepare_typed_cached(text, types).await
    }

    pub(crate) async fn query_raw(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Error> {
        self.client().query_raw(statement, parameters.iter().copied()).await
    }

    /// Ends the transaction and gives the connection back, off the caller's path.
    pub(crate) fn clean_and_return(self, thoroughly: bool) {
        let text = if thoroughly { CLEAN } else { "ROLLBACK" };
        spawn(async move {
            self.0.allowance.set(WIRE_SLACK_BYTES);
            if self.client().batch_execute(text).await.is_err() {
                self.close();
            } else {
                self.give_back();
            }
        });
    }

    /// Gives a clean connection back, or its seat to somebody who waits for one.
    pub(crate) fn give_back(self) {
        if self.0.seats.as_ref().is_some_and(|seats| seats.are_wanted()) {
            self.close();
        }
    }

    /// Takes the connection out of the pool and closes it.
    pub(crate) fn close(self) {
        drop(Object::take(self.0));
    }

    /// Stops what the server is doing for this connection, then closes it: a late cancel must not meet another borrower.
    pub(crate) fn cancel_and_close(self) {
        let login = Object::take(self.0);
        let cancel = login.client.cancel_token();
        spawn(async move {
            if let Ok(socket) = login.target.dial(&login.config).await {
                let wait = Duration::from_millis(STATEMENT_MS);
                let _sent = timeout(wait, cancel.cancel_query_raw(socket, NoTls)).await;
            }
            drop(login);
        });
    }
}

/// The budget that a connection was cut off for.
pub(crate) fn overdrawn(ledger: &Ledger) -> Failure {
    let max = ledger.max(Limit::DbBytes);
    Failure::Exceeded(Exceeded { limit: Limit::DbBytes, used: max.saturating_add(1), max })
}

/// Spawns on the running runtime. Without one the process is ending, and connections end with it.
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
    }
}
