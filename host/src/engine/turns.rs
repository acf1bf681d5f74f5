//! Turns of the slow lane: as many invocations as there are processors run at once, and plugins take turns.
//!
//! An invocation takes a turn for each poll, which a tick ends at the latest, and then queues again behind the other
//! invocations of its plugin. The plugins that wait are served one after the other, so a plugin with a hundred spinning calls
//! gets as many turns as one with a single call. The lock is held for a few instructions. Not here: threads and priorities,
//! which are in `lane.rs`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// The turns of a slow lane.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Inner>);

/// Whose invocations share a queue: a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) usize);

#[derive(Debug)]
struct Inner {
    /// Turns that nobody has. While some are free, nobody waits.
    free: usize,
    /// The owners that wait, in the order of their turns, each with its invocations in order.
    waiting: VecDeque<(Owner, VecDeque<(Ticket, Waker)>)>,
    /// Invocations that were given a turn and were not polled since.
    called: Vec<Ticket>,
    next: u64,
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket(u64);

/// An invocation that takes turns. When it is dropped, it leaves its queue.
#[derive(Debug)]
pub(super) struct Player {
    turns: Arc<Turns>,
    owner: Owner,
    ticket: Option<Ticket>,
}

/// A turn, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// Turns for this many invocations at once.
    pub(super) fn new(at_once: usize) -> Self {
        let inner = Inner { free: at_once, waiting: VecDeque::new(), called: Vec::new(), next: 0 };
        Self(Mutex::new(inner))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_one(&self) {
        let called = self.inner().call();
        if let Some(waker) = called {
            waker.wake();
        }
    }
}

impl Inner {
    /// Gives a turn that has ended to the next owner's first invocation. Returns whom to wake.
    fn call(&mut self) -> Option<Waker> {
        let next = self.waiting.pop_front().and_then(|(owner, mut queue)| {
            let first = queue.pop_front();
            if !queue.is_empty() {
                self.waiting.push_back((owner, queue));
            }
            first
        });
        let Some((ticket, waker)) = next else {
            self.free = self.free.saturating_add(1);
            return None;
        };
        self.called.push(ticket);
        Some(waker)
    }

    /// Takes a ticket from the called ones.
    fn answer(&mut self, ticket: Ticket) -> bool {
        let place = self.called.iter().position(|called| *called == ticket);
        place.map(|place| self.called.swap_remove(place)).is_some()
    }

    fn queue(&mut self, owner: Owner) -> Option<&mut VecDeque<(Ticket, Waker)>> {
        self.waiting.iter_mut().find(|(other, _)| *other == owner).map(|(_, queue)| queue)
    }

    fn wait(&mut self, owner: Owner, waker: Waker) -> Ticket {
        let ticket = Ticket(self.next);
        self.next = self.next.wrapping_add(1);
        match self.queue(owner) {
            Some(queue) => queue.push_back((ticket, waker)),
            None => self.waiting.push_back((owner, VecDeque::from([(ticket, waker)]))),
        }
        ticket
    }

    fn leave(&mut self, owner: Owner, ticket: Ticket) {
        if let Some(queue) = self.queue(owner) {
            queue.retain(|(waiting, _)| *waiting != ticket);
            if queue.is_empty() {
                self.waiting.retain(|(other, _)| *other != owner);
            }
        }
    }
}

impl Player {
    pub(super) fn new(turns: Arc<Turns>, owner: Owner) -> Self {
        Self { turns, owner, ticket: None }
    }

    /// Takes a turn if it is this invocation's. Otherwise the invocation waits, and the task is woken when it is.
    pub(super) fn take(&mut self, context: &Context<'_>) -> Option<Turn> {
        let mut inner = self.turns.inner();
        match self.ticket {
            None if inner.free > 0 => inner.free = inner.free.saturating_sub(1),
            None => {
                self.ticket = Some(inner.wait(self.owner, context.waker().clone()));
                return None;
            }
            Some(ticket) if inner.answer(ticket) => self.ticket = None,
            Some(ticket) => {
                let queue = inner.queue(self.owner);
                let place = queue.and_then(|queue| queue.iter_mut().find(|(waiting, _)| *waiting == ticket));
                if let Some((_, waker)) = place {
                    waker.clone_from(context.waker());
                }
                return None;
            }
        }
        drop(inner);
        Some(Turn(Arc::clone(&self.turns)))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let was_called = {
            let mut inner = self.turns.inner();
            inner.leave(self.owner, ticket);
            inner.answer(ticket)
        };
        if was_called {
            self.turns.end_one();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.end_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: Context<'static> = Context::from_waker(Waker::noop());

    fn players(turns: &Arc<Turns>, owner: usize, number: usize) -> Vec<Player> {
        (0..number).map(|_| Player::new(Arc::clone(turns), Owner(owner))).collect()
    }

    /// Lets all players queue and play for this many turns. Returns how many turns each owner had.
    fn play(players: &mut [Player], rounds: usize) -> [usize; 3] {
        let mut had = [0; 3];
        let mut playing: VecDeque<(usize, Turn)> = VecDeque::new();
        for _ in 0..rounds {
            for (index, player) in players.iter_mut().enumerate() {
                if playing.iter().all(|(other, _)| *other != index)
                    && let Some(turn) = player.take(&CONTEXT)
                {
                    had[player.owner.0] += 1;
                    playing.push_back((index, turn));
                }
            }
            playing.pop_front();
        }
        had
    }

    #[test]
    fn owners_get_equal_turns_whatever_the_number_of_their_invocations() {
        for at_once in [1, 2, 4] {
            let turns = Arc::new(Turns::new(at_once));
            let mut all: Vec<Player> = [(0, 128), (1, 12), (2, 4)]
                .into_iter()
                .flat_map(|(owner, n)| players(&turns, owner, n))
                .collect();
            let had = play(&mut all, 3_000);
            assert!(had.iter().all(|turns| (900..=1_100).contains(turns)), "{at_once} at once: {had:?}");
        }
    }

    #[test]
    fn invocations_of_one_owner_take_turns_in_order() {
        let turns = Arc::new(Turns::new(1));
        let mut all = players(&turns, 0, 3);
        let first = all[0].take(&CONTEXT).unwrap();
        assert!(all[1].take(&CONTEXT).is_none() && all[2].take(&CONTEXT).is_none());
        drop(first);
        assert!(all[0].take(&CONTEXT).is_none() && all[2].take(&CONTEXT).is_none(), "it is the second's");
        drop(all[1].take(&CONTEXT).unwrap());
        drop(all[2].take(&CONTEXT).unwrap());
        drop(all[0].take(&CONTEXT).unwrap());
    }

    #[test]
    fn player_who_leaves_keeps_no_turn() {
        let turns = Arc::new(Turns::new(1));
        let mut all = players(&turns, 0, 3);
        let first = all[0].take(&CONTEXT).unwrap();
        assert!(all[1].take(&CONTEXT).is_none() && all[2].take(&CONTEXT).is_none());
        drop(all.remove(1));
        drop(first);
        // The turn is the last one's, which leaves as well.
        drop(all.remove(1));
        assert!(all[0].take(&CONTEXT).is_some());
        let inner = turns.inner();
        assert!((inner.free, inner.waiting.len(), inner.called.len()) == (1, 0, 0), "{inner:?}");
    }
}
