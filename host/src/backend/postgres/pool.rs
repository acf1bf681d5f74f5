//! Connections: one small, lazy pool for each login role.
//!
//! A connection goes back clean or not at all. Which is which is the session's to say.

use super::failure::{self, Failure};
use crate::limits::{CONNECTION_IDLE_S, CONNECTION_WAIT_MS, STATEMENTS_CACHED_MAX};
use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, RowStream, Statement};

/// What a connection may have kept of whoever had it: everything but the host's own prepared statements.
const CLEAN: &str = "ROLLBACK; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; CLOSE ALL; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// The connections of one login role.
#[derive(Debug)]
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
}

/// A connection that is somebody's.
#[derive(Debug)]
pub(crate) struct Connection(Object);

impl Pool {
    pub(crate) fn new(config: Config, connections_max: usize) -> Result<Self, deadpool_postgres::BuildError> {
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let wait = Some(Duration::from_millis(CONNECTION_WAIT_MS));
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(connections_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(wait)
            .create_timeout(wait)
            .build()?;
        Ok(Self { pool })
    }

    pub(crate) async fn get(&self) -> Result<Connection, Failure> {
        match self.pool.get().await {
            Ok(object) => Ok(Connection(object)),
            Err(PoolError::Timeout(_)) => Err(Failure::Exhausted),
            Err(PoolError::Backend(error)) => match failure::of(error) {
                // A refused login is the operator's matter, and no statement of a guest.
                Failure::Server(error) => Err(Failure::Disconnected(error.to_string())),
                other => Err(other),
            },
            Err(error) => Err(Failure::Disconnected(error.to_string())),
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

impl Connection {
    pub(crate) fn client(&self) -> &Client {
        &self.0
    }

    /// Sends statements without parameters; nothing when there is nothing to send.
    pub(crate) async fn batch(&self, text: Option<&str>) -> Result<(), Error> {
        match text {
            Some(text) => self.0.batch_execute(text).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn prepare(&self, text: &str) -> Result<Statement, Error> {
        self.client().prepare(text).await
    }

    pub(crate) async fn prepare_cached(&self, text: &str, types: &[Type]) -> Result<Statement, Error> {
        // The shape of a structured call is the guest's, so there are as many texts as it likes.
        if self.0.statement_cache.size() >= STATEMENTS_CACHED_MAX {
            self.0.statement_cache.clear();
        }
        self.0.prepare_typed_cached(text, types).await
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
            if self.0.batch_execute(text).await.is_err() {
                self.close();
            }
        });
    }

    /// Takes the connection out of the pool and closes it.
    pub(crate) fn close(self) {
        drop(Object::take(self.0));
    }

    /// Stops what the server is doing for this connection, then closes it: a late cancel must not meet another borrower.
    pub(crate) fn cancel_and_close(self) {
        let client = Object::take(self.0);
        let cancel = client.cancel_token();
        spawn(async move {
            let _sent = cancel.cancel_query(NoTls).await;
            drop(client);
        });
    }
}

/// Spawns on the running runtime. Without one the process is ending, and connections end with it.
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
    }
}
