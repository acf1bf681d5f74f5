//! `wit/logging.wit`: log records for the host's log. Guard: [`palisade_guard::logging`]; sink: [`palisade_store::log`].
//!
//! The budget of records is spent when a record is written: `host/src/state/records.rs`.

use crate::api::bindings::palisade::plugin::logging::{Field, Host, Level as WitLevel};
use crate::api::size;
use crate::state::{LogWriter, State};
use palisade_guard::logging::{Level, LogRecord};

/// The invocation's log.
struct View<'a>(LogWriter<'a>);

interface! { link: logging }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        Self(state.log())
    }
}

impl Host for View<'_> {
    fn log(&mut self, level: WitLevel, message: String, fields: Vec<Field>) -> wasmtime::Result<()> {
        let names = fields.iter().map(|field| &field.name);
        self.0.handled(size(&message, names.chain(fields.iter().map(|field| &field.value))));
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|field| (field.name, field.value)).collect();
        self.0.write(LogRecord::parse(level.into(), &message, &fields));
        Ok(())
    }
}

impl From<WitLevel> for Level {
    fn from(level: WitLevel) -> Self {
        match level {
            WitLevel::Trace => Self::Trace,
            WitLevel::Debug => Self::Debug,
            WitLevel::Info => Self::Info,
            WitLevel::Warn => Self::Warn,
            WitLevel::Error => Self::Error,
        }
    }
}
