//! The log records of an invocation: within its budget, and each written once. Lines that the guest prints are records as well,
//! and are written when they end, in order with the others.
//!
//! A query that may have to run again (see `host/store/src/postgres/autocommit.rs`) keeps its records until it is
//! certain that it does not. Sink: [`palisade_store::log`]; what a record may contain: [`palisade_guard::logging`].

use crate::plugin::Plugin;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::logging::{LogRecord, Stream};
use palisade_store::postgres::session::Session;
use palisade_store::{LogSink, LogSource};

/// Records that are not written yet.
#[derive(Default)]
pub(crate) struct Records {
    kept: Vec<LogRecord>,
    dropped: u64,
}

/// The log of one invocation.
pub(crate) struct LogWriter<'a> {
    pub(super) plugin: &'a Plugin,
    pub(super) source: LogSource<'a>,
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

    /// Writes a record if the budget covers it; otherwise drops it and counts the drop. Returns whether it was written.
    pub(crate) fn write(&mut self, record: LogRecord) -> bool {
        let fits =
            self.ledger.left(Limit::LogRecords) >= 1 && self.ledger.left(Limit::LogBytes) >= record.bytes();
        let spent = fits
            && self.ledger.spend(Limit::LogRecords, 1).is_ok()
            && self.ledger.spend(Limit::LogBytes, record.bytes()).is_ok();
        if !spent {
            self.drop_one();
        } else if self.session.is_provisional() {
            self.records.kept.push(record);
        } else {
            self.flush();
            self.sink.log(&self.source, &record);
        }
        spent
    }

    /// Writes a line that the guest printed, as [`write`](Self::write) does. A line that cannot fit costs next to nothing.
    pub(super) fn print(&mut self, stream: Stream, line: &[u8]) -> bool {
        // A record is at least as long as its line: escapes and replaced bytes only add to it.
        if self.ledger.left(Limit::LogRecords) == 0 || self.ledger.left(Limit::LogBytes) < line.len() as u64 {
            self.drop_one();
            return false;
        }
        self.write(stream.record(line))
    }

    fn drop_one(&mut self) {
        self.records.dropped = self.records.dropped.saturating_add(1);
    }

    fn flush(&mut self) {
        for record in std::mem::take(&mut self.records.kept) {
            self.sink.log(&self.source, &record);
        }
    }

    /// Called when the guest has ended and does not run again: writes the kept records.
    pub(super) fn close(&mut self) {
        self.flush();
        let dropped = self.records.dropped;
        if dropped > 0 {
            let LogSource { entered, request, .. } = self.source;
            self.plugin.availability.report("log records were dropped", || {
                tracing::warn!(
                    target: "palisade::plugin", plugin = self.plugin.name.as_str(), entered, request = request.as_str(),
                    dropped, "log records over the invocation's budget were dropped"
                );
            });
        }
    }
}
