//! `wit/logging.wit`: records into the host's log. Guard: [`crate::guard::logging`]; sink: [`crate::backend::log`].

use crate::bindings::palisade::plugin::logging::{Field, Host, Level as WitLevel};
use crate::guard::logging::{Level, LogRecord};
use crate::invocation::State;
use wasmtime::component::HasData;

pub(crate) struct View<'a>(&'a mut State);

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View(state)
}

impl Host for View<'_> {
    fn log(&mut self, level: WitLevel, message: String, fields: Vec<Field>) -> wasmtime::Result<()> {
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|field| (field.name, field.value)).collect();
        self.0.write_log(LogRecord::parse(level.into(), &message, &fields));
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
