//! Places that peers share: connections, requests at once, bytes of bodies.
//!
//! The rule: a peer gets more while what it holds then is at most what is still free before. One peer gets half of all places,
//! `n` peers get one part in `n + 1` each, and one part stays free for the next. A peer is an address; an IPv6 network of 64
//! bits is one, because everybody who has one address of it has all. A proxy is as many peers as it has callers, which the
//! server cannot tell apart, so the rule does not hold for it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Bits of an IPv6 address that tell which network it is in.
const NETWORK_BITS: u128 = u128::MAX << 64; // wire: IPv6

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    address: IpAddr,
    is_proxy: bool,
}

impl Peer {
    /// All callers of a server that is not this one, which has limits of its own.
    pub(crate) const UNKNOWN: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), is_proxy: true };

    /// The peer at an address.
    pub(crate) fn at(address: IpAddr, proxies: &[IpAddr]) -> Self {
        let address = address.to_canonical();
        let is_proxy = proxies.iter().any(|proxy| proxy.to_canonical() == address);
        let address = match address {
            IpAddr::V6(address) if !is_proxy => Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS).into(),
            other => other,
        };
        Self { address, is_proxy }
    }

    /// The address, unless it is a proxy's, which stands for many callers.
    pub(crate) fn address(self) -> Option<IpAddr> {
        (!self.is_proxy).then_some(self.address)
    }
}

/// Places that peers share.
#[derive(Debug)]
pub(crate) struct Places {
    inner: Mutex<Inner>,
    returned: Notify,
}

#[derive(Debug)]
struct Inner {
    free: usize,
    held: HashMap<Peer, usize>,
}

/// Places that a peer holds until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    peer: Peer,
    count: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { free: max, held: HashMap::new() }),
            returned: Notify::new(),
        })
    }

    /// Takes places for a peer, if it may have them now.
    pub(crate) fn take(self: &Arc<Self>, peer: Peer, count: usize) -> Option<Place> {
        let mut inner = self.inner();
        let held = inner.held.get(&peer).copied().unwrap_or_default().checked_add(count)?;
        if count > inner.free || (!peer.is_proxy && held > inner.free) {
            return None;
        }
        inner.free -= count;
        inner.held.insert(peer, held);
        Some(Place { places: Arc::clone(self), peer, count })
    }

    /// Takes places for a peer, and waits for them if it may not have them now.
    pub(crate) async fn wait(self: &Arc<Self>, peer: Peer, count: usize, at_most: Duration) -> Option<Place> {
        if let Some(place) = self.take(peer, count) {
            return Some(place);
        }
        let waiting = async {
            loop {
                // Registered before it looks, so that no return in between is missed.
                let mut returned = std::pin::pin!(self.returned.notified());
                returned.as_mut().enable();
                if let Some(place) = self.take(peer, count) {
                    return place;
                }
                returned.await;
            }
        };
        tokio::time::timeout(at_most, waiting).await.ok()
    }

    /// Whether a peer holds none.
    pub(super) fn has_none(&self, peer: Peer) -> bool {
        !self.inner().held.contains_key(&peer)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Gives the places to another peer.
    pub(super) fn hand_to(mut self, peer: Peer) -> Self {
        {
            let mut inner = self.places.inner();
            inner.give_back(self.peer, self.count);
            *inner.held.entry(peer).or_default() += self.count;
            inner.free -= self.count;
        }
        self.peer = peer;
        self
    }
}

impl Inner {
    fn give_back(&mut self, peer: Peer, count: usize) {
        self.free += count;
        if let Some(held) = self.held.get_mut(&peer) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                self.held.remove(&peer);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.inner().give_back(self.peer, self.count);
        self.places.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::at(address.parse().unwrap(), &["10.9.9.9".parse().unwrap()])
    }

    /// Takes single places until there is none to have.
    fn all(places: &Arc<Places>, peer: Peer) -> Vec<Place> {
        std::iter::from_fn(|| places.take(peer, 1)).collect()
    }

    #[test]
    fn peer_gets_half_and_leaves_each_next_one_its_part() {
        let places = Places::new(12);
        let first = all(&places, peer("10.0.0.1"));
        assert_eq!(first.len(), 6);
        let second = all(&places, peer("10.0.0.2"));
        assert_eq!(second.len(), 3);
        assert!(!all(&places, peer("10.0.0.3")).is_empty());
        drop((first, second));
        assert_eq!(all(&places, peer("10.0.0.1")).len(), 6);
    }

    #[test]
    fn proxy_gets_all_places() {
        let places = Places::new(12);
        assert_eq!(all(&places, peer("10.9.9.9")).len(), 12);
        assert_eq!(
            all(&places, peer("::ffff:10.9.9.9")).len(),
            12,
            "the address of an IPv4 proxy on an IPv6 socket"
        );
    }

    #[test]
    fn places_are_counted_by_number() {
        let places = Places::new(10);
        assert!(places.take(peer("10.0.0.1"), 11).is_none());
        assert!(places.take(peer("10.0.0.1"), usize::MAX).is_none());
        let held = places.take(peer("10.0.0.1"), 10).unwrap();
        assert!(places.take(peer("10.0.0.2"), 1).is_none());
        drop(held);
        let held = places.take(peer("10.0.0.1"), 4).unwrap();
        assert!(places.take(peer("10.0.0.1"), 3).is_none() && places.take(peer("10.0.0.1"), 2).is_some());
        drop(held);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    }

    #[test]
    fn place_that_is_handed_on_counts_for_the_new_peer() {
        let places = Places::new(4);
        let (one, two) = (peer("10.0.0.1"), peer("10.0.0.2"));
        let place = places.take(one, 1).unwrap().hand_to(two);
        assert!(places.has_none(one) && !places.has_none(two));
        drop(place);
        assert!(places.has_none(two) && all(&places, two).len() == 2);
    }

    #[tokio::test]
    async fn waiting_peer_gets_the_place_that_is_returned() {
        let places = Places::new(1);
        let held = places.take(peer("10.0.0.1"), 1).unwrap();
        assert!(places.wait(peer("10.0.0.2"), 1, Duration::from_millis(10)).await.is_none());
        let waiting = places.wait(peer("10.0.0.2"), 1, Duration::from_mins(1));
        let give_back = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        assert!(tokio::join!(waiting, give_back).0.is_some());
    }
}
