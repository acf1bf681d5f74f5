//! Two lanes: one for short calls, one for calls that compute for long.
//!
//! A guest that computes yields its thread at each epoch tick, but the next call still waits for the rest of a tick, which is
//! a hundred times as long as a short call. So a guest that has run for longer than a tick moves to the slow lane: threads of
//! the host at the lowest priority, which the system runs when no other thread wants the processor. A call begins on its
//! caller's threads, and a short one stays there. A function that has run for long before begins in the slow lane.
//!
//! An invocation moves between two polls, with its store, its transaction and its deadline. Its I/O stays with the tokio
//! runtime on which it began. Dropping a call ends it in either lane. Test: `tests/lanes.rs`.

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
    /// On the host's threads of the lowest priority.
    Slow,
}

thread_local! {
    /// Whether the invocation that this thread is polling has run for long.
    static RAN_LONG: Cell<bool> = const { Cell::new(false) };
}

/// Reports how long the guest of the invocation that this thread polls has run. From one tick on, the invocation moves to the
/// slow lane, and this returns `true`.
pub(crate) fn has_run(guest_ms: u64) -> bool {
    let is_long = guest_ms >= SLOW_LANE_GUEST_MS;
    if is_long {
        RAN_LONG.set(true);
    }
    is_long
}

/// The lanes of a host. The threads of the slow lane start when they are first needed.
#[derive(Default)]
pub(crate) struct Lanes {
    slow: OnceLock<Option<Runtime>>,
}

impl Lanes {
    /// Runs an invocation to its end. Returns `None` if the host is stopped while it runs in the slow lane.
    pub(crate) async fn run<T: Send + 'static>(
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
            Some(slow) => continue_on(slow, invocation).await,
            None => Some(invocation.await),
        }
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

/// Starts the slow lane's threads, one for each processor: they may use all processor time that is idle.
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

    #[test]
    fn guest_changes_lanes_after_a_tick_and_not_before() {
        assert!(!has_run(SLOW_LANE_GUEST_MS - 1) && !RAN_LONG.take());
        assert!(has_run(SLOW_LANE_GUEST_MS) && RAN_LONG.take());
    }
}
