//! The places of a host: how many invocations run at once, over all plugins.
//!
//! Most places are for everybody, in the order in which they ask. Some are kept for plugins that have few invocations running,
//! so that no number of busy plugins leaves the others without one. Not here: how many invocations one plugin may run, which
//! its own semaphore counts. Test: `tests/lanes.rs`.

use palisade_guard::limits::{PLACES_RESERVED, PLACES_RESERVED_PLUGIN_MAX};
use std::sync::Arc;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The places of a host.
#[derive(Debug)]
pub(crate) struct Places {
    open: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

impl Places {
    /// This many places, of which [`PLACES_RESERVED`] or, on a small host, half are reserved.
    pub(crate) fn new(total: usize) -> Self {
        let reserved = PLACES_RESERVED.min(total / 2);
        Self::of(total.saturating_sub(reserved), reserved)
    }

    fn of(open: usize, reserved: usize) -> Self {
        Self { open: Arc::new(Semaphore::new(open)), reserved: Arc::new(Semaphore::new(reserved)) }
    }

    /// A place for everybody, if one is free.
    pub(super) fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.open).try_acquire_owned().ok()
    }

    /// Waits for a place for one more invocation of a plugin. `own` is the plugin's own semaphore, of which the invocation
    /// has a permit.
    pub(super) async fn take(&self, own: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, AcquireError> {
        if let Some(place) = self.free() {
            return Ok(place);
        }
        let open = Arc::clone(&self.open).acquire_owned();
        // Each permit, and each invocation that waits for one, holds the semaphore.
        if Arc::strong_count(own).saturating_sub(1) > PLACES_RESERVED_PLUGIN_MAX {
            return open.await;
        }
        tokio::select! {
            place = open => place,
            place = Arc::clone(&self.reserved).acquire_owned() => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    /// The places that a plugin gets at once if it asks for this many.
    fn taken(places: &Places, number: usize) -> Vec<[OwnedSemaphorePermit; 2]> {
        let own = Arc::new(Semaphore::new(number));
        let take = || {
            let permit = Arc::clone(&own).try_acquire_owned().unwrap();
            Some([permit, places.take(&own).now_or_never()?.unwrap()])
        };
        (0..number).map_while(|_| take()).collect()
    }

    #[test]
    fn busy_plugins_leave_places_to_those_with_few_invocations() {
        let few = PLACES_RESERVED_PLUGIN_MAX;
        let places = Places::of(200, 2 * few);
        let busy = [taken(&places, 128), taken(&places, 128)];
        assert_eq!(busy.each_ref().map(Vec::len), [128, 72]);
        assert_eq!(taken(&places, 128).len(), few, "a plugin that comes late");
        let _late = [taken(&places, few), taken(&places, few)];
        assert_eq!(taken(&places, 1).len(), 0, "all places are taken");
        drop(busy);
        assert_eq!(taken(&places, 128).len(), 128);
    }
}
