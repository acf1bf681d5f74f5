//! The runtime that generated bindings call: that of `wit-bindgen`, with a panic hook that is set before the first
//! export runs.

pub use wit_bindgen::rt::*;

/// A call of the contract in a program that is no component, such as a unit test: there is no host to answer it. Calls that return
/// a `result` return this as their error, and the others panic with it.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub struct NoHost {
    call: String,
}

#[cfg(not(target_arch = "wasm32"))]
impl NoHost {
    const SENTENCE: &str = "needs a host: run it with `palisade test`";

    /// The call of a function in one of the contract's modules.
    pub fn of(module: &str, function: &str) -> Self {
        let module = module.rsplit("::").next().unwrap_or(module);
        Self { call: format!("{module}::{function}") }
    }

    /// Whether a sentence is that of such a call.
    pub fn is(sentence: &str) -> bool {
        sentence.ends_with(Self::SENTENCE)
    }

    /// Panics with the sentence.
    #[track_caller]
    pub fn panic(&self) -> ! {
        panic!("{self}")
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl std::fmt::Display for NoHost {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}` {}", self.call, Self::SENTENCE)
    }
}

/// Sets the panic hook. Generated bindings call this function at the start of every export; it shadows the function of
/// the same name in `wit-bindgen`. A component has no start function that could set the hook.
#[cfg(target_arch = "wasm32")]
pub fn run_ctors_once() {
    wit_bindgen::rt::run_ctors_once();
    crate::panic_hook::set_once();
}
