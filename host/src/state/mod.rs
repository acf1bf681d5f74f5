//! The state of a running invocation: the `T` of its `Store<T>`. All of it is in [`State`] and is dropped with the store.
//!
//! No interface sees all of it: each one in `api/` borrows a narrow view. This room has no rule of an interface and starts no
//! invocation. What happens where the guest and the host call each other is in `border.rs`, limits of memory in `memory.rs`,
//! log records in `records.rs`, closed WASI in `closed.rs`. Tests: `tests/limits.rs`, `tests/memory.rs`, `tests/wasi.rs`.

mod border;
pub(crate) mod closed;
mod limit_use;
mod memory;
mod records;

pub(crate) use border::{Border, Outgrown};
pub(crate) use limit_use::LimitUse;
pub(crate) use memory::Memory;
pub(crate) use records::{LogWriter, Records};

use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::random::Random;
use crate::request::taps::AccessTaps;
use closed::Closed;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_store::postgres::session::Session;
use palisade_store::{Backends, LogSource};
use std::sync::Arc;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;

/// What of a plugin an invocation runs: `interface/function`, or the tap's interface.
#[derive(Clone, Debug)]
pub(crate) enum EntryName {
    Function(Arc<str>),
    Tap(&'static str),
}

impl EntryName {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Function(path) => path,
            Self::Tap(tap) => tap,
        }
    }
}

/// The state of one invocation. Nothing in it is used after the invocation.
pub(crate) struct State {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) request: Arc<Request>,
    pub(crate) access: Option<Arc<dyn AccessTaps>>,
    pub(crate) entered: EntryName,
    pub(crate) kind: Kind,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) session: Session,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    /// Closed WASI, made when the guest first uses it.
    pub(crate) wasi: Option<Box<Closed>>,
    /// When the invocation must have ended.
    pub(crate) deadline: Instant,
    pub(crate) records: Records,
}

impl State {
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
        let Self { plugin, backends, request, entered, kind, session, ledger, records, .. } = self;
        let source =
            LogSource { plugin: &plugin.name, entered: entered.as_str(), kind: *kind, request: &request.id };
        LogWriter { plugin, source, session, ledger, records, sink: &*backends.log }
    }

    /// Writes the lines to the log that the guest has printed since the last time.
    fn log_printed(&mut self) {
        if let Some(mut closed) = self.wasi.take() {
            closed.print(&mut self.log());
            self.wasi = Some(closed);
        }
    }

    /// Called when the guest has ended: writes what of the log is not written yet, or nothing if the guest runs again.
    pub(crate) fn close_log(&mut self) {
        if self.session.has_outgrown() || self.session.is_outdated() {
            return;
        }
        if let Some(mut closed) = self.wasi.take() {
            closed.end(&mut self.log());
            self.wasi = Some(closed);
        }
        self.log().close();
    }

    /// Closed WASI, made on first use, with what its interfaces need beside it.
    pub(crate) fn wasi(&mut self) -> (&mut Closed, &mut ResourceTable, &mut Ledger) {
        let Self { wasi, table, clock, random, ledger, .. } = self;
        (wasi.get_or_insert_with(|| Box::new(Closed::new(*clock, random))), table, ledger)
    }
}
