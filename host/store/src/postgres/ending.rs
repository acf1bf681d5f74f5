//! How a session ends: committed, rolled back, or dropped while something runs.

use super::mode::Mode;
use super::session::Session;
use palisade_guard::limits::COMMIT_MS_MIN;
use palisade_guard::refusal::Refusal;
use std::time::Duration;
use tokio::time::Instant;

impl Session {
    pub(super) fn discard(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.retire();
        }
        self.begun = false;
        self.broken = false;
        self.in_flight = false;
    }

    /// Commits what the invocation did. A deferred constraint or a lost race can still make the commit fail.
    pub async fn commit(mut self) -> Result<(), Refusal> {
        if self.mode != Mode::Serializable {
            // Dropping the session ends its transaction in the background: a query has nothing to wait for.
            return Ok(());
        }
        if self.lost_race {
            return Err(Refusal::Serialization);
        }
        if !self.begun && !self.broken {
            return Ok(());
        }
        if self.broken {
            return Err(Refusal::Unavailable("the transaction's connection is gone".into()));
        }
        // The commit gets a moment even if the deadline is here: what is in doubt helps nobody.
        let moment = Instant::now() + Duration::from_millis(COMMIT_MS_MIN);
        self.deadline = self.deadline.map(|deadline| deadline.max(moment));
        self.flies();
        let committed = self.end("COMMIT").await;
        self.in_flight = false;
        self.begun = false;
        committed.map_err(|failure| self.refuse(failure))
    }

    /// Rolls back what the invocation did, and returns when PostgreSQL has done so.
    pub async fn rollback(mut self) {
        if self.begun && !self.broken {
            self.flies();
            self.broken |= self.end("ROLLBACK").await.is_err();
            self.in_flight = false;
            self.begun = false;
        }
    }

    pub(super) fn release(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.in_flight || self.broken {
            connection.wind_up();
        } else if self.begun || (self.soiled && !connection.is_pooled()) {
            connection.clean_and_return(self.soiled);
        } else {
            connection.give_back();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}
