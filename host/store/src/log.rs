//! The default log: `tracing`, under the target `palisade::plugin`.
//!
//! The plugin's name and the request's id are fields that the host sets. All of a plugin's own fields are one field of
//! JSON-like text, so none of them can be mistaken for a field of the host.

use super::LogSink;
use palisade_guard::logging::{Level, LogRecord};
use palisade_guard::name::PluginName;
use palisade_guard::request_context::RequestId;

/// The default [`LogSink`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLog;

impl LogSink for TracingLog {
    fn log(&self, plugin: &PluginName, request: &RequestId, record: &LogRecord) {
        let (plugin, request, message, cut) =
            (plugin.as_str(), request.as_str(), record.message(), record.is_cut());
        let fields = Fields(record);
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    target: "palisade::plugin", tracing::Level::$level, plugin, request, cut, fields = %fields, "{message}"
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
