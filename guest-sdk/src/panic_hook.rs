//! Writes a panic's message to the host's log before the panic becomes a trap. A component without WASI would lose the
//! message.
#![cfg(target_arch = "wasm32")]

use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::logging::{self, Level};

/// Sets the hook on the first call.
pub fn set_once() {
    static SET: Once = Once::new();
    SET.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let record = match info.location() {
        Some(at) => format!("panicked at {at}: {message}"),
        None => format!("panicked: {message}"),
    };
    logging::log(Level::Error, &record, &[]);
}
