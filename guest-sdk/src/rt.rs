//! The runtime that generated bindings call: that of `wit-bindgen`, with a panic hook that is set before the first
//! export runs.

pub use wit_bindgen::rt::*;

/// Sets the panic hook. Generated bindings call this function at the start of every export; it shadows the function of
/// the same name in `wit-bindgen`. A component has no start function that could set the hook.
#[cfg(target_arch = "wasm32")]
pub fn run_ctors_once() {
    wit_bindgen::rt::run_ctors_once();
    crate::panic_hook::set_once();
}
