//! `wit/request-context.wit`: what the invocations of one request share. Guard: [`crate::guard::request_context`].

use crate::bindings::palisade::plugin::limits::Usage;
use crate::bindings::palisade::plugin::request_context::{Error, Host, RequestInfo};
use crate::error::Refusal;
use crate::guard::request_context::ContextKey;
use crate::invocation::State;
use wasmtime::component::HasData;

pub(crate) struct View<'a>(&'a mut State);

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View(state)
}

impl Host for View<'_> {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        let key = ContextKey::parse(&self.0.plugin.name, key)?;
        Ok(self.0.request.context_get(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Refusal> {
        let key = ContextKey::parse(&self.0.plugin.name, key)?;
        Ok(self.0.request.context_set(key, value, self.0.ledger.limits())?)
    }

    fn request(&mut self) -> wasmtime::Result<RequestInfo> {
        Ok(RequestInfo {
            id: self.0.request.id.as_str().to_owned(),
            plugin: self.0.plugin.name.to_string(),
            version: self.0.plugin.version.to_string(),
        })
    }

    fn remaining(&mut self) -> wasmtime::Result<Vec<Usage>> {
        Ok(self.0.remaining().into_iter().map(Usage::from).collect())
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        match refusal {
            Refusal::Invalid(sentence) => Ok(Error::InvalidArgument(sentence)),
            Refusal::Exceeded(exceeded) => Ok(Error::LimitExceeded(exceeded.into())),
            other => Err(wasmtime::Error::new(other)),
        }
    }
}
