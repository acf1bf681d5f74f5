//! A panic becomes a record in the host's log before it becomes a trap: in a component without WASI its message would
//! be lost.
#![cfg(target_arch = "wasm32")]

use std::panic::PanicHookInfo;
use std::sync::Once;

/// Sets the hook, once.
pub fn set_once() {
    static SET: Once = Once::new();
    SET.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(at) => crate::error!("panicked at {at}: {message}"),
        None => crate::error!("panicked: {message}"),
    }
}
