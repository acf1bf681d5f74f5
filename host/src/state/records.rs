//! What an invocation logs: within its budget, and once.
//!
//! A query that may have to run again (see [autocommit](palisade_store::postgres::autocommit)) keeps its records until it is
//! known that it need not. Sink: [`palisade_store::log`]; what a record may hold: [`palisade_guard::logging`].

use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::logging::LogRecord;
use palisade_guard::name::PluginName;
use palisade_guard::request_context::RequestId;
use palisade_store::LogSink;
use palisade_store::postgres::session::Session;

/// Records that have not been written.
#[derive(Default)]
pub(crate) struct Records {
    kept: Vec<LogRecord>,
    dropped: u64,
}

/// What an invocation writes log records with.
pub(crate) struct Log<'a> {
    pub(super) plugin: &'a PluginName,
    pub(super) request: &'a RequestId,
    pub(super) session: &'a Session,
    pub(super) ledger: &'a mut Ledger,
    pub(super) records: &'a mut Records,
    pub(super) sink: &'a dyn LogSink,
}

impl Log<'_> {
    /// Writes a record within the budget, or counts that it was dropped.
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
            self.sink.log(self.plugin, self.request, &record);
        }
    }

    fn flush(&mut self) {
        for record in std::mem::take(&mut self.records.kept) {
            self.sink.log(self.plugin, self.request, &record);
        }
    }

    /// Writes what is left when the guest has ended, and what it printed; nothing when it runs again.
    pub(crate) fn close(&mut self, printed: Vec<LogRecord>) {
        if self.session.has_outgrown() {
            return;
        }
        for record in printed {
            self.write(record);
        }
        self.flush();
        if self.records.dropped > 0 {
            tracing::warn!(
                target: "palisade::plugin", plugin = self.plugin.as_str(), request = self.request.as_str(),
                dropped = self.records.dropped, "log records over the invocation's budget were dropped"
            );
        }
    }
}
