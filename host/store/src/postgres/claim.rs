//! A claim of who calls, and its proof, which no plugin can forge.
//!
//! A table whose rows belong to users has a policy that asks `palisade.caller` on whose behalf a statement runs. The
//! host sends the answer ahead of each statement, in the same round trip: a proof for this role, this connection and a
//! few seconds, under keys that only the host and that function can read. A guest that could run `SET`, which the gate
//! refuses, could save such a proof and set it again, but would gain nothing: on another connection, or later, the
//! proof is invalid.
//!
//! An authentic proof that is expired, or was made for another connection, fails its statement and never shows it less
//! than there is: the session asks the server again and repeats the statement. What was never a proof shows nothing.
//!
//! Not here: which rows a proof gives access to, see [`super::owned`], and when it is sent, see [`super::caller`]. The
//! other half is `proofs.sql`. Tests: `tests/rights/owners.rs`,
//! `tests/rights/clocks.rs`.

use palisade_guard::caller::Caller;
use palisade_guard::limits::{
    CALLER_CLOCK_S, CALLER_KEY_BYTES, CALLER_KEYS_BYTES, CALLER_PROOF_MS, US_PER_MS,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Makes proofs for one database.
pub struct Signer {
    keys: [u8; CALLER_KEYS_BYTES],
}

/// What a connection remembers of the server at its other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pid: i32,
    /// What the server's clock showed, in microseconds since 1970.
    clock_us: i64,
    /// Just before the server was asked, by a clock that nobody can set.
    asked: Instant,
}

/// What a connection remembers of its server, from the first time that the server was asked.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Option<Server>>);

/// On whose behalf an invocation acts, as one plugin's role.
#[derive(Clone)]
pub struct Claim {
    signer: Arc<Signer>,
    role: String,
    who: Who,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    User(Uuid),
    Host,
}

impl Signer {
    pub(crate) fn new(keys: [u8; CALLER_KEYS_BYTES]) -> Arc<Self> {
        Arc::new(Self { keys })
    }

    /// A claim for a caller. An anonymous caller has none, and owns no row. The host's own work acts for all users: a
    /// cron tap that cleans up could not do so if it saw no rows.
    pub fn claim(self: &Arc<Self>, role: &str, caller: &Caller, is_cron: bool) -> Option<Claim> {
        let who = match caller {
            Caller::User(user) => Who::User(user.id),
            Caller::Host => Who::Host,
            Caller::Anonymous if is_cron => Who::Host,
            Caller::Anonymous => return None,
        };
        Some(Claim { signer: Arc::clone(self), role: role.to_owned(), who })
    }

    /// A nested hash under two keys. This is HMAC with separate keys in place of pads, because core PostgreSQL has no
    /// HMAC.
    fn mac(&self, message: &str) -> String {
        let (inner, outer) = self.keys.split_at(CALLER_KEY_BYTES);
        let hash = Sha256::new().chain_update(inner).chain_update(message).finalize();
        hex::encode(Sha256::new().chain_update(outer).chain_update(hash).finalize())
    }
}

impl Claim {
    /// The proof for a connection's server, good from now for as long as a statement may take.
    pub(super) fn proof(&self, server: Server) -> String {
        self.signed(server.pid, server.now_us())
    }

    fn signed(&self, pid: i32, now_us: i64) -> String {
        let who = match self.who {
            Who::User(id) => id.to_string(),
            Who::Host => "host".to_owned(),
        };
        let expiry_us = now_us.saturating_add(CALLER_PROOF_MS.saturating_mul(US_PER_MS));
        let rest = format!("{who}.{expiry_us}.{pid}");
        let mac = self.signer.mac(&format!("{}.{rest}", self.role));
        format!("{rest}.{mac}")
    }
}

impl Server {
    /// What a server has answered that was asked at this time.
    pub(super) fn learnt(pid: i32, clock_us: i64, asked: Instant) -> Self {
        Self { pid, clock_us, asked }
    }

    pub(super) fn is_current(self) -> bool {
        self.asked.elapsed() < Duration::from_secs(CALLER_CLOCK_S)
    }

    /// The process id of the server's end of the connection.
    pub(super) fn pid(self) -> i32 {
        self.pid
    }

    /// What the server's clock showed when it was asked.
    pub(super) fn clock_us(self) -> i64 {
        self.clock_us
    }

    /// What the server's clock shows now, or a little more: the host's own clock has no part in it, and a slow network
    /// makes a proof valid for longer, never for a shorter time.
    fn now_us(self) -> i64 {
        let since = i64::try_from(self.asked.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.clock_us.saturating_add(since)
    }
}

impl Remembered {
    pub(super) fn get(&self) -> Option<Server> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, server: Server) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Forgets the server, so that it is asked again: a proof for it has failed.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("role", &self.role).field("who", &self.who).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn signed(keys: u8, role: &str, who: Who, pid: i32, now_us: i64) -> String {
        let signer = Signer::new([keys; CALLER_KEYS_BYTES]);
        Claim { signer, role: role.to_owned(), who }.signed(pid, now_us)
    }

    #[test]
    fn proof_differs_for_every_key_role_caller_connection_and_time() {
        let (a, b) = (Who::User(Uuid::from_u128(1)), Who::User(Uuid::from_u128(2)));
        let proofs = [
            signed(1, "r", a, 1, 1),
            signed(2, "r", a, 1, 1),
            signed(1, "s", a, 1, 1),
            signed(1, "r", b, 1, 1),
            signed(1, "r", Who::Host, 1, 1),
            signed(1, "r", a, 2, 1),
            signed(1, "r", a, 1, 2),
        ];
        let macs: BTreeSet<&str> = proofs.iter().filter_map(|proof| proof.rsplit('.').next()).collect();
        assert_eq!(macs.len(), proofs.len());
    }

    #[test]
    fn anonymous_caller_has_no_claim_and_the_hosts_own_work_is_for_all_users() {
        let signer = Signer::new([0; CALLER_KEYS_BYTES]);
        assert!(signer.claim("r", &Caller::Anonymous, false).is_none());
        assert!(matches!(signer.claim("r", &Caller::Anonymous, true).unwrap().who, Who::Host));
        assert!(matches!(signer.claim("r", &Caller::Host, false).unwrap().who, Who::Host));
    }
}
