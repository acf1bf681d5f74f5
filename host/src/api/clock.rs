//! `wit/clock.wit`: virtual or real time, by kind. Guard: [`crate::guard::clock`].

use crate::bindings::palisade::plugin::clock::{Host, Instant};
use crate::guard::clock::Clock;
use crate::invocation::State;
use wasmtime::component::HasData;

pub(crate) struct View<'a>(&'a Clock);

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View(&state.clock)
}

impl Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(self.0.now())
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        Ok(self.0.monotonic())
    }
}
