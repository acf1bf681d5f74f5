//! How a pool logs in as one role, and what it keeps with each connection.

use super::caller;
use super::failure::{self, Failure};
use super::settings::Settings;
use super::watch::{Backend, Seats, Watch};
use super::wire::{Allowance, Counted, Socket, Target};
use crate::postgres::budget::{ConnectionBudget, Permit, Place};
use crate::postgres::claim::Remembered;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use palisade_guard::limits::{CONNECTION_WAIT_MS, STATEMENT_MS};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage};

/// Logs in as one role.
#[derive(Debug)]
pub(super) struct Logins {
    pub config: Arc<Config>,
    /// What each session has set.
    pub settings: Settings,
    pub targets: Vec<Target>,
    pub budget: Option<Arc<ConnectionBudget>>,
    pub is_pooled: bool,
    /// Keeps the seats of backends that run on; `None` for its own connections.
    pub watch: Option<Arc<Watch>>,
    pub seats: Arc<Seats>,
    /// Whether the login is a plugin's, which a hardened database tells nothing but through the host's functions.
    pub is_plugin: bool,
}

/// An open connection, and how it was made.
#[derive(Debug)]
pub(super) struct Login {
    pub client: ClientWrapper,
    pub allowance: Allowance,
    pub config: Arc<Config>,
    pub target: Target,
    pub budget: Option<Arc<ConnectionBudget>>,
    pub is_pooled: bool,
    /// What the connection remembers of its server, once the server was asked.
    pub server: Remembered,
    pub watch: Option<Arc<Watch>>,
    pub seats: Arc<Seats>,
    /// The connection's place in the budget of all plugins.
    pub permit: Arc<Place>,
    /// The server's end of the connection. Behind a PgBouncer it changes with each transaction.
    pub backend: Option<Backend>,
    /// How often a statement on the connection was cut off.
    pub wind_ups: AtomicU32,
    driver: AbortHandle,
}

impl Manager for Logins {
    type Type = Login;
    type Error = Failure;

    async fn create(&self) -> Result<Login, Failure> {
        let mut permit = match &self.budget {
            Some(budget) => {
                let acquired = timeout(Duration::from_millis(CONNECTION_WAIT_MS), budget.acquire()).await;
                Some(acquired.ok().flatten().ok_or(Failure::Exhausted)?)
            }
            None => None,
        };
        let mut last = Failure::Disconnected("the URL names no server".into());
        for target in &self.targets {
            match self.enter(target, &mut permit).await {
                Ok(login) => return Ok(login),
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
    /// Connects and logs in, each within the time that it may take.
    async fn enter(&self, target: &Target, permit: &mut Option<Permit>) -> Result<Login, Failure> {
        let socket = target.dial(&self.config).await;
        let socket = socket.map_err(|error| Failure::Disconnected(error.to_string()))?;
        let silent = |_| Failure::Silent("the server accepts connections but does not answer".into());
        let log_in = Box::pin(self.log_in(target, socket, permit));
        timeout(Duration::from_millis(STATEMENT_MS), log_in).await.map_err(silent)?
    }

    async fn log_in(
        &self,
        target: &Target,
        socket: Socket,
        permit: &mut Option<Permit>,
    ) -> Result<Login, Failure> {
        let allowance = Allowance::unlimited();
        let counted = Counted::new(socket, allowance.clone());
        let (client, connection) = self.config.connect_raw(counted, NoTls).await.map_err(failure::of)?;
        let is_standby = connection.parameter(STANDBY).map(|value| value == "on");
        let permit = Place::new(permit.take());
        let place = Arc::clone(&permit);
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: "palisade::sql", %error, "a connection to the database ended");
            }
            // The permit is released only when the socket is closed.
            drop(place);
        });
        let mut login = Login {
            driver: driver.abort_handle(),
            client: ClientWrapper::new(client, driver),
            allowance,
            config: Arc::clone(&self.config),
            target: target.clone(),
            budget: self.budget.clone(),
            is_pooled: self.is_pooled,
            server: Remembered::default(),
            watch: self.watch.clone(),
            seats: Arc::clone(&self.seats),
            permit,
            backend: None,
            wind_ups: AtomicU32::new(0),
        };
        login.check_session(is_standby).await?;
        if self.is_pooled {
            login.learn_types().await.map_err(failure::of)?;
        } else if self.watch.is_none() {
            self.settings.check(&login.client).await?;
        } else {
            let asked = caller::ask(&login.client, self.is_plugin);
            let (server, set) = tokio::join!(asked, self.settings.check(&login.client));
            set?;
            let server = server?;
            login.server.keep(server);
            let clock = Timestamp::from_microsecond(server.clock_us());
            login.backend = Some(Backend {
                role: self.config.get_user().unwrap_or_default().to_owned(),
                pid: server.pid(),
                clock: clock.map_err(|error| Failure::Unknown(error.to_string()))?,
            });
        }
        Ok(login)
    }
}

/// The parameter with which a server says at each login whether it is a standby, from version 14 on.
const STANDBY: &str = "in_hot_standby";

impl Login {
    /// Refuses a server that does not have the `target_session_attrs` of the URL. A driver would ask for
    /// `transaction_read_only`, which says nothing here: a login's transactions are read only unless they begin
    /// otherwise. What counts is whether the server is a standby.
    async fn check_session(&self, is_standby: Option<bool>) -> Result<(), Failure> {
        let (wanted, sentence) = match self.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => {
                (false, "the server is a standby, and the URL asks for read-write")
            }
            TargetSessionAttrs::ReadOnly => (true, "the server is a primary, and the URL asks for read-only"),
            _ => return Ok(()),
        };
        let is_standby = if let Some(is_standby) = is_standby {
            is_standby
        } else {
            let asked = self.first("SELECT pg_catalog.pg_is_in_recovery()").await;
            asked.map_err(failure::of)?.as_deref() == Some("t")
        };
        if is_standby == wanted { Ok(()) } else { Err(Failure::Disconnected(sentence.into())) }
    }

    /// Closes the socket at once, whoever still holds the connection.
    pub(super) fn hang_up(&self) {
        self.driver.abort();
    }

    /// Lets the driver look up the enum types of the login's schema. For a type that it does not know, the driver
    /// prepares named statements of its own and keeps them; behind a PgBouncer the next transaction would run on a
    /// server connection that does not know those names.
    async fn learn_types(&self) -> Result<(), Error> {
        let names = "SELECT string_agg(format('NULL::%1$I.%2$I, NULL::%1$I.%2$I[]', n.nspname, t.typname), ', ') \
             FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.typtype = 'e' AND n.nspname = ANY (current_schemas(false))";
        let Some(names) = self.first(names).await? else { return Ok(()) };
        self.client.batch_execute("BEGIN").await?;
        self.client.prepare(&format!("SELECT {names}")).await?;
        self.client.batch_execute("ROLLBACK; DEALLOCATE ALL").await
    }

    /// The first value of a statement without parameters.
    async fn first(&self, text: &str) -> Result<Option<String>, Error> {
        let messages = self.client.simple_query(text).await?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.and_then(|row| row.get(0)).map(ToOwned::to_owned))
    }
}
