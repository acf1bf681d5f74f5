//! What an invocation logs: within its budget, and once.
//!
//! A query that may have to run again (see [`alone`](crate::backend::postgres::alone)) keeps its records until it is known
//! that it need not. Sink: [`crate::backend::log`]; what a record may hold: [`crate::guard::logging`].

use crate::guard::logging::LogRecord;
use crate::invocation::State;
use crate::limits::Limit;

/// Records that have not been written.
#[derive(Default)]
pub(crate) struct Records {
    kept: Vec<LogRecord>,
    dropped: u64,
}

impl State {
    /// Writes a record within the budget, or counts that it was dropped.
    pub(crate) fn write_log(&mut self, record: LogRecord) {
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
            self.backends.log.log(&self.plugin.name, &self.request.id, &record);
        }
    }

    fn flush(&mut self) {
        for record in std::mem::take(&mut self.records.kept) {
            self.backends.log.log(&self.plugin.name, &self.request.id, &record);
        }
    }

    /// Writes what is left when the guest has ended; nothing when it runs again.
    pub(crate) fn close_log(&mut self) {
        let printed = self.wasi.take().map(|closed| closed.records()).unwrap_or_default();
        if self.session.has_outgrown() {
            return;
        }
        for record in printed {
            self.write_log(record);
        }
        self.flush();
        if self.records.dropped > 0 {
            tracing::warn!(
                target: "palisade::plugin", plugin = self.plugin.name.as_str(), request = self.request.id.as_str(),
                dropped = self.records.dropped, "log records over the invocation's budget were dropped"
            );
        }
    }
}
