//! `wit/clock.wit`: virtual time in a query or mutation, real time in an action. Guard: [`palisade_guard::clock`].
//!
//! Which clock an invocation has is set in `host/src/request/setting.rs`.

use crate::api::bindings::palisade::plugin::clock::{Host, Instant};
use crate::state::State;
use palisade_guard::clock::Clock;

/// The invocation's clock.
struct View<'a>(&'a Clock);

interface! { link: clock }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        Self(&state.clock)
    }
}

impl Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(self.0.now())
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        Ok(self.0.monotonic())
    }
}
