//! The border between a guest and the host: what is counted and checked whenever one calls the other, and where an invocation
//! gives up its thread.
//!
//! A guest that computes passes a tick of the epoch every few milliseconds. A guest that calls the host again and again may
//! pass none, because only loops and entries of functions look for one, so the return from a host call looks at the clock as
//! well. Whoever has had the thread for a tick yields it, and its processor time is checked. Tests: `tests/lanes.rs`,
//! `tests/limits.rs`.

use super::State;
use crate::engine::processor;
use palisade_guard::ledger::Exceeded;
use palisade_guard::limits::{EPOCH_TICK_MS, Limit, TICK_FRESH_MS};
use palisade_guard::memory::OutOfMemory;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime::{CallHook, CallHookHandler, Store, StoreContextMut, UpdateDeadline};

/// Watches the border of a store.
pub(crate) struct Border;

/// Ends a query that sent more statements than expected and must run again. The guest never sees this error.
#[derive(Debug, thiserror::Error)]
#[error("it runs again, in a transaction")]
pub(crate) struct Outgrown;

/// What follows a crossing. The first case is the usual one, and takes no memory.
enum Crossing {
    Free,
    Yields,
}

impl Border {
    /// Watches the border of this store from now on.
    pub(crate) fn watch(store: &mut Store<State>) {
        store.call_hook_async(Self);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| context.data_mut().tick());
    }
}

type Crossed<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>>;

impl CallHookHandler<State> for Border {
    // Written out, because the macro for this would allocate a future for each crossing.
    fn handle_call_event<'a, 'b, 'c>(
        &'a self,
        mut store: StoreContextMut<'b, State>,
        hook: CallHook,
    ) -> Crossed<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        match store.data_mut().cross(hook) {
            Ok(Crossing::Free) => Box::pin(Free),
            Ok(Crossing::Yields) => Box::pin(Yield { is_over: false }),
            Err(error) => {
                let failed: Ready<wasmtime::Result<()>> = ready(Err(error));
                Box::pin(failed)
            }
        }
    }
}

impl State {
    /// Called whenever control passes between guest and host, epoch ticks included.
    fn cross(&mut self, hook: CallHook) -> wasmtime::Result<Crossing> {
        match hook {
            CallHook::CallingHost => {
                self.ledger.record(Limit::HostCalls, self.ledger.used(Limit::HostCalls).saturating_add(1));
                Ok(Crossing::Free)
            }
            CallHook::ReturningFromHost => {
                if self.session.has_outgrown() || self.session.is_outdated() {
                    return Err(Outgrown.into());
                }
                self.log_printed();
                if self.ledger.is_starved() {
                    return Err(OutOfMemory.into());
                }
                // Only now is it known that this was a host call and not a tick, and what it handled. The guest never sees the
                // call's result.
                self.ledger.limits().check(Limit::HostCalls, self.ledger.used(Limit::HostCalls))?;
                if processor::held() < Duration::from_millis(EPOCH_TICK_MS) {
                    return Ok(Crossing::Free);
                }
                self.check_time()?;
                processor::will_yield();
                Ok(Crossing::Yields)
            }
            CallHook::CallingWasm | CallHook::ReturningFromWasm => Ok(Crossing::Free),
        }
    }

    /// Called at each tick of the epoch that the guest sees.
    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        // The border was crossed for the tick and counted it as a host call, which it is not.
        self.ledger.release(Limit::HostCalls, 1);
        self.check_time()?;
        // The tick may have come while the invocation waited.
        if processor::held() < Duration::from_millis(TICK_FRESH_MS) {
            return Ok(UpdateDeadline::Continue(1));
        }
        processor::will_yield();
        Ok(UpdateDeadline::Yield(1))
    }

    fn check_time(&mut self) -> Result<(), Exceeded> {
        let used = processor::used_ms();
        self.ledger.record(Limit::GuestTime, used);
        self.ledger.limits().check(Limit::GuestTime, used)
    }
}

/// Ends at once.
struct Free;

impl Future for Free {
    type Output = wasmtime::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Ends at the second poll.
struct Yield {
    is_over: bool,
}

impl Future for Yield {
    type Output = wasmtime::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        self.is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
