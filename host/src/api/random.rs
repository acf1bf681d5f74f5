//! `wit/random.wit`: seeded or the system's, by kind. Guard: [`crate::guard::random`]; generator: [`crate::random`].

use crate::bindings::palisade::plugin::random::{Error, Host};
use crate::error::Refusal;
use crate::guard::random::RandomLength;
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::random::Random;
use wasmtime::component::HasData;

pub(crate) struct View<'a> {
    random: &'a mut Random,
    ledger: &'a mut Ledger,
}

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View { random: &mut state.random, ledger: &mut state.ledger }
}

impl Host for View<'_> {
    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, Refusal> {
        let length = RandomLength::parse(length, self.ledger)?;
        let mut bytes = vec![0; length.bytes()];
        self.random.fill(&mut bytes).map_err(Refusal::internal)?;
        Ok(bytes)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(exceeded.into()),
            other => Error::Other(other.into_other()),
        })
    }
}
