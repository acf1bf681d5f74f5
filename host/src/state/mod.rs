//! The state of a running invocation: the `T` of its `Store<T>`. All of it is in [`State`] and is dropped with the store.
//!
//! No interface sees all of it: each one in `api/` borrows a narrow view. This room has no rule of an interface and starts no
//! invocation. Guest time is measured where the guest and the host call each other, so it excludes the host's work. Limits of
//! time and memory are in `meter.rs`, log records in `records.rs`, closed WASI in `closed.rs`. Tests: `tests/limits.rs`,
//! `tests/memory.rs`, `tests/wasi.rs`.

pub(crate) mod closed;
mod limit_use;
mod meter;
mod records;

pub(crate) use limit_use::LimitUse;
pub(crate) use meter::{Memory, Meter};
pub(crate) use records::{LogWriter, Records};

use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::random::Random;
use closed::Closed;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::memory::OutOfMemory;
use palisade_store::Backends;
use palisade_store::postgres::session::Session;
use std::sync::Arc;
use tokio::time::Instant;
use wasmtime::CallHook;
use wasmtime::component::ResourceTable;

/// The state of one invocation. Nothing in it is used after the invocation.
pub(crate) struct State {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) request: Arc<Request>,
    pub(crate) kind: Kind,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) session: Session,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) meter: Meter,
    /// Closed WASI, made when the guest first uses it.
    pub(crate) wasi: Option<Box<Closed>>,
    /// When the invocation must have ended.
    pub(crate) deadline: Instant,
    pub(crate) records: Records,
}

/// Ends a query that sent more statements than expected and must run again. The guest never sees this error.
#[derive(Debug, thiserror::Error)]
#[error("it runs again, in a transaction")]
pub(crate) struct Outgrown;

impl State {
    /// Called whenever control passes between guest and host, epoch ticks included.
    pub(crate) fn cross(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        match hook {
            CallHook::CallingHost => {
                self.meter.leave_guest();
                self.ledger.record(Limit::GuestTime, self.meter.guest_ms());
                self.ledger.record(Limit::HostCalls, self.ledger.used(Limit::HostCalls).saturating_add(1));
                Ok(self.ledger.limits().check(Limit::GuestTime, self.meter.guest_ms())?)
            }
            CallHook::ReturningFromHost => {
                self.meter.enter_guest();
                if self.session.has_outgrown() {
                    return Err(Outgrown.into());
                }
                if self.ledger.is_starved() {
                    return Err(OutOfMemory.into());
                }
                // Only now is it known that this was a host call and not a tick. The guest never sees the call's result.
                Ok(self.ledger.limits().check(Limit::HostCalls, self.ledger.used(Limit::HostCalls))?)
            }
            CallHook::CallingWasm => {
                self.meter.enter_guest();
                Ok(())
            }
            CallHook::ReturningFromWasm => {
                self.meter.leave_guest();
                self.ledger.record(Limit::GuestTime, self.meter.guest_ms());
                Ok(())
            }
        }
    }

    /// What the invocation has used of each limit.
    pub(crate) fn limit_use(&self) -> LimitUse<'_> {
        LimitUse {
            plugin: &self.plugin.name,
            kind: self.kind,
            request: &self.request,
            ledger: &self.ledger,
            memory: &self.memory,
            clock: &self.clock,
        }
    }

    /// The invocation's log.
    pub(crate) fn log(&mut self) -> LogWriter<'_> {
        let Self { plugin, backends, request, session, ledger, records, .. } = self;
        LogWriter { plugin, request: &request.id, session, ledger, records, sink: &*backends.log }
    }

    /// Closed WASI, made on first use, with what its interfaces need beside it.
    pub(crate) fn wasi(&mut self) -> (&mut Closed, &mut ResourceTable, &mut Ledger) {
        let Self { wasi, table, clock, random, ledger, .. } = self;
        (wasi.get_or_insert_with(|| Box::new(Closed::new(*clock, random, ledger))), table, ledger)
    }
}
