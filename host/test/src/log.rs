//! What the plugin of a test logs and prints.

use palisade::guard::logging::{Level, LogRecord};
use palisade::limits::TEST_LOG_RECORDS_MAX;
use palisade::store::{LogSink, LogSource};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Keeps the first records as lines.
#[derive(Default)]
pub(crate) struct Kept(Mutex<(Vec<String>, usize)>);

impl Kept {
    /// The lines so far; the last one says how many records are left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut lines, left_out) = (kept.0.clone(), kept.1);
        if left_out > 0 {
            lines.push(format!("… and {left_out} more records"));
        }
        lines
    }
}

impl LogSink for Kept {
    fn log(&self, source: &LogSource<'_>, record: &LogRecord) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.len() >= TEST_LOG_RECORDS_MAX {
            kept.1 += 1;
            return;
        }
        let level = match record.level() {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let fields = record.fields().iter().filter(|(name, _)| name != "stream");
        let mut line = format!("{level:<5} {}: {}", source.entered, record.message());
        for (name, value) in fields {
            let _always_fits = write!(line, " {name}={value}");
        }
        kept.0.push(line);
    }
}
