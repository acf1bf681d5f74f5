//! Units of work: run, committed, and run again when they lose a race.
//!
//! Whatever fails is rolled back before its error is heard. A unit that loses a serialization race (40001, 40P01) has left
//! nothing behind and runs again from its start, with the same seed and clock, a few times. So does a query that was
//! expected to send one statement and sent another.

use crate::error::CallError;
use crate::request::setting::Setting;
use palisade_guard::limits::{MUTATION_ATTEMPTS_MAX, MUTATION_BACKOFF_MAX_MS, MUTATION_BACKOFF_MS};
use palisade_guard::refusal::Refusal;
use palisade_store::postgres::failure::Absence;
use palisade_store::postgres::session::Session;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What one run leaves.
pub(crate) struct Ran<T> {
    /// Its transaction, unless it had to be cut off.
    pub(crate) session: Option<Session>,
    pub(crate) result: Result<T, CallError>,
}

/// A transaction that several plugins take part in, one after the other.
pub(crate) struct SharedTransaction {
    /// Gone with an invocation that had to be cut off: nobody else gets it then.
    session: Option<Session>,
}

impl SharedTransaction {
    pub(crate) fn new(session: Session) -> Self {
        Self { session: Some(session) }
    }

    /// The transaction, for statements of the host's own.
    pub(crate) fn session(&mut self) -> Result<&mut Session, CallError> {
        self.session.as_mut().ok_or_else(lost)
    }

    /// Lends it to one invocation, which gives it back unless it was cut off.
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

    /// What the whole run leaves.
    pub(crate) fn ran<T>(self, result: Result<T, CallError>) -> Ran<T> {
        Ran { session: self.session, result }
    }
}

fn lost() -> CallError {
    CallError::internal(anyhow::anyhow!("a tap returned without its transaction"))
}

/// Work that can be run again from its start.
pub(crate) trait Unit: Send {
    type Output: Send;

    /// It lost a race and will run again.
    fn lost_race(&self);

    /// Runs it once, up to and without the commit.
    fn run(&mut self) -> impl Future<Output = Ran<Self::Output>> + Send;
}

/// Runs a unit until it is committed or has failed for good.
pub(crate) async fn transact<U: Unit>(setting: &Setting, mut unit: U) -> Result<U::Output, CallError> {
    let mut wait = Duration::from_millis(MUTATION_BACKOFF_MS);
    for _ in 0..MUTATION_ATTEMPTS_MAX {
        setting.request.restart();
        match settle(unit.run().await).await {
            Err(Again::AfterOthers) => unit.lost_race(),
            Err(Again::AtOnce) => continue,
            Ok(result) => return result,
        }
        sleep_until(setting.deadline.min(Instant::now() + wait)).await;
        wait = wait.saturating_mul(2).min(Duration::from_millis(MUTATION_BACKOFF_MAX_MS));
    }
    Err(CallError::Contended { attempts: MUTATION_ATTEMPTS_MAX })
}

/// The attempt left nothing behind and must be made again.
enum Again {
    /// It lost a race.
    AfterOthers,
    /// It needs a transaction, and will have one.
    AtOnce,
}

async fn settle<T>(ran: Ran<T>) -> Result<Result<T, CallError>, Again> {
    match (ran.session, ran.result) {
        (Some(session), _) if session.has_outgrown() => Err(Again::AtOnce),
        (Some(session), _) if session.lost_race() => {
            session.rollback().await;
            Err(Again::AfterOthers)
        }
        (Some(session), Ok(value)) => match session.commit().await {
            Ok(()) => Ok(Ok(value)),
            Err(Refusal::Serialization) => Err(Again::AfterOthers),
            Err(refusal) => Ok(Err(refusal.into())),
        },
        (Some(session), Err(error)) => {
            let error = unreached(error, session.absence());
            session.rollback().await;
            Ok(Err(error))
        }
        (None, Err(error)) => Ok(Err(error)),
        (None, Ok(_)) => {
            Ok(Err(CallError::internal(anyhow::anyhow!("a call succeeded without its transaction"))))
        }
    }
}

/// A plugin that failed because the database was away is not to blame, and neither is its caller.
pub(crate) fn unreached(error: CallError, absence: Option<Absence>) -> CallError {
    let Some(absence) = absence else { return error };
    if !matches!(error, CallError::Returned(_) | CallError::Refused { .. } | CallError::Trapped { .. }) {
        return error;
    }
    let source = anyhow::anyhow!("the database was out of reach; the plugin said: {error}");
    match absence {
        Absence::Away => CallError::Unavailable { source },
        Absence::Busy => Refusal::Busy.into(),
        Absence::InDoubt => CallError::InDoubt { source },
    }
}
