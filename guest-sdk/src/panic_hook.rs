//! A panic becomes a record in the host's log before it becomes a trap: in a component without WASI its message would
//! be lost.
#![cfg(target_arch = "wasm32")]

use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::logging::{self, Level};

/// Sets the hook, once.
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
