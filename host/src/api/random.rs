//! `wit/random.wit`: seeded randomness in a query or mutation, the operating system's in an action. Guard: [`palisade_guard::random`]; generator: [`crate::request::random`].

use crate::api::bindings::palisade::plugin::random::{Error, Host};
use crate::api::refused;
use crate::request::random::Random;
use crate::state::State;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::random::RandomLength;
use palisade_guard::refusal::Refusal;

/// The invocation's generator.
struct View<'a> {
    random: &'a mut Random,
    ledger: &'a mut Ledger,
}

interface! { link: random }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        Self { random: &mut state.random, ledger: &mut state.ledger }
    }
}

impl Host for View<'_> {
    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, Refusal> {
        let length = RandomLength::parse(length.into(), self.ledger.limits())?;
        self.ledger.spend(Limit::RandomBytes, length.bytes() as u64)?;
        self.ledger.handled(length.bytes());
        let mut bytes = vec![0; length.bytes()];
        self.random.fill(&mut bytes).map_err(Refusal::internal)?;
        Ok(bytes)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(refused(self.ledger, exceeded)),
            other => Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}
