//! Which connections there are, and which of them gives way when there is no place for another.
//!
//! A connection that waits for a request gives its place to a new one of the same peer, the longest waiting first: a caller who
//! opens connections and says nothing takes places from himself alone. If all of the peer's connections are at work, the new one
//! gets a seat of the reserve, on which the server answers health checks and nothing else; the oldest of those gives way.

use super::places::{Peer, Place, Places};
use palisade_guard::limits::SERVER_RESERVE_CONNECTIONS;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

/// The value of `idle` for a connection that is at work.
const AT_WORK: u64 = u64::MAX;

/// All connections.
pub(super) struct Seats {
    places: Arc<Places>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_peer: HashMap<Peer, Vec<Weak<Seat>>>,
    reserve: VecDeque<Weak<Seat>>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) peer: Peer,
    /// The server's own address on this connection.
    pub(crate) local: SocketAddr,
    /// Whether only health checks are answered.
    pub(crate) is_reserve: bool,
    /// Whether the caller may still be sending a body that nobody reads.
    pub(crate) is_unread: AtomicBool,
    place: Mutex<Option<Place>>,
    /// When it began to wait for a request, in a count that grows; `AT_WORK` while one runs.
    idle: AtomicU64,
    given_up: Notify,
}

/// A connection that is at work until this is dropped.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Seat>);

/// The order in which connections became idle.
static CLOCK: AtomicU64 = AtomicU64::new(0);

impl Seats {
    pub(super) fn new(connections: usize) -> Self {
        Self { places: Places::new(connections), taken: Mutex::default() }
    }

    /// A seat for a new connection.
    pub(super) fn take(&self, peer: Peer, local: SocketAddr) -> Arc<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.places.take(peer, 1).or_else(|| {
            let from = if self.places.has_none(peer) {
                taken.longest_idle(None)
            } else {
                taken.longest_idle(Some(peer))
            };
            let place = from.and_then(|seat| seat.give_up())?;
            Some(place.hand_to(peer))
        });
        let seat = Arc::new(Seat {
            peer,
            local,
            is_reserve: place.is_none(),
            is_unread: AtomicBool::new(false),
            place: Mutex::new(place),
            idle: AtomicU64::new(CLOCK.fetch_add(1, Ordering::Relaxed)),
            given_up: Notify::new(),
        });
        taken.add(&seat);
        seat
    }

    /// Forgets a connection that has ended.
    pub(super) fn leave(&self, seat: &Arc<Seat>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seats) = taken.by_peer.get_mut(&seat.peer) {
            seats.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(seat)));
            if seats.is_empty() {
                taken.by_peer.remove(&seat.peer);
            }
        }
        seat.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Taken {
    fn add(&mut self, seat: &Arc<Seat>) {
        if !seat.is_reserve {
            self.by_peer.entry(seat.peer).or_default().push(Arc::downgrade(seat));
            return;
        }
        self.reserve.retain(|seat| seat.strong_count() > 0);
        if self.reserve.len() >= SERVER_RESERVE_CONNECTIONS {
            let oldest = self.reserve.pop_front().and_then(|seat| seat.upgrade());
            oldest.inspect(|seat| seat.given_up.notify_one());
        }
        self.reserve.push_back(Arc::downgrade(seat));
    }

    /// The connection that has waited for a request for the longest time, of one peer or of all.
    fn longest_idle(&self, of: Option<Peer>) -> Option<Arc<Seat>> {
        let seats: Box<dyn Iterator<Item = &Weak<Seat>>> = match of {
            Some(peer) => Box::new(self.by_peer.get(&peer)?.iter()),
            None => Box::new(self.by_peer.values().flatten()),
        };
        let idle = seats.filter_map(Weak::upgrade).filter_map(|seat| {
            let since = seat.idle.load(Ordering::Relaxed);
            let has_place = seat.place.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            (since != AT_WORK && has_place).then_some((since, seat))
        });
        idle.min_by_key(|(since, _)| *since).map(|(_, seat)| seat)
    }
}

impl Seat {
    /// Says that a request runs on this connection.
    pub(crate) fn work(self: &Arc<Self>) -> AtWork {
        self.idle.store(AT_WORK, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// Completes when the connection has to give way.
    pub(super) async fn given_up(&self) {
        self.given_up.notified().await;
    }

    fn give_up(&self) -> Option<Place> {
        self.given_up.notify_one();
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.idle.store(CLOCK.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "127.0.0.1:8080";

    fn take(seats: &Seats, address: &str) -> Arc<Seat> {
        seats.take(Peer::at(address.parse().unwrap(), &[]), LOCAL.parse().unwrap())
    }

    fn is_given_up(seat: &Seat) -> bool {
        use futures_util::FutureExt as _;
        seat.given_up().now_or_never().is_some()
    }

    #[test]
    fn longest_idle_connection_of_the_same_peer_gives_way() {
        let seats = Seats::new(4);
        let (first, second) = (take(&seats, "10.0.0.1"), take(&seats, "10.0.0.1"));
        drop(first.work());
        let third = take(&seats, "10.0.0.1");
        assert!(!third.is_reserve && is_given_up(&second) && !is_given_up(&first));
        let other = take(&seats, "10.0.0.2");
        assert!(!other.is_reserve && !is_given_up(&first) && !is_given_up(&third));
    }

    #[test]
    fn connections_at_work_keep_their_places_and_the_next_is_of_the_reserve() {
        let seats = Seats::new(4);
        let busy: Vec<_> = (0..2).map(|_| take(&seats, "10.0.0.1")).map(|seat| (seat.work(), seat)).collect();
        let next = take(&seats, "10.0.0.1");
        assert!(next.is_reserve && busy.iter().all(|(_, seat)| !is_given_up(seat)));
        assert!(!take(&seats, "10.0.0.2").is_reserve);
    }

    #[test]
    fn oldest_connection_of_the_reserve_gives_way() {
        let seats = Seats::new(0);
        let mut all: Vec<_> = (0..SERVER_RESERVE_CONNECTIONS).map(|_| take(&seats, "10.0.0.1")).collect();
        assert!(all.iter().all(|seat| seat.is_reserve && !is_given_up(seat)));
        all.push(take(&seats, "10.0.0.2"));
        let given_up: Vec<bool> = all.iter().map(|seat| is_given_up(seat)).collect();
        assert!(given_up[0] && given_up.iter().filter(|given_up| **given_up).count() == 1);
    }

    #[test]
    fn connection_that_ended_returns_its_place() {
        let seats = Seats::new(2);
        let seat = take(&seats, "10.0.0.1");
        let busy = seat.work();
        assert!(take(&seats, "10.0.0.1").is_reserve);
        drop(busy);
        seats.leave(&seat);
        let next = take(&seats, "10.0.0.1");
        assert!(!next.is_reserve && !is_given_up(&seat));
    }
}
