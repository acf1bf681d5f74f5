//! The connection budget: how many connections all plugins of a host may hold together.
//!
//! Each plugin's pool is lazy and small, but two hundred pools together are not small. So a connection of a plugin
//! holds a permit of the budget for as long as it is open. When no permit is left, a pool that needs one closes the
//! longest idle connection of any plugin. When no connection is idle either, a connection that is given back is closed,
//! and its permit goes to the pool that has waited longest.

use palisade_guard::limits::CONNECTION_BUDGET_POLL_MS;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool whose idle connections can be closed for others.
pub(super) trait Idle: Send + Sync {
    /// How long the longest idle connection has been idle.
    fn longest_idle(&self) -> Option<Duration>;
    /// Closes the longest idle connection.
    fn close_longest_idle(&self);
}

/// The connection budget of a host.
#[derive(Debug)]
pub(crate) struct ConnectionBudget {
    max: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<dyn Idle>>>,
}

/// The permit for one connection. Dropping it returns it to the budget.
pub(super) type Permit = OwnedSemaphorePermit;

/// A connection's place in the budget, if it counts against one.
#[derive(Debug, Default)]
pub(super) struct Place(Mutex<Option<Permit>>);

impl Place {
    pub(super) fn new(permit: Option<Permit>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(permit)))
    }

    /// Gives the place to others. Returns whether there was one to give.
    pub(super) fn give_back(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

/// Counts a pool that waits for a permit.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionBudget {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            free: Arc::new(Semaphore::new(max)),
            waiting: AtomicUsize::new(0),
            pools: Mutex::new(Vec::new()),
        })
    }

    /// How many connections are open.
    pub(super) fn in_use(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }

    /// How many connections may be open.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Lets the budget close the idle connections of a pool.
    pub(super) fn join(&self, pool: Weak<dyn Idle>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Takes a permit, or waits for one in turn, as long as the caller lets it.
    pub(super) async fn acquire(&self) -> Option<Permit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(permit);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let mut permit = pin!(Arc::clone(&self.free).acquire_owned());
        loop {
            self.close_one_idle();
            tokio::select! {
                permit = &mut permit => return permit.ok(),
                // A connection may have gone back to its pool just before this pool began to wait.
                () = tokio::time::sleep(Duration::from_millis(CONNECTION_BUDGET_POLL_MS)) => {}
            }
        }
    }

    /// Whether a pool waits for a permit. Then a connection that is given back is closed.
    pub(super) fn has_waiters(&self) -> bool {
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
