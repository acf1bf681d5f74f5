//! Two lanes: one for short calls, one for calls that compute for long.
//!
//! A guest that computes yields its thread at each epoch tick, but the next call still waits for the rest of a tick, which is
//! a hundred times as long as a short call. So an invocation that has used the processor for a millisecond, its host calls
//! included, moves to the slow lane: threads of the host at a low priority, where plugins take [turns](super::turns). A call
//! begins on its caller's threads, and a short one stays there. A function or tap that has run for long before begins in the
//! slow lane, and so does an invocation that gets large arguments or a large item: these are converted there, too.
//!
//! What an invocation waits for that other plugins do is done [beside] it: in its task, and in neither its time nor its turn.
//!
//! An invocation moves between two polls, with its store, its transaction and its deadline. Its I/O stays with the tokio
//! runtime on which it began. Only [`Paced`] work takes turns: deadlines and an operator's switch also reach an invocation
//! that waits for one. Dropping a call ends it in either lane. Test: `tests/lanes.rs`.

use super::processor::{self, Account};
use super::turns::{Owner, Player, Turns};
use futures_util::FutureExt;
use palisade_guard::limits::{SLOW_LANE_MS, SLOW_LANE_NICE};
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

/// Where an invocation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// On its caller's threads.
    Usual,
    /// On the host's threads of low priority.
    Slow,
}

thread_local! {
    /// Whether the invocation that this thread is polling has run for long.
    static RAN_LONG: Cell<bool> = const { Cell::new(false) };
    /// Whether that invocation is about to run for long.
    static WILL_RUN_LONG: Cell<bool> = const { Cell::new(false) };
    /// What the invocation that this thread is polling waits for, until its poll ends.
    static BESIDE: Cell<Option<Beside>> = const { Cell::new(None) };
}

/// Work that is done beside an invocation.
type Beside = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The lanes of a host. The threads of the slow lane start when they are first needed.
pub(crate) struct Lanes {
    slow: OnceLock<Option<Runtime>>,
    turns: Arc<Turns>,
    processors: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slow: OnceLock::new(), turns: Arc::new(Turns::new(processors)), processors }
    }
}

impl Lanes {
    /// Runs an invocation to its end. Returns `None` if the host is stopped while it runs in the slow lane.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        mut invocation: Pin<Box<impl Future<Output = T> + Send + 'static>>,
    ) -> Option<T> {
        if lane == Lane::Usual {
            let ended = poll_fn(|context| {
                RAN_LONG.set(false);
                match invocation.as_mut().poll(context) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending if RAN_LONG.take() => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            });
            if let Some(outcome) = ended.await {
                return Some(outcome);
            }
        }
        match self.slow.get_or_init(|| start(self.processors)) {
            Some(slow) => continue_on(slow, invocation).await,
            None => Some(invocation.await),
        }
    }

    /// Does work of more than a few hundred microseconds, in the slow lane and when it is its owner's turn. Returns its result
    /// and the processor time that it took, or `None` if the host is stopped meanwhile.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<(T, Duration)> {
        let turns = self.turns();
        let paced = async move {
            let work = pin!(async move { work() });
            let mut paced = Paced::new(work, turns, owner);
            let done = (&mut paced).await;
            (done, paced.account().used)
        };
        self.run(Lane::Slow, Box::pin(paced)).await
    }

    /// The turns of the slow lane.
    pub(crate) fn turns(&self) -> Arc<Turns> {
        Arc::clone(&self.turns)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if let Some(slow) = self.slow.take().flatten() {
            // A host may be dropped in async code, which must not block.
            slow.shutdown_background();
        }
    }
}

/// The part of an invocation whose processor time counts. It marks the invocation when that has run for long, and in the slow
/// lane it waits for its turn before each poll.
pub(crate) struct Paced<'a, F> {
    work: Pin<&'a mut F>,
    player: Player,
    account: Account,
    /// Since when it has been waiting for a processor.
    waits: Option<Instant>,
    /// What it waits for: it is not polled before that is done.
    beside: Option<Beside>,
}

impl<'a, F: Future> Paced<'a, F> {
    pub(crate) fn new(work: Pin<&'a mut F>, turns: Arc<Turns>, owner: Owner) -> Self {
        Self {
            work,
            player: Player::new(turns, owner),
            account: Account::default(),
            waits: None,
            beside: None,
        }
    }

    /// What it has used until now.
    pub(crate) fn account(&self) -> Account {
        let waits = self.waits.map_or(Duration::ZERO, |since| since.elapsed());
        Account { waited: self.account.waited.saturating_add(waits), ..self.account }
    }

    /// Polls the work itself, when it is its turn.
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        let is_slow = processor::is_patient();
        let turn = if is_slow { self.player.take(context) } else { None };
        if is_slow && turn.is_none() {
            self.waits.get_or_insert_with(Instant::now);
            return Poll::Pending;
        }
        self.account = self.account();
        self.waits = None;
        let (polled, has_yielded) =
            processor::counted(&mut self.account, || self.work.as_mut().poll(context));
        if has_yielded {
            self.waits = Some(Instant::now());
        }
        polled
    }

    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(beside) = &mut self.beside {
                ready!(beside.as_mut().poll(context));
            }
            self.beside = None;
            let polled = self.poll_work(context);
            self.beside = BESIDE.take();
            if self.beside.is_none() {
                return polled;
            }
        }
    }
}

impl<F: Future> Future for Paced<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let polled = this.poll_all(context);
        // Said last: what is done beside is an invocation as well.
        if WILL_RUN_LONG.take() || ran_long(this.account.used) {
            RAN_LONG.set(true);
        }
        polled
    }
}

/// Does work that an invocation waits for and that is not its own: beside it, on the stack and the time of neither its guest nor
/// its turn. It must be awaited by [`Paced`] work. Returns what a panic of the work says.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::thread::Result<T> {
    let done = Arc::new(Mutex::new(None));
    let told = Arc::clone(&done);
    let work = AssertUnwindSafe(work).catch_unwind();
    BESIDE.set(Some(Box::pin(async move {
        let outcome = work.await;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    })));
    // Nothing wakes it: it is polled again when the work is done, and not before.
    poll_fn(|_| match done.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(outcome) => Poll::Ready(outcome),
        None => Poll::Pending,
    })
    .await
}

/// Whether an invocation that has used the processor for so long belongs in the slow lane.
pub(crate) fn ran_long(used: Duration) -> bool {
    used >= Duration::from_millis(SLOW_LANE_MS)
}

/// Gives the thread to others if the invocation that it polls belongs in the slow lane, which it then continues in.
pub(crate) async fn yield_if_long() {
    if ran_long(processor::used()) {
        processor::will_yield();
        tokio::task::yield_now().await;
    }
}

/// Moves the invocation to the slow lane before work that may take long.
pub(crate) async fn leave_usual() {
    if !processor::is_patient() {
        WILL_RUN_LONG.set(true);
        processor::will_yield();
        tokio::task::yield_now().await;
    }
}

/// Starts the slow lane's threads: one for each processor, because they may use all processor time that is idle, and one that
/// is free to end invocations while the others compute.
fn start(processors: usize) -> Option<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let builder =
        builder.worker_threads(processors.saturating_add(1)).thread_name("palisade-slow").enable_all();
    builder.on_thread_start(|| {
        processor::be_patient();
        if let Err(error) = rustix::process::setpriority_process(None, SLOW_LANE_NICE) {
            tracing::warn!(%error, "a thread of the slow lane keeps its priority");
        }
    });
    let started = builder.build();
    started
        .inspect_err(|error| tracing::warn!(%error, "there is no slow lane: long calls stay on their callers' threads"))
        .ok()
}

async fn continue_on<T: Send + 'static>(
    slow: &Runtime,
    invocation: Pin<Box<impl Future<Output = T> + Send + 'static>>,
) -> Option<T> {
    let invocation = invocation.in_current_span().with_current_subscriber();
    match AbortOnDropHandle::new(slow.spawn(invocation)).await {
        Ok(outcome) => Some(outcome),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_stopped) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_aside_is_done_in_the_slow_lane_and_ends_its_turn() {
        let lanes = Lanes::default();
        // More than there are turns.
        for _ in 0..=lanes.processors {
            let (is_slow, _used) = lanes.aside(Owner(1), processor::is_patient).await.unwrap();
            assert!(is_slow && !processor::is_patient());
        }
    }

    #[tokio::test]
    async fn work_beside_is_done_while_the_other_waits_and_counts_for_neither_its_time() {
        const A_WHILE: Duration = Duration::from_millis(20);
        let spin = async {
            let start = Instant::now();
            while start.elapsed() < A_WHILE {
                tokio::task::yield_now().await;
            }
            processor::used()
        };
        let mut waits = pin!(async { (beside(spin).await.unwrap(), processor::used()) });
        let mut paced = Paced::new(waits.as_mut(), Arc::new(Turns::new(1)), Owner(1));
        let (counted_beside, used) = (&mut paced).await;
        assert_eq!(counted_beside, Duration::ZERO, "nobody counts what is not an invocation");
        assert!(used < A_WHILE && paced.account().used < A_WHILE, "{used:?}");
    }

    #[tokio::test]
    async fn panic_beside_is_told_to_the_work_that_waits() {
        let mut within = pin!(async { beside::<()>(async { panic!("beside") }).await.is_err() });
        assert!(Paced::new(within.as_mut(), Arc::new(Turns::new(1)), Owner(1)).await);
    }

    #[test]
    fn invocation_runs_long_from_the_slow_lanes_time_on_and_not_before() {
        let long = Duration::from_millis(SLOW_LANE_MS);
        assert!(ran_long(long) && !ran_long(long.saturating_sub(Duration::from_nanos(1))));
    }
}
