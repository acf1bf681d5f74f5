//! Closed WASI: a component that is built with std loads, and its WASI imports reach nothing outside the invocation. What
//! they return is in [`crate::state::closed`]. `wasi:http` is not linked. Tests: `tests/wasi.rs`.

use crate::state::State;
use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// Links every interface of WASI's `command` world.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (closed, table) = self.wasi();
        WasiCtxView { ctx: closed.context(), table }
    }
}
