//! What generated bindings call: the runtime of `wit-bindgen`, and the panic hook set before an export first runs.

pub use wit_bindgen::rt::*;

/// Called at the start of every export. Takes the place of the function of the same name that the line above brings:
/// a component has no start function that could set the hook.
#[cfg(target_arch = "wasm32")]
pub fn run_ctors_once() {
    wit_bindgen::rt::run_ctors_once();
    crate::panic_hook::set_once();
}
