//! The host's own connections for transactions, which those for whom it works share.
//!
//! The rule: an owner gets one more while what it holds then is at most what is still free before. So an owner alone gets half
//! of them, and the next one always finds some. Writes together get half as well, under the same rule among themselves: a
//! write holds its connection while plugins' taps run, and a read never does.
//!
//! An owner is a user, the host itself, or all anonymous callers at one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// For whom the host works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The host itself.
    Host,
    /// A user, wherever they call from.
    User(Uuid),
    /// The anonymous callers at this address; `None` if it is not known.
    Anonymous(Option<IpAddr>),
}

/// The host's connections, as places.
#[derive(Debug)]
pub(super) struct Shares {
    inner: Mutex<Inner>,
    returned: Notify,
}

#[derive(Debug)]
struct Inner {
    all: Part,
    writes: Part,
}

/// Places that owners share.
#[derive(Debug)]
struct Part {
    free: usize,
    held: HashMap<Owner, usize>,
}

/// A place that an owner holds until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    owner: Owner,
    writes: bool,
}

impl Shares {
    pub(super) fn new(max: usize, writes_max: usize) -> Arc<Self> {
        let part = |free| Part { free, held: HashMap::new() };
        let inner = Mutex::new(Inner { all: part(max), writes: part(writes_max) });
        Arc::new(Self { inner, returned: Notify::new() })
    }

    /// Takes a place, if the owner may have one now.
    pub(super) fn take(self: &Arc<Self>, owner: Owner, writes: bool) -> Option<Share> {
        let mut inner = self.inner();
        if !inner.all.allows(owner) || (writes && !inner.writes.allows(owner)) {
            return None;
        }
        inner.all.take(owner);
        if writes {
            inner.writes.take(owner);
        }
        drop(inner);
        Some(Share { shares: Arc::clone(self), owner, writes })
    }

    /// Takes a place, and waits for it if the owner may not have one now.
    pub(super) async fn wait(
        self: &Arc<Self>,
        owner: Owner,
        writes: bool,
        at_most: Duration,
    ) -> Option<Share> {
        if let Some(share) = self.take(owner, writes) {
            return Some(share);
        }
        let waiting = async {
            loop {
                // Registered before it looks, so that no return in between is missed.
                let mut returned = std::pin::pin!(self.returned.notified());
                returned.as_mut().enable();
                if let Some(share) = self.take(owner, writes) {
                    return share;
                }
                returned.await;
            }
        };
        tokio::time::timeout(at_most, waiting).await.ok()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn allows(&self, owner: Owner) -> bool {
        self.held.get(&owner).copied().unwrap_or_default() < self.free
    }

    fn take(&mut self, owner: Owner) {
        self.free = self.free.saturating_sub(1);
        *self.held.entry(owner).or_default() += 1;
    }

    fn give_back(&mut self, owner: Owner) {
        self.free = self.free.saturating_add(1);
        if let Some(held) = self.held.get_mut(&owner) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&owner);
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut inner = self.shares.inner();
        inner.all.give_back(self.owner);
        if self.writes {
            inner.writes.give_back(self.owner);
        }
        drop(inner);
        self.shares.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Owner {
        Owner::Anonymous(Some(IpAddr::from([10, 0, 0, last])))
    }

    fn all(shares: &Arc<Shares>, owner: Owner, writes: bool) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(owner, writes)).collect()
    }

    #[test]
    fn owner_gets_half_and_the_next_ones_still_find_some() {
        let shares = Shares::new(14, 7);
        let first = all(&shares, peer(1), false);
        assert_eq!(first.len(), 7);
        let second = all(&shares, Owner::User(Uuid::nil()), false);
        assert_eq!(second.len(), 4);
        assert_eq!(all(&shares, Owner::Anonymous(None), false).len(), 2);
        assert!(shares.take(peer(1), false).is_none());
        drop((first, second));
        assert_eq!(all(&shares, peer(1), false).len(), 7);
    }

    #[test]
    fn writes_of_all_owners_leave_half_to_reads() {
        let shares = Shares::new(14, 7);
        let writes: Vec<Share> = (0..14).flat_map(|last| all(&shares, peer(last), true)).collect();
        assert_eq!(writes.len(), 7);
        assert_eq!(writes.iter().filter(|share| share.owner == peer(0)).count(), 4);
        assert!(shares.take(Owner::Host, true).is_none());
        assert!(shares.take(Owner::Host, false).is_some());
        drop(writes);
        assert_eq!(all(&shares, peer(1), true).len(), 4);
    }

    #[tokio::test]
    async fn owner_waits_for_its_own_place_and_no_longer_than_it_may() {
        let shares = Shares::new(2, 1);
        let first = shares.take(peer(1), false).unwrap();
        assert!(shares.wait(peer(1), false, Duration::from_millis(10)).await.is_none());
        let waiting = shares.wait(peer(1), false, Duration::from_mins(1));
        let (share, ()) = tokio::join!(waiting, async { drop(first) });
        assert!(share.is_some());
    }
}
