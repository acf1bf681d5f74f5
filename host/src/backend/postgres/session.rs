//! One invocation's work in the database: at most one connection, and the transaction its kind asks for.
//!
//! The transaction opens with the first statement and in the same round trip: `BEGIN` and the statement are sent together.
//! Each statement of a mutation stands behind a savepoint, so that one that fails does not take the transaction with
//! it. A connection that saw a timeout, a dropped call or an unknown error is closed and never pooled again.
//!
//! Not here: what a statement says. That is made by `guard/db` and by the stores beside this file.

use super::failure::{self, Failure};
use super::mode::Mode;
use super::pool::{Connection, Pool};
use super::statement::{Answer, Sql, collect};
use crate::error::Refusal;
use crate::kind::Kind;
use crate::ledger::{Exceeded, Ledger};
use crate::limits::Limit;
use std::sync::Arc;
use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

/// The database side of one invocation.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says one thing that can be true beside any other")]
pub struct Session {
    pool: Arc<Pool>,
    mode: Mode,
    connection: Option<Connection>,
    begun: bool,
    /// A statement is on its way: dropping the session now must cancel it.
    in_flight: bool,
    broken: bool,
    lost_race: bool,
    /// The database could not be reached.
    out_of_reach: bool,
    /// Raw SQL ran: the connection is cleaned before anybody else gets it.
    soiled: bool,
    /// The transaction is the host's own, and several plugins take part in it.
    shared: bool,
    /// A statement has run as a plugin's role since the transaction began.
    assumed: bool,
    /// The budget that ended the transaction, if one did.
    exceeded: Option<Exceeded>,
}

impl Session {
    /// The transaction of one plugin's invocation, as that plugin's login role.
    pub(crate) fn of_plugin(pool: Arc<Pool>, kind: Kind) -> Self {
        Self::new(pool, kind, false)
    }

    /// A transaction of the host, in which plugins may take part.
    pub(crate) fn of_host(pool: Arc<Pool>, kind: Kind) -> Self {
        Self::new(pool, kind, true)
    }

    fn new(pool: Arc<Pool>, kind: Kind, shared: bool) -> Self {
        Self {
            pool,
            mode: Mode::of(kind),
            connection: None,
            begun: false,
            in_flight: false,
            broken: false,
            lost_race: false,
            out_of_reach: false,
            soiled: false,
            shared,
            assumed: false,
            exceeded: None,
        }
    }

    /// Whether a statement lost a serialization race: the whole invocation must run again.
    pub(crate) fn lost_race(&self) -> bool {
        self.lost_race
    }

    /// Whether the database was out of reach: whatever the plugin made of that, its caller can only try again.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.out_of_reach
    }

    /// Whether this is a transaction that several plugins share.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Runs a statement whose text the host wrote, prepared once for each connection.
    pub(crate) async fn run(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        ledger.spend(Limit::DbStatements, 1)?;
        let first = self.connection.is_none();
        match self.attempt(sql, ledger, None).await {
            // An idle connection that died in the pool is no reason to fail: not even BEGIN was answered.
            Err(Failure::Disconnected(_)) if first && !self.begun => {
                self.discard();
                self.attempt(sql, ledger, None).await
            }
            other => other,
        }
        .map_err(|failure| self.refuse(failure))
    }

    /// Runs the printed text of a checked tree, as the plugin's own role.
    pub(crate) async fn run_text(
        &mut self,
        text: &str,
        bind: impl FnOnce(&[Type]) -> Result<Vec<Box<dyn ToSql + Sync + Send>>, Refusal>,
        ledger: &mut Ledger,
    ) -> Result<(Answer, Statement), Refusal> {
        ledger.spend(Limit::DbStatements, 1)?;
        self.soiled = true;
        let prepared = self.prepare(text).await;
        let statement = prepared.map_err(|failure| self.refuse(failure))?;
        let bound = match bind(statement.params()) {
            Ok(bound) => bound,
            Err(refusal) => {
                // In an action the transaction is this statement's own and ends with it.
                self.broken |= self.mode == Mode::Each && self.end("ROLLBACK").await.is_err();
                return Err(refusal);
            }
        };
        let parameters: Vec<&(dyn ToSql + Sync)> =
            bound.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let sql = Sql { text, parameters: &parameters, types: &[], role: None };
        let result = self.attempt(sql, ledger, Some(&statement)).await;
        result.map(|answer| (answer, statement)).map_err(|failure| self.refuse(failure))
    }

    /// Opens the connection, and the transaction before the statement is even parsed.
    async fn prepare(&mut self, text: &str) -> Result<Statement, Failure> {
        self.connect().await?;
        let prefix = self.prefix(None);
        self.in_flight = true;
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let (opened, statement) = tokio::join!(client.batch(prefix.as_deref()), client.prepare(text));
        self.in_flight = false;
        self.begun |= opened.is_ok() && prefix.is_some();
        if let Err(error) = opened {
            self.broken = true;
            return Err(failure::of(error));
        }
        match statement {
            Ok(statement) => Ok(statement),
            Err(error) => Err(self.undo(failure::of(error)).await),
        }
    }

    async fn attempt(
        &mut self,
        sql: Sql<'_>,
        ledger: &mut Ledger,
        ready: Option<&Statement>,
    ) -> Result<Answer, Failure> {
        self.connect().await?;
        let prefix = if ready.is_some() { None } else { self.prefix(sql.role) };
        self.assumed |= self.shared && sql.role.is_some();
        self.in_flight = true;
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let run = async {
            let statement = match ready {
                Some(statement) => statement.clone(),
                None => client.prepare_cached(sql.text, sql.types).await.map_err(failure::of)?,
            };
            let stream = client.query_raw(&statement, sql.parameters).await.map_err(failure::of)?;
            collect(stream, ledger).await
        };
        let (opened, answer) = tokio::join!(client.batch(prefix.as_deref()), run);
        self.begun |= opened.is_ok() && prefix.is_some();
        let answer = match (opened.map_err(failure::of), answer) {
            // Nobody knows what such a connection is in the middle of.
            (Err(failure), _) => {
                self.broken = true;
                Err(failure)
            }
            (Ok(()), Err(failure)) => Err(self.undo(failure).await),
            (Ok(()), Ok(answer)) if self.mode == Mode::Each => {
                let committed = self.end("COMMIT").await;
                committed.map(|()| answer)
            }
            (Ok(()), Ok(answer)) => Ok(answer),
        };
        self.in_flight = false;
        answer
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::NoConnection);
        }
        if self.connection.is_none() {
            self.connection = Some(self.pool.get().await?);
        }
        Ok(())
    }

    fn prefix(&self, role: Option<&str>) -> Option<String> {
        self.mode.prefix(self.begun, self.assumed, role.filter(|_| self.shared))
    }

    /// After a failed statement: back to the savepoint, so that the transaction can go on.
    async fn undo(&mut self, failure: Failure) -> Failure {
        if !failure.leaves_connection() {
            self.broken = true;
            return failure;
        }
        let back = if self.mode == Mode::Each { "ROLLBACK" } else { "ROLLBACK TO SAVEPOINT s" };
        if self.end(back).await.is_err() {
            self.broken = true;
        }
        failure
    }

    async fn end(&mut self, statement: &str) -> Result<(), Failure> {
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        client.batch(Some(statement)).await.map_err(failure::of)?;
        if self.mode == Mode::Each {
            self.begun = false;
        }
        Ok(())
    }

    fn refuse(&mut self, failure: Failure) -> Refusal {
        if let Failure::Exceeded(exceeded) = &failure {
            self.exceeded = Some(*exceeded);
        }
        self.broken |= !failure.leaves_connection();
        self.out_of_reach |= matches!(failure, Failure::Disconnected(_) | Failure::Exhausted);
        let refusal = failure.into_refusal();
        // Only a mutation has left nothing behind: an action's earlier calls are committed.
        self.lost_race |= self.mode == Mode::Serializable && matches!(refusal, Refusal::Serialization);
        refusal
    }

    /// Notes that a statement found its row changed by somebody else.
    pub(crate) fn lose_race(&mut self) -> Refusal {
        self.lost_race |= self.mode == Mode::Serializable;
        Refusal::Serialization
    }

    fn discard(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
        self.begun = false;
        self.broken = false;
        self.in_flight = false;
    }

    /// Commits what the invocation did. A deferred constraint or a lost race can still refuse it.
    pub(crate) async fn commit(mut self) -> Result<(), Refusal> {
        if self.mode != Mode::Serializable {
            // Dropping the session ends what is left of it, off the caller's path: a query has nothing to wait for.
            return Ok(());
        }
        if self.lost_race {
            return Err(Refusal::Serialization);
        }
        if let Some(exceeded) = self.exceeded {
            return Err(Refusal::Exceeded(exceeded));
        }
        if !self.begun && !self.broken {
            return Ok(());
        }
        if self.broken {
            return Err(Refusal::Unavailable("the transaction's connection is gone".into()));
        }
        self.in_flight = true;
        let committed = self.end("COMMIT").await;
        self.in_flight = false;
        self.begun = false;
        committed.map_err(|failure| self.refuse(failure))
    }

    /// Gives up what the invocation did, and says so to PostgreSQL before anything else happens.
    pub(crate) async fn rollback(mut self) {
        if self.begun && !self.broken {
            self.in_flight = true;
            self.broken |= self.end("ROLLBACK").await.is_err();
            self.in_flight = false;
            self.begun = false;
        }
    }

    fn release(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.in_flight || self.broken {
            connection.cancel_and_close();
        } else if self.begun || self.soiled {
            connection.clean_and_return(self.soiled);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}
