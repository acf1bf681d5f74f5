//! The default log: `tracing`, under the target `palisade::plugin`.
//!
//! The plugin's name, its entry and kind, and the request's id are fields that the host sets. All of a plugin's own fields are one field of
//! JSON-like text, so none of them can be mistaken for a field of the host.

use super::{LogSink, LogSource};
use palisade_guard::logging::{Level, LogRecord};
use tracing::field::display;

/// The default [`LogSink`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLog;

impl LogSink for TracingLog {
    fn log(&self, source: &LogSource<'_>, record: &LogRecord) {
        let (plugin, entered, request) = (source.plugin.as_str(), source.entered, source.request.as_str());
        let kind = display(source.kind);
        let message = record.message();
        // Most records have neither.
        let cut = record.is_cut().then_some(true);
        let fields = (!record.fields().is_empty()).then(|| display(Fields(record)));
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    target: "palisade::plugin", tracing::Level::$level, plugin, entered, kind, request, cut, fields, "{message}"
                )
            };
        }
        match record.level() {
            Level::Trace => emit!(TRACE),
            Level::Debug => emit!(DEBUG),
            Level::Info => emit!(INFO),
            Level::Warn => emit!(WARN),
            Level::Error => emit!(ERROR),
        }
    }
}

/// `name="value" name="value"`, with quotes escaped.
struct Fields<'a>(&'a LogRecord);

impl std::fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.fields().iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{name}={value:?}")?;
        }
        Ok(())
    }
}
