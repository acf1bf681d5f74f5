//! A session's statements under the storage quota of the plugin that sends them: what is measured before, after and
//! while they run. The rule is in [`super::storage`].

use super::failure::{self, Failure};
use super::pool::Connection;
use super::session::Session;
use super::statement::Step;
use super::storage::{self, Storage};
use super::watch::Watch;
use palisade_guard::ledger::Exceeded;
use palisade_guard::limits::STORAGE_WATCH_MS;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// A statement that may make a plugin's tables larger.
pub(super) struct Growth {
    storage: Arc<Storage>,
    role: String,
    before: u64,
    is_measured: bool,
}

impl Session {
    /// Whether a step may make a plugin's tables larger. Fails if they are so much larger than the quota that it is not
    /// tried.
    pub(super) async fn growth(&self, step: Step<'_>) -> Result<Option<Growth>, Failure> {
        if !step.grows() {
            return Ok(None);
        }
        let own = self.pool.storage().cloned();
        let found = match (own, step.role()) {
            (Some(own), _) => Some(own),
            (None, Some(role)) => self.pool.watch().and_then(|watch| watch.storage(role)),
            (None, None) => None,
        };
        let Some(storage) = found else { return Ok(None) };
        let role = storage.role().to_owned();
        if storage.is_full()
            && let Some(watch) = self.pool.watch()
        {
            let bytes =
                watch.measure(&role).await.map_err(|refusal| Failure::Disconnected(refusal.to_string()))?;
            storage.before(bytes).map_err(Failure::OverQuota)?;
        }
        let is_measured = storage.write();
        Ok(Some(Growth { before: storage.measured(), storage, role, is_measured }))
    }

    /// Waits for the answer to a statement, and cuts it off if it makes the tables much larger than the quota meanwhile.
    pub(super) async fn watched<T>(
        &self,
        growth: Option<&Growth>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let (Some(growth), Some(watch)) = (growth, self.pool.watch()) else {
            return self.answered(answer).await;
        };
        let answered = pin!(self.answered(answer));
        tokio::select! {
            biased;
            answer = answered => answer,
            exceeded = growth.outgrows(watch) => Err(Failure::Exceeded(exceeded)),
        }
    }

    /// Measures the tables after a statement, if that is due. Fails if the statement has made them larger than the quota.
    pub(super) async fn stay_within(&self, growth: Option<Growth>) -> Result<(), Failure> {
        let Some(Growth { storage, before, is_measured: true, .. }) = growth else { return Ok(()) };
        let connection = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let bytes = self.answered(measure(connection)).await??;
        storage.after(before, bytes).map_err(Failure::OverQuota)
    }
}

impl Growth {
    /// Completes when the tables are much larger than the quota.
    async fn outgrows(&self, watch: &Watch) -> Exceeded {
        loop {
            sleep(Duration::from_millis(STORAGE_WATCH_MS)).await;
            if let Ok(bytes) = watch.measure(&self.role).await
                && let Err(exceeded) = self.storage.meanwhile(bytes)
            {
                return exceeded;
            }
        }
    }
}

/// The size of the tables of the role that the connection has taken, with what its transaction has written.
async fn measure(connection: &Connection) -> Result<u64, Failure> {
    connection.raise();
    let rows = connection.client().query_typed(storage::OWN, &[]).await.map_err(failure::of)?;
    let bytes: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failure::of)?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}
