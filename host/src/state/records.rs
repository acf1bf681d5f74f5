//! The log records of an invocation: within its budget, and each written once.
//!
//! A query that may have to run again (see `host/store/src/postgres/autocommit.rs`) keeps its records until it is
//! certain that it does not. Sink: [`palisade_store::log`]; what a record may contain: [`palisade_guard::logging`].

use crate::plugin::Plugin;
use crate::state::closed::Printed;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::logging::LogRecord;
use palisade_guard::request_context::RequestId;
use palisade_store::LogSink;
use palisade_store::postgres::session::Session;

/// Records that are not written yet.
#[derive(Default)]
pub(crate) struct Records {
    kept: Vec<LogRecord>,
    dropped: u64,
}

/// The log of one invocation.
pub(crate) struct LogWriter<'a> {
    pub(super) plugin: &'a Plugin,
    pub(super) request: &'a RequestId,
    pub(super) session: &'a Session,
    pub(super) ledger: &'a mut Ledger,
    pub(super) records: &'a mut Records,
    pub(super) sink: &'a dyn LogSink,
}

impl LogWriter<'_> {
    /// Counts the bytes that the guest passed, of which a record may keep a part.
    pub(crate) fn handled(&mut self, bytes: usize) {
        self.ledger.handled(bytes);
    }

    /// Writes a record if the budget covers it; otherwise drops it and counts the drop.
    pub(crate) fn write(&mut self, record: LogRecord) {
        let fits =
            self.ledger.left(Limit::LogRecords) >= 1 && self.ledger.left(Limit::LogBytes) >= record.bytes();
        let spent = fits
            && self.ledger.spend(Limit::LogRecords, 1).is_ok()
            && self.ledger.spend(Limit::LogBytes, record.bytes()).is_ok();
        if !spent {
            self.records.dropped = self.records.dropped.saturating_add(1);
        } else if self.session.is_provisional() {
            self.records.kept.push(record);
        } else {
            self.flush();
            self.sink.log(&self.plugin.name, self.request, &record);
        }
    }

    fn flush(&mut self) {
        for record in std::mem::take(&mut self.records.kept) {
            self.sink.log(&self.plugin.name, self.request, &record);
        }
    }

    /// Called when the guest has ended: writes the kept records and what the guest printed. Writes nothing if it runs again.
    pub(crate) fn close(&mut self, printed: Printed) {
        if self.session.has_outgrown() || self.session.is_outdated() {
            return;
        }
        for record in printed.records {
            self.write(record);
        }
        self.flush();
        let dropped = self.records.dropped.saturating_add(printed.dropped);
        if dropped > 0 {
            self.plugin.availability.report("log records were dropped", || {
                tracing::warn!(
                    target: "palisade::plugin", plugin = self.plugin.name.as_str(), request = self.request.as_str(),
                    dropped, "log records over the invocation's budget were dropped"
                );
            });
        }
    }
}
