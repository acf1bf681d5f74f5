//! Two lanes: calls that are soon over, and those that keep computing.
//!
//! A guest that spins gives its thread away at each epoch tick, and still whoever comes next waits for the rest of a tick, a
//! hundred times what a call takes. So a guest that has run for longer than a tick goes on in a lane of its own: threads of
//! the host at the lowest priority, which the system runs when nobody else wants the processor. Calls begin where their
//! caller is, and one that is soon over never leaves; a function that has been seen to run for long begins in the slow lane.
//!
//! An invocation moves as a whole, between two polls: its store, its transaction, its deadline. What it waits for stays with
//! the runtime that it began on. A caller who drops the call drops it in either lane. Test: `tests/lanes.rs`.

use palisade_guard::limits::{SLOW_LANE_GUEST_MS, SLOW_LANE_NICE};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

/// Where an invocation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// On its caller's threads.
    Usual,
    /// On threads of the lowest priority.
    Slow,
}

thread_local! {
    /// Whether the invocation that this thread is polling has run for long.
    static RAN_LONG: Cell<bool> = const { Cell::new(false) };
}

/// Says of the invocation that this thread is polling how long its guest has run: after a tick's time it changes lanes.
pub(crate) fn has_run(guest_ms: u64) -> bool {
    let is_long = guest_ms >= SLOW_LANE_GUEST_MS;
    if is_long {
        RAN_LONG.set(true);
    }
    is_long
}

/// The slow lane of a host, made when it is first needed.
#[derive(Default)]
pub(crate) struct Lanes {
    slow: OnceLock<Option<Runtime>>,
}

impl Lanes {
    /// Runs an invocation to its end. Nothing when the host is stopped under it.
    pub(crate) async fn carry<T: Send + 'static>(
        &self,
        lane: Lane,
        invocation: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut invocation = Box::pin(invocation);
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
        match self.slow.get_or_init(start) {
            Some(slow) => go_on(slow, invocation).await,
            None => Some(invocation.await),
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if let Some(slow) = self.slow.take().flatten() {
            // A host is dropped where nobody may wait.
            slow.shutdown_background();
        }
    }
}

/// As many threads as there are processors: what nobody else uses is all theirs.
fn start() -> Option<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("palisade-slow").enable_all().on_thread_start(|| {
        if let Err(error) = rustix::process::setpriority_process(None, SLOW_LANE_NICE) {
            tracing::warn!(%error, "a thread of the slow lane keeps its priority");
        }
    });
    let started = builder.build();
    started
        .inspect_err(|error| tracing::warn!(%error, "there is no slow lane: long calls stay on their callers' threads"))
        .ok()
}

async fn go_on<T: Send + 'static>(
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

    #[test]
    fn guest_that_ran_for_a_tick_ran_long_and_below_it_did_not() {
        assert!(!has_run(SLOW_LANE_GUEST_MS - 1) && !RAN_LONG.take());
        assert!(has_run(SLOW_LANE_GUEST_MS) && RAN_LONG.take());
    }
}
