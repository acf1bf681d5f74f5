//! One invocation's work in the database: at most one connection, and the transaction that its kind needs.
//!
//! The transaction begins with the first statement, in the same round trip: `BEGIN` and the statement are sent
//! together. Each statement of a mutation runs behind a savepoint, so that a failed statement does not end the
//! transaction. An action gives its connection back after each of its calls. After a timeout or a dropped call the
//! statement is cancelled and the connection cleaned; after an unknown error the connection is closed.
//!
//! Not here: the text of a statement, which `host/guard/src/db` and the stores beside this file make; a guest's SQL
//! text, see [`text`](super::text); how a session ends, see [`ending`](super::ending); and results that are read in
//! batches, see [`reading`](super::reading).

use super::failure::{self, Absence, Failure};
use super::mode::{Mode, Progress};
use super::pool::{Connection, Pool};
use super::share::{Owner, Shares};
use super::statement::{Accept, Answer, Cursor, Sql, Step};
use super::watch::patience;
use crate::postgres::claim::Claim;
use crate::postgres::mode::Autocommit;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::{Exceeded, Ledger};
use palisade_guard::limits::{COMMIT_MS_MIN, CONNECTION_WAIT_MS};
use palisade_guard::refusal::Refusal;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{Instant as TokioInstant, timeout_at};

/// The database side of one invocation.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is independent of the others")]
pub struct Session {
    pub(super) pool: Arc<Pool>,
    pub(super) mode: Mode,
    pub(super) connection: Option<Connection>,
    pub(super) begun: bool,
    /// A statement is running: if the session is dropped now, the statement must be cancelled.
    pub(super) in_flight: bool,
    /// When the last statement was sent, if one was.
    flew: Option<Instant>,
    /// When the request must have ended.
    pub(super) deadline: Option<TokioInstant>,
    pub(super) broken: bool,
    /// The connection is in a state that no cleaning mends.
    pub(super) spoiled: bool,
    pub(super) lost_race: bool,
    /// Why the database could not be reached, if it could not.
    absence: Option<Absence>,
    /// Raw SQL ran, or a cursor outlived its transaction: the connection must be cleaned before its next use.
    pub(super) soiled: bool,
    /// The transaction is the host's own, and several plugins take part in it.
    shared: bool,
    /// Of a transaction of the host's own: whose share its connection counts against.
    owner: Option<(Arc<Shares>, Owner)>,
    /// A statement has run as a plugin's role since the transaction began.
    assumed: bool,
    /// The limit that ended the transaction, if one was exceeded.
    exceeded: Option<Exceeded>,
    /// Whether a statement may run without a transaction, or has done so.
    pub(super) autocommit: Autocommit,
    /// Results that are being read.
    pub(super) cursors: BTreeSet<Cursor>,
    /// Cursors that are no longer read. The next statement closes them in its round trip.
    pub(super) closing: Vec<Cursor>,
    /// On whose behalf the plugin acts, if its tables ask for that, and the proof for the next statement.
    pub(super) claim: Option<Claim>,
    pub(super) proof: Option<String>,
    /// The proof that was sent came too late, so the next statement sends one, whatever was sent before.
    pub(super) reproves: bool,
    /// A statement that writes has been committed, in an action.
    pub(super) has_committed: bool,
    /// What the last failure says of the tables, if it says that they may have changed.
    doubt: Option<Doubt>,
    /// The character of the last statement that the server complained of.
    character: Option<u32>,
    /// The tables have changed: the invocation must run again.
    is_outdated: bool,
}

/// What a failed statement says of the tables that the host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The server describes them otherwise.
    Certain,
    /// The statement does not fit them, which a guest's SQL text can cause as well.
    Possible,
}

impl Session {
    /// The transaction of one plugin's invocation, as that plugin's login role.
    pub fn of_plugin(pool: Arc<Pool>, kind: Kind) -> Self {
        Self::new(pool, kind, None)
    }

    /// A transaction of the host, in which plugins may take part.
    pub(super) fn of_host(pool: Arc<Pool>, shares: Arc<Shares>, owner: Owner, kind: Kind) -> Self {
        Self::new(pool, kind, Some((shares, owner)))
    }

    fn new(pool: Arc<Pool>, kind: Kind, owner: Option<(Arc<Shares>, Owner)>) -> Self {
        Self {
            pool,
            mode: Mode::of(kind),
            connection: None,
            begun: false,
            in_flight: false,
            flew: None,
            deadline: None,
            broken: false,
            spoiled: false,
            lost_race: false,
            absence: None,
            soiled: false,
            shared: owner.is_some(),
            owner,
            assumed: false,
            exceeded: None,
            autocommit: Autocommit::Never,
            cursors: BTreeSet::new(),
            closing: Vec::new(),
            claim: None,
            proof: None,
            reproves: false,
            has_committed: false,
            doubt: None,
            character: None,
            is_outdated: false,
        }
    }

    /// Bounds what the session waits for by the request's deadline.
    pub fn until(mut self, deadline: TokioInstant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Whether the action has committed something that a second run would do again.
    pub fn has_committed(&self) -> bool {
        self.has_committed
    }

    /// Asks why a statement has not been answered whose invocation is cut off: whether the server, or the network, is to
    /// blame. If it is, the session remembers that the database was away.
    pub async fn judge_unanswered(&mut self) {
        if self.in_flight && Box::pin(self.is_outage()).await {
            self.absence = self.absence.or(Some(Absence::Away));
        }
    }

    /// Whether a statement lost a serialization race: the whole invocation must run again.
    pub fn lost_race(&self) -> bool {
        self.lost_race
    }

    /// Why the database was unreachable, if it was. Whatever the plugin does about that, its caller can only try again.
    pub fn absence(&self) -> Option<Absence> {
        self.absence
    }

    /// The limit that ended the whole transaction, if one was exceeded. The plugin cannot continue that transaction.
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded.filter(|_| self.mode == Mode::Serializable)
    }

    /// Whether this is a transaction that several plugins share.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Runs a statement whose text the host wrote, prepared once for each connection.
    pub async fn run(&mut self, sql: Sql<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        self.step(Step::Run(sql), ledger).await
    }

    /// Runs a statement whose text the host wrote, and undoes it if the caller refuses its answer.
    pub async fn change(
        &mut self,
        sql: Sql<'_>,
        accept: &mut Accept<'_>,
        ledger: &mut Ledger,
    ) -> Result<Answer, Refusal> {
        self.accepted(Step::Run(sql), accept, ledger).await
    }

    /// Takes one step. The caller has already spent the statement from the ledger.
    pub(super) async fn step(&mut self, step: Step<'_>, ledger: &mut Ledger) -> Result<Answer, Refusal> {
        self.accepted(step, &mut |_, _| Ok(()), ledger).await
    }

    /// Takes one step, and undoes it if the caller refuses its answer.
    pub(super) async fn accepted(
        &mut self,
        step: Step<'_>,
        accept: &mut Accept<'_>,
        ledger: &mut Ledger,
    ) -> Result<Answer, Refusal> {
        self.outgrow()?;
        let is_fresh = self.connection.is_none();
        let mut answer = match self.attempt(step, accept, ledger).await {
            // A connection that died while it was idle is replaced: the server has not even answered BEGIN.
            Err(Failure::Disconnected(_)) if is_fresh && !self.begun => {
                self.discard();
                Box::pin(self.attempt(step, accept, ledger)).await
            }
            other => other,
        };
        let mut tries = 1;
        // The statement is undone, and nothing of it was shown.
        while matches!(answer, Err(Failure::Unproven)) && !self.broken && self.prove_again(tries) {
            tries = tries.saturating_add(1);
            answer = Box::pin(self.attempt(step, accept, ledger)).await;
        }
        self.reproves = false;
        let was_autocommit = self.is_autocommit(step);
        self.autocommit = if was_autocommit { Autocommit::Done } else { Autocommit::Never };
        let answer = answer.map_err(|failure| self.refuse(failure));
        self.rest();
        answer
    }

    fn is_autocommit(&self, step: Step<'_>) -> bool {
        self.autocommit == Autocommit::Expected && self.claim.is_none() && matches!(step, Step::LookUp(_))
    }

    async fn attempt(
        &mut self,
        step: Step<'_>,
        accept: &mut Accept<'_>,
        ledger: &mut Ledger,
    ) -> Result<Answer, Failure> {
        self.connect().await?;
        let growth = self.growth(step).await?;
        let prefix = match step {
            step if self.is_autocommit(step) => None,
            // Preparing the statement has already begun the transaction.
            Step::RunPrepared(..) | Step::Open { is_prepared: true, .. } if self.begun && !self.reproves => {
                None
            }
            // A held cursor needs no transaction.
            Step::Fetch { .. } if self.mode == Mode::Each => None,
            _ => self.prefix(step.role()),
        };
        self.assumed |= self.shared && step.role().is_some();
        self.flies();
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let sent = async { tokio::join!(client.batch(prefix.as_deref()), step.take(client, ledger)) };
        let (opened, answer) = match self.watched(growth.as_ref(), sent).await {
            Ok(both) => both,
            Err(failure) => return Err(failure),
        };
        let answer = match (self.opened(opened, prefix.is_some()), answer) {
            (Err(failure), _) => Err(failure),
            (Ok(()), Err(failure)) => Err(self.undo(failure).await),
            (Ok(()), Ok(answer)) => {
                let accepted = match accept(&answer, ledger).map_err(Failure::Unaccepted) {
                    Ok(()) => self.stay_within(growth).await,
                    refused => refused,
                };
                match accepted {
                    Ok(()) => Ok(answer),
                    Err(failure) => Err(self.undo(failure).await),
                }
            }
        };
        let answer = match answer {
            Ok(answer) if self.mode == Mode::Each => {
                let committed = self.commit_one(step, &answer).await;
                let may_have = matches!(committed, Ok(()) | Err(Failure::InDoubt(_)));
                self.has_committed |= may_have && step.writes();
                committed.map(|()| answer)
            }
            other => other,
        };
        self.in_flight = false;
        answer
    }

    /// Notes that a statement is sent.
    pub(super) fn flies(&mut self) {
        (self.in_flight, self.flew) = (true, Some(Instant::now()));
    }

    /// Waits for an answer as long as a statement may take, but not for long after the request's deadline. The server
    /// itself ends a statement before; if it does not, the statement, the server or the network hangs.
    pub(super) async fn answered<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        let latest = TokioInstant::now() + patience();
        let slack = Duration::from_millis(COMMIT_MS_MIN);
        let latest = self.deadline.map_or(latest, |deadline| latest.min(deadline + slack));
        match timeout_at(latest, answer).await {
            Ok(answer) => Ok(answer),
            Err(_) if Box::pin(self.is_outage()).await => Err(failure::silent()),
            Err(_) => Err(Failure::Overtime),
        }
    }

    async fn is_outage(&self) -> bool {
        let Some(watch) = self.pool.watch() else { return true };
        let backend = self.connection.as_ref().and_then(Connection::backend);
        watch.is_outage(backend, self.flew.unwrap_or_else(Instant::now)).await
    }

    /// Commits one call of an action. A cursor that has been read to its end is closed with it.
    async fn commit_one(&mut self, step: Step<'_>, answer: &Answer) -> Result<(), Failure> {
        match step {
            Step::Fetch { .. } => Ok(()),
            Step::Open { cursor, .. } if step.is_exhausted_by(answer) => {
                self.end(&format!("CLOSE {cursor}; COMMIT")).await
            }
            _ => self.end("COMMIT").await,
        }
    }

    pub(super) async fn connect(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::NoConnection);
        }
        if self.connection.is_none() {
            // Whoever cuts the session off meanwhile can tell why it got no connection.
            self.flies();
            let slack = Duration::from_millis(COMMIT_MS_MIN);
            let connection = match self.deadline {
                Some(deadline) => timeout_at(deadline + slack, self.borrow()).await,
                None => Ok(self.borrow().await),
            };
            self.in_flight = false;
            self.connection = Some(connection.map_err(|_| self.pool.exhausted())??);
        }
        self.prove().await
    }

    async fn borrow(&self) -> Result<Connection, Failure> {
        let Some((shares, owner)) = &self.owner else { return self.pool.get().await };
        let (writes, wait) = (self.mode == Mode::Serializable, Duration::from_millis(CONNECTION_WAIT_MS));
        let share = shares.wait(*owner, writes, wait).await.ok_or_else(|| self.pool.exhausted())?;
        Ok(self.pool.get().await?.shared_by(share))
    }

    /// Gives the connection of a read of the host's own back while the host waits for plugins. The next statement gets a
    /// connection and a snapshot of its own.
    pub(crate) fn pause(&mut self) {
        if self.shared && self.mode == Mode::Snapshot && self.cursors.is_empty() && !self.broken {
            self.release();
            (self.begun, self.soiled, self.spoiled, self.in_flight) = (false, false, false, false);
        }
    }

    pub(super) fn prefix(&mut self, role: Option<&str>) -> Option<String> {
        let closing = std::mem::take(&mut self.closing);
        let role = role.filter(|_| self.shared);
        self.mode.prefix(Progress {
            begun: self.begun,
            assumed: self.assumed,
            keeps_cursors: !self.cursors.is_empty(),
            closing: &closing,
            sets: self.pool.prelude(),
            role,
            // In a shared transaction, only a statement that runs as a role is a plugin's.
            proof: self.proof.as_deref().filter(|_| !self.shared || role.is_some()),
        })
    }

    /// Records whether the prefix succeeded. After a failed prefix the state of the connection is unknown.
    pub(super) fn opened(
        &mut self,
        opened: Result<(), tokio_postgres::Error>,
        was_sent: bool,
    ) -> Result<(), Failure> {
        self.begun |= opened.is_ok() && was_sent;
        opened.map_err(failure::of).inspect_err(|_| self.broken = true)
    }

    /// Rolls a failed statement back to the savepoint, if there is one, so that the transaction can go on.
    pub(super) async fn undo(&mut self, failure: Failure) -> Failure {
        if !failure.leaves_connection() || (self.begun && self.end(self.mode.undo()).await.is_err()) {
            self.broken = true;
        }
        failure
    }

    pub(super) async fn end(&mut self, statement: &str) -> Result<(), Failure> {
        let client = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        // The prepared statement of a guest's text would otherwise stay on the server's side of a PgBouncer.
        let is_named = self.soiled && client.is_pooled();
        let text: Cow<'_, str> = match statement {
            "ROLLBACK" if is_named => "ROLLBACK; DEALLOCATE ALL".into(),
            "COMMIT" if is_named => "DEALLOCATE ALL; COMMIT".into(),
            other => other.into(),
        };
        let ended = self.answered(client.batch(Some(&text))).await;
        match ended.and_then(|ended| ended.map_err(failure::of)) {
            // The server may have committed before the connection was lost.
            Err(Failure::Disconnected(text) | Failure::Silent(text)) if statement.ends_with("COMMIT") => {
                Err(Failure::InDoubt(text))
            }
            Err(Failure::Overtime) if statement.ends_with("COMMIT") => {
                Err(Failure::InDoubt("the server did not answer in time".into()))
            }
            // The server has rolled back what it was told to commit.
            Err(Failure::Unproven) => {
                self.begun = false;
                Err(Failure::Unproven)
            }
            Err(failure) => Err(failure),
            Ok(()) => {
                self.begun &= self.mode != Mode::Each;
                Ok(())
            }
        }
    }

    /// Gives the connection to others between two calls of an action. A connection that broke fails only that call and
    /// the results that were read on it.
    pub(super) fn rest(&mut self) {
        if self.mode != Mode::Each {
            return;
        }
        if self.broken {
            self.cursors.clear();
        }
        if self.cursors.is_empty() {
            self.release();
            self.closing.clear();
            self.in_flight = false;
            (self.begun, self.broken, self.soiled, self.spoiled) = (false, false, false, false);
        }
    }

    /// What the last failure says of the tables, if it says that they may have changed. It is told once.
    pub fn take_doubt(&mut self) -> Option<Doubt> {
        self.doubt.take()
    }

    /// The character, from 1 on, of the text that was sent to which the last failure points, if it is one of the server's. It is
    /// told once.
    pub fn take_character(&mut self) -> Option<u32> {
        self.character.take()
    }

    /// Notes that the tables have changed, and returns what the guest gets: a query or mutation runs again, and an action
    /// may try its call again.
    pub fn outdate(&mut self) -> Refusal {
        self.is_outdated |= self.mode != Mode::Each;
        Refusal::Serialization
    }

    /// Whether the invocation must run again because the tables have changed.
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    pub(super) fn refuse(&mut self, failure: Failure) -> Refusal {
        self.doubt = match failure {
            Failure::Changed => Some(Doubt::Certain),
            _ => failure.doubts_the_tables().then_some(Doubt::Possible),
        };
        self.character = failure.character();
        if let Failure::Exceeded(exceeded) = &failure {
            self.exceeded = Some(*exceeded);
        }
        self.broken |= !failure.leaves_connection();
        self.spoiled |= failure.spoils_connection();
        self.absence = self.absence.or(failure.absence());
        let refusal = failure.into_refusal();
        // Only a mutation leaves nothing behind: an action's earlier calls are committed.
        self.lost_race |= self.mode == Mode::Serializable
            && matches!(refusal, Refusal::Serialization)
            && self.doubt.is_none();
        refusal
    }

    /// Notes that another transaction has changed the row of a statement.
    pub(crate) fn lose_race(&mut self) -> Refusal {
        self.lost_race |= self.mode == Mode::Serializable;
        Refusal::Serialization
    }
}
