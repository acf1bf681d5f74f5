//! How a pool logs in as one role, and what it keeps with each connection.

use super::failure::{self, Failure};
use super::wire::{Allowance, Counted, Target};
use crate::postgres::budget::{ConnectionBudget, Permit};
use crate::postgres::claim::Remembered;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use palisade_guard::limits::{CONNECTION_WAIT_MS, STATEMENT_MS};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage};

/// Logs in as one role.
#[derive(Debug)]
pub(super) struct Logins {
    pub config: Arc<Config>,
    pub targets: Vec<Target>,
    pub budget: Option<Arc<ConnectionBudget>>,
    pub is_pooled: bool,
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
            match self.log_in(target, &mut permit).await {
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
    async fn log_in(&self, target: &Target, permit: &mut Option<Permit>) -> Result<Login, Failure> {
        let socket = target.dial(&self.config).await;
        let socket = socket.map_err(|error| Failure::Disconnected(error.to_string()))?;
        let allowance = Allowance::unlimited();
        let counted = Counted::new(socket, allowance.clone());
        let handshake = timeout(Duration::from_millis(STATEMENT_MS), self.config.connect_raw(counted, NoTls));
        let silent = |_| Failure::Disconnected("the server accepts connections but does not answer".into());
        let (client, connection) = handshake.await.map_err(silent)?.map_err(failure::of)?;
        let permit = permit.take();
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: "palisade::sql", %error, "a connection to the database ended");
            }
            // The permit is released only when the socket is closed.
            drop(permit);
        });
        let login = Login {
            client: ClientWrapper::new(client, driver),
            allowance,
            config: Arc::clone(&self.config),
            target: target.clone(),
            budget: self.budget.clone(),
            is_pooled: self.is_pooled,
            server: Remembered::default(),
        };
        login.check_session().await?;
        if self.is_pooled {
            login.learn_types().await.map_err(failure::of)?;
        }
        Ok(login)
    }
}

impl Login {
    /// Refuses a server that does not have the `target_session_attrs` of the URL.
    async fn check_session(&self) -> Result<(), Failure> {
        let wanted = match self.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => "off",
            TargetSessionAttrs::ReadOnly => "on",
            _ => return Ok(()),
        };
        let setting = self.first("SHOW transaction_read_only").await.map_err(failure::of)?;
        if setting.as_deref() != Some(wanted) {
            let sentence = "the server's target_session_attrs are not those that the URL asks for";
            return Err(Failure::Disconnected(sentence.into()));
        }
        Ok(())
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
