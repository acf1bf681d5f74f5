//! Units of work: each runs in one transaction, commits, and runs again if it loses a race.
//!
//! A unit that fails is rolled back before its error is returned. A unit that loses a serialization race (40001, 40P01) has
//! left nothing behind; it runs again from its start, with the same seed and clock, a few times. A query that was expected
//! to send one statement and sent a second one also runs again, in a transaction.

use crate::error::CallError;
use crate::invocation::unreached;
use crate::request::setting::Setting;
use palisade_guard::limits::{MUTATION_ATTEMPTS_MAX, MUTATION_BACKOFF_MAX_MS, MUTATION_BACKOFF_MS};
use palisade_guard::refusal::Refusal;
use palisade_store::postgres::session::Session;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What one run of a unit leaves.
pub(crate) struct Ran<T> {
    /// The transaction; `None` if the run was cut off.
    pub(crate) session: Option<Session>,
    pub(crate) result: Result<T, CallError>,
}

/// A transaction that several plugins take part in, one after the other.
pub(crate) struct SharedTransaction {
    /// `None` after an invocation was cut off: no other invocation may use its transaction.
    session: Option<Session>,
}

impl SharedTransaction {
    pub(crate) fn new(session: Session) -> Self {
        Self { session: Some(session) }
    }

    /// The transaction, for the host's own statements.
    pub(crate) fn session(&mut self) -> Result<&mut Session, CallError> {
        self.session.as_mut().ok_or_else(lost)
    }

    /// Lends the transaction to one invocation, which gives it back unless it is cut off.
    pub(crate) async fn lend<T, F: Future<Output = Ran<T>>>(
        &mut self,
        take_part: impl FnOnce(Session) -> F,
    ) -> Result<T, CallError> {
        let Ran { session, result } = take_part(self.session.take().ok_or_else(lost)?).await;
        self.session = session;
        if self.session.is_none() && result.is_ok() {
            return Err(lost());
        }
        result
    }

    /// The end of the run: its transaction and its result.
    pub(crate) fn ran<T>(self, result: Result<T, CallError>) -> Ran<T> {
        Ran { session: self.session, result }
    }
}

fn lost() -> CallError {
    CallError::internal(anyhow::anyhow!("a tap returned without its transaction"))
}

/// Work that can run again from its start.
pub(crate) trait UnitOfWork: Send {
    type Output: Send;

    /// Counts that the unit lost a race and will run again.
    fn lost_race(&self);

    /// Whether it is rolled back although it succeeds.
    fn is_undone(&self) -> bool {
        false
    }

    /// Runs the unit once, without the commit.
    fn run(&mut self) -> impl Future<Output = Ran<Self::Output>> + Send;
}

/// Runs a unit until it commits, fails, or has lost [`MUTATION_ATTEMPTS_MAX`] races.
pub(crate) async fn transact<U: UnitOfWork>(setting: &Setting, mut unit: U) -> Result<U::Output, CallError> {
    let mut wait = Duration::from_millis(MUTATION_BACKOFF_MS);
    for _ in 0..MUTATION_ATTEMPTS_MAX {
        setting.request.restart();
        let ran = unit.run().await;
        match settle(ran, unit.is_undone()).await {
            Err(Again::AfterOthers) => unit.lost_race(),
            Err(Again::AtOnce) => continue,
            Ok(result) => return result,
        }
        sleep_until(setting.deadline.min(Instant::now() + wait)).await;
        wait = wait.saturating_mul(2).min(Duration::from_millis(MUTATION_BACKOFF_MAX_MS));
    }
    Err(CallError::Contended { attempts: MUTATION_ATTEMPTS_MAX })
}

/// The run left nothing behind, and the unit must run again.
enum Again {
    /// After a wait: it lost a race.
    AfterOthers,
    /// Without a wait: it needs a transaction, and the next run has one; or the tables have changed, and the host has read them
    /// again.
    AtOnce,
}

async fn settle<T>(ran: Ran<T>, is_undone: bool) -> Result<Result<T, CallError>, Again> {
    match (ran.session, ran.result) {
        (Some(session), _) if session.has_outgrown() => Err(Again::AtOnce),
        (Some(session), _) if session.is_outdated() => {
            session.rollback().await;
            Err(Again::AtOnce)
        }
        (Some(session), _) if session.lost_race() => {
            session.rollback().await;
            Err(Again::AfterOthers)
        }
        (Some(session), Ok(value)) if is_undone => {
            session.rollback().await;
            Ok(Ok(value))
        }
        (Some(session), Ok(value)) => match session.commit().await {
            Ok(()) => Ok(Ok(value)),
            Err(Refusal::Serialization) => Err(Again::AfterOthers),
            Err(refusal) => Ok(Err(refusal.into())),
        },
        (Some(session), Err(error)) => {
            let error = unreached(error, &session);
            session.rollback().await;
            Ok(Err(error))
        }
        (None, Err(error)) => Ok(Err(error)),
        (None, Ok(_)) => {
            Ok(Err(CallError::internal(anyhow::anyhow!("a call succeeded without its transaction"))))
        }
    }
}
