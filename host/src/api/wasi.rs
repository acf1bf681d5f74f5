//! Closed WASI: a component that is built with std loads, and its WASI imports reach nothing outside the invocation. What
//! they return is in [`crate::state::closed`]. `wasi:http` is not linked. Tests: `tests/wasi.rs`.
//!
//! Two families are not wasmtime's. *Timers* follow the invocation's clock: where time stands still, every wait is over at
//! once, so that no answer depends on how long the machine took. In an action a timer is real, and the invocation's deadline
//! ends a longer wait. *Random bytes* are spent like those of `random`: each call within `random-call-bytes`, all of them
//! within `random-bytes`. WASI has no error for that, so the limit ends the invocation.

use crate::api::refused;
use crate::state::State;
use crate::state::closed::Past;
use palisade_guard::clock::Clock;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::random::RandomLength;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::clocks::{WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{DynPollable, subscribe};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// Links every interface of WASI's `command` world.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, Timers<'static>>(linker, |state| Timers::of(state))?;
    random::add_to_linker::<State, Dice<'static>>(linker, |state| Dice::of(state))?;
    insecure::add_to_linker::<State, Dice<'static>>(linker, |state| Dice::of(state))?;
    insecure_seed::add_to_linker::<State, Dice<'static>>(linker, |state| Dice::of(state))?;
    linker.allow_shadowing(false);
    Ok(())
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (closed, table, _) = self.wasi();
        WasiCtxView { ctx: closed.context(), table }
    }
}

/// The monotonic clock and its timers.
struct Timers<'a> {
    clock: Clock,
    clocks: WasiClocksCtxView<'a>,
}

impl HasData for Timers<'static> {
    type Data<'a> = Timers<'a>;
}

impl<'a> Timers<'a> {
    fn of(state: &'a mut State) -> Self {
        Self { clock: state.clock, clocks: state.clocks() }
    }

    /// A timer that is over.
    fn past(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let past = self.clocks.table.push(Past)?;
        subscribe(self.clocks.table, past)
    }
}

impl monotonic_clock::Host for Timers<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        self.clocks.now()
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Duration> {
        self.clocks.resolution()
    }

    fn subscribe_instant(
        &mut self,
        when: monotonic_clock::Instant,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        if self.clock.stands_still() { self.past() } else { self.clocks.subscribe_instant(when) }
    }

    fn subscribe_duration(
        &mut self,
        wait: monotonic_clock::Duration,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        if self.clock.stands_still() { self.past() } else { self.clocks.subscribe_duration(wait) }
    }
}

/// WASI's generators.
struct Dice<'a> {
    generators: &'a mut WasiRandomCtx,
    ledger: &'a mut Ledger,
}

impl HasData for Dice<'static> {
    type Data<'a> = Dice<'a>;
}

impl<'a> Dice<'a> {
    fn of(state: &'a mut State) -> Self {
        let (closed, _, ledger) = state.wasi();
        Self { generators: closed.context().random(), ledger }
    }

    fn spend(&mut self, bytes: u64) -> wasmtime::Result<()> {
        let length = match RandomLength::parse(bytes, self.ledger.limits()) {
            Ok(length) => length,
            Err(exceeded) => {
                refused(self.ledger, exceeded);
                return Err(exceeded.into());
            }
        };
        Ok(self.ledger.spend(Limit::RandomBytes, length.bytes() as u64)?)
    }
}

impl random::Host for Dice<'_> {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.spend(length)?;
        self.generators.get_random_bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.spend(size_of::<u64>() as u64)?;
        self.generators.get_random_u64()
    }
}

impl insecure::Host for Dice<'_> {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.spend(length)?;
        self.generators.get_insecure_random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.spend(size_of::<u64>() as u64)?;
        self.generators.get_insecure_random_u64()
    }
}

impl insecure_seed::Host for Dice<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.spend(size_of::<(u64, u64)>() as u64)?;
        self.generators.insecure_seed()
    }
}
