//! The watch: what the host asks the server off the path of requests. Does it answer, and which of the backends that the
//! host gave up run on?
//!
//! **Seats.** Some functions of PostgreSQL look at no interrupt: such a statement runs on for minutes after its timeout,
//! a cancel and even `pg_terminate_backend`. If its connection were simply closed, its plugin would get another one, and
//! the server another busy backend. So a connection that could not be wound up is [held](Watch::hold): its seat in the
//! plugin's pool is free again only when the server says that its backend is gone. A plugin whose seats are all held that
//! way is [spent](super::pool::Pool::is_spent) and gets no more connections; its neighbours lose nothing. While the server
//! is silent nobody knows whether a backend runs on, and no plugin is blamed.
//!
//! **Pulse.** Each question, and the poll of the switches once a second, tells whether the server answers. See
//! [`super::pulse`].
//!
//! It has a small pool of its own, so that nothing that callers ask for delays it. Behind a PgBouncer a backend belongs to
//! no connection, so nothing is held there. Tests: `tests/db/seats.rs`, `tests/db/outage.rs`.

use super::failure;
use super::login::{Login, Logins};
use super::lookup;
use super::pool::Pool;
use super::pulse::Pulse;
use super::storage::Storage;
use crate::postgres::pool::spawn;
use deadpool::managed::Object;
use jiff::Timestamp;
use palisade_guard::limits::{
    ANSWER_MS, PING_MS, RUNNING_ON_MS, RUNNING_ON_SPARE_MAX, SEAT_POLL_MAX_MS, SEAT_POLL_MS,
};
use palisade_guard::refusal::Refusal;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// Ends backends that the host gave up, and returns those that are still there.
const END: &str = "SELECT s.id, pg_catalog.pg_terminate_backend(a.pid) \
    FROM unnest($1::int8[], $2::int4[], $3::timestamptz[], $4::text[]) AS s(id, pid, clock, role) \
    JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid AND a.usename = s.role AND a.backend_start <= s.clock";

/// Whether a backend works on a statement, or has just ended one: then its answer is not owed, but on its way.
const IS_BUSY: &str = "SELECT FROM pg_catalog.pg_stat_activity \
    WHERE pid = $1 AND usename = $2 AND backend_start <= $3 \
    AND (state = 'active' OR state_change > pg_catalog.clock_timestamp() - interval '1 second')";

/// A backend of one of the host's connections: its process id, and the server's clock at a time when it was there, which
/// tells it from a later process with the same id.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) role: String,
    pub(super) pid: i32,
    pub(super) clock: Timestamp,
}

/// The seats of one pool that backends hold which run on.
#[derive(Debug, Default)]
pub(super) struct Seats {
    running_on: AtomicUsize,
}

/// A seat whose connection is closed and whose backend may run on.
struct Held {
    id: i64,
    seat: Object<Logins>,
    backend: Backend,
    /// When the server first said that the backend is still there.
    seen: Option<Instant>,
    runs_on: bool,
    is_spared: bool,
}

/// What the host asks the server off the path of requests.
pub(crate) struct Watch {
    pool: Arc<Pool>,
    pulse: Mutex<Pulse>,
    held: Mutex<HeldSeats>,
    /// The plugins' storage, by role.
    storages: Mutex<HashMap<String, Arc<Storage>>>,
}

#[derive(Default)]
struct HeldSeats {
    seats: Vec<Held>,
    next: i64,
    is_polled: bool,
    is_closed: bool,
}

impl Seats {
    /// How many backends run on.
    pub(super) fn running_on(&self) -> usize {
        self.running_on.load(Ordering::Relaxed)
    }
}

impl Watch {
    pub(super) fn new(pool: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { pool, pulse: Mutex::default(), held: Mutex::default(), storages: Mutex::default() })
    }

    /// Whether the server owes an answer.
    pub(super) fn is_silent(&self) -> bool {
        self.pulse().is_silent(Instant::now())
    }

    /// Asks something that the server answers at once if it answers at all.
    pub(super) async fn ask(
        &self,
        text: &str,
        types: &[Type],
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Refusal> {
        self.pulse().ask(Instant::now());
        let asked = lookup::on(&self.pool, text, types, values);
        let answer = timeout(Duration::from_millis(PING_MS), asked).await;
        let answer = answer.unwrap_or_else(|_| Err(failure::silent()));
        let is_silent = answer.as_ref().err().and_then(failure::Failure::absence).is_some();
        if !is_silent {
            self.pulse().answer(Instant::now());
        }
        answer.map_err(failure::Failure::into_refusal)
    }

    /// Whether the server answers.
    pub(super) async fn ping(&self) -> Result<(), Refusal> {
        self.ask("SELECT 1", &[], &[]).await.map(drop)
    }

    /// Whether the answer that a backend has owed since then is missing because the server was silent, or the network,
    /// and not because the statement takes so long.
    pub(super) async fn is_outage(&self, backend: Option<&Backend>, since: Instant) -> bool {
        let Some(Backend { role, pid, clock }) = backend else {
            return self.ping().await.is_err() || self.was_silent(since);
        };
        let types = [Type::INT4, Type::TEXT, Type::TIMESTAMPTZ];
        let busy = self.ask(IS_BUSY, &types, &[pid, role, clock]).await;
        self.was_silent(since) || !busy.is_ok_and(|rows| !rows.is_empty())
    }

    fn was_silent(&self, since: Instant) -> bool {
        self.pulse().was_silent(since, Instant::now())
    }

    /// Registers the storage of a plugin's role.
    pub(super) fn store(&self, role: &str, storage: Arc<Storage>) {
        let mut storages = self.storages.lock().unwrap_or_else(PoisonError::into_inner);
        storages.insert(role.to_owned(), storage);
    }

    /// The storage of a plugin's role.
    pub(super) fn storage(&self, role: &str) -> Option<Arc<Storage>> {
        self.storages.lock().unwrap_or_else(PoisonError::into_inner).get(role).cloned()
    }

    /// Bytes of the tables of a plugin's role.
    pub(super) async fn measure(&self, role: &str) -> Result<u64, Refusal> {
        let rows = self.ask("SELECT palisade.storage($1)", &[Type::NAME], &[&role]).await?;
        let bytes: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(Refusal::internal)?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Closes a connection whose backend may run on, and keeps its seat until the server says that the backend is gone.
    pub(super) fn hold(self: &Arc<Self>, seat: Object<Logins>, backend: Backend) {
        seat.hang_up();
        let is_new = {
            let mut held = self.held();
            if held.is_closed {
                drop(Object::take(seat));
                return;
            }
            let id = held.next;
            held.next = held.next.wrapping_add(1);
            held.seats.push(Held { id, seat, backend, seen: None, runs_on: false, is_spared: false });
            !std::mem::replace(&mut held.is_polled, true)
        };
        if is_new {
            spawn(poll(Arc::clone(self)));
        }
    }

    /// Forgets all held seats.
    pub(super) fn close(&self) {
        let seats = {
            let mut held = self.held();
            held.is_closed = true;
            std::mem::take(&mut held.seats)
        };
        seats.into_iter().for_each(Held::free);
        self.pool.close();
    }

    /// Closes idle connections.
    pub(super) fn reap(&self) {
        self.pool.reap();
    }

    /// Tells the server to end the backends of held seats, and frees the seats of those that are gone. Returns whether
    /// any seat is held.
    async fn look(&self) -> bool {
        let (mut ids, mut pids, mut clocks, mut roles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        {
            let mut held = self.held();
            if held.seats.is_empty() {
                held.is_polled = false;
                return false;
            }
            for Held { id, backend: Backend { role, pid, clock }, .. } in &held.seats {
                ids.push(*id);
                pids.push(*pid);
                clocks.push(*clock);
                roles.push(role.clone());
            }
        }
        let types = [Type::INT8_ARRAY, Type::INT4_ARRAY, Type::TIMESTAMPTZ_ARRAY, Type::TEXT_ARRAY];
        match self.ask(END, &types, &[&ids, &pids, &clocks, &roles]).await {
            Ok(rows) => {
                let there: Vec<i64> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
                self.settle(&ids, &there);
            }
            Err(refusal) => {
                tracing::debug!(target: "palisade::sql", %refusal, "it is not known which backends run on");
            }
        }
        true
    }

    fn settle(&self, asked: &[i64], there: &[i64]) {
        let mut gone = Vec::new();
        {
            let mut held = self.held();
            let mut spared = held.seats.iter().filter(|held| held.is_spared).count();
            let mut index = 0;
            while let Some(seat) = held.seats.get_mut(index) {
                if asked.contains(&seat.id) && !there.contains(&seat.id) {
                    gone.push(held.seats.swap_remove(index));
                    continue;
                }
                seat.is_there(&mut spared);
                index = index.saturating_add(1);
            }
        }
        gone.into_iter().for_each(Held::free);
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, HeldSeats> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the held seats until none is left.
async fn poll(watch: Arc<Watch>) {
    let mut wait = Duration::from_millis(SEAT_POLL_MS);
    while watch.look().await {
        sleep(wait).await;
        wait = wait.saturating_mul(2).min(Duration::from_millis(SEAT_POLL_MAX_MS));
    }
}

impl Held {
    /// The server has said that the backend is still there.
    fn is_there(&mut self, spared: &mut usize) {
        let seen = *self.seen.get_or_insert_with(Instant::now);
        if self.runs_on || seen.elapsed() < Duration::from_millis(RUNNING_ON_MS) {
            return;
        }
        self.runs_on = true;
        let Login { seats, .. } = &*self.seat;
        if seats.running_on.fetch_add(1, Ordering::Relaxed) == 0 {
            let Backend { role, pid, .. } = &self.backend;
            tracing::warn!(
                role,
                pid,
                "a statement runs on in the database after it was cancelled; its connection stays taken from \
                 its plugin until the server has ended it"
            );
        }
        // The plugin's seat stays taken. Its place in the budget of all plugins is given to others while the server has
        // connections to spare.
        if *spared < RUNNING_ON_SPARE_MAX && self.seat.permit.give_back() {
            self.is_spared = true;
            *spared = spared.saturating_add(1);
        }
    }

    fn free(self) {
        if self.runs_on {
            let left = self.seat.seats.running_on.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
            if left == 0 {
                tracing::info!(
                    role = self.backend.role,
                    "no cancelled statement runs on in the database any more"
                );
            }
        }
        drop(Object::take(self.seat));
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("pulse", &self.pulse).finish_non_exhaustive()
    }
}

/// How long an answer is waited for.
pub(super) fn patience() -> Duration {
    Duration::from_millis(ANSWER_MS)
}
