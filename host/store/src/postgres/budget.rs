//! How many connections all plugins of a host may hold together.
//!
//! Pools are lazy and each is small, but two hundred of them are not. So a connection of a plugin holds a seat for as
//! long as it is open. When none is left, whoever needs one closes a connection that lies idle in another plugin's
//! pool; when none is idle either, those who give connections back close them for whoever has waited longest.

use palisade_guard::limits::SEAT_POLL_MS;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool, as those see it who look for connections that nobody uses.
pub(super) trait Idle: Send + Sync {
    /// How long the connection has been idle that has been so the longest.
    fn longest_idle(&self) -> Option<Duration>;
    /// Closes it.
    fn close_longest_idle(&self);
}

/// The seats of a host.
#[derive(Debug)]
pub(crate) struct Seats {
    max: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<dyn Idle>>>,
}

/// One seat, free again when it is dropped.
pub(super) type Seat = OwnedSemaphorePermit;

/// Somebody waits for a seat.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seats {
    pub(crate) fn new(seats: usize) -> Arc<Self> {
        Arc::new(Self {
            max: seats,
            free: Arc::new(Semaphore::new(seats)),
            waiting: AtomicUsize::new(0),
            pools: Mutex::new(Vec::new()),
        })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }

    /// How many there are.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Makes a pool's idle connections available to others.
    pub(super) fn join(&self, pool: Weak<dyn Idle>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Takes a seat, or waits for one: in turn, and no longer than the caller lets it.
    pub(super) async fn take(&self) -> Option<Seat> {
        if let Ok(seat) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(seat);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let mut seat = pin!(Arc::clone(&self.free).acquire_owned());
        loop {
            self.close_one_idle();
            tokio::select! {
                seat = &mut seat => return seat.ok(),
                // A connection may have gone back to its pool just before anybody waited.
                () = tokio::time::sleep(Duration::from_millis(SEAT_POLL_MS)) => {}
            }
        }
    }

    /// Whether somebody waits for a seat: a connection that is given back now is closed.
    pub(super) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Closes the connection that has been idle the longest.
    fn close_one_idle(&self) {
        let pools: Vec<Arc<dyn Idle>> = {
            let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.iter().filter_map(Weak::upgrade).collect()
        };
        let longest = pools.iter().filter_map(|pool| Some((pool.longest_idle()?, pool)));
        if let Some((_, pool)) = longest.max_by_key(|(idle, _)| *idle) {
            pool.close_longest_idle();
        }
    }
}
