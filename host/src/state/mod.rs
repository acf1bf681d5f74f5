//! What a running invocation has: the `T` of its `Store<T>`. All of it hangs off [`State`], and nothing outlives it.
//!
//! An interface never sees the whole: each takes a narrow view of it, in `api/`. Guest time is measured at the border:
//! the clock of the guest stops while the host works.

mod account;
pub(crate) mod closed;
mod meter;
mod records;

pub(crate) use account::Account;
pub(crate) use meter::{Memory, Meter};
pub(crate) use records::{Log, Records};

use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::random::Random;
use closed::Closed;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_store::Backends;
use palisade_store::postgres::session::Session;
use std::sync::Arc;
use tokio::time::Instant;
use wasmtime::CallHook;
use wasmtime::component::ResourceTable;

/// What one invocation has: all of it, and nothing that outlives it.
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
    /// WASI, made when the guest first touches it.
    pub(crate) wasi: Option<Box<Closed>>,
    /// When the invocation must be over.
    pub(crate) deadline: Instant,
    pub(crate) records: Records,
}

/// A query sent more statements than it was expected to, and runs again: the guest never sees why.
#[derive(Debug, thiserror::Error)]
#[error("it runs again, in a transaction")]
pub(crate) struct Outgrown;

impl State {
    /// Called whenever the guest calls the host or comes back from it, ticks included.
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
                // Checked here because only here it is known that it was no tick. The guest never sees what the call gave.
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
    pub(crate) fn account(&self) -> Account<'_> {
        Account {
            plugin: &self.plugin.name,
            kind: self.kind,
            request: &self.request,
            ledger: &self.ledger,
            memory: &self.memory,
            clock: &self.clock,
        }
    }

    /// What the invocation writes log records with.
    pub(crate) fn log(&mut self) -> Log<'_> {
        let Self { plugin, backends, request, session, ledger, records, .. } = self;
        Log { plugin: &plugin.name, request: &request.id, session, ledger, records, sink: &*backends.log }
    }

    /// WASI, made when the guest first touches it.
    pub(crate) fn wasi(&mut self) -> (&mut Closed, &mut ResourceTable) {
        let Self { wasi, table, clock, random, ledger, .. } = self;
        (
            wasi.get_or_insert_with(|| Box::new(Closed::new(*clock, random, ledger.left(Limit::LogBytes)))),
            table,
        )
    }
}
