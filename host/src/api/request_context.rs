//! `wit/request-context.wit`: data that the invocations of one request share, and what this one has used. Guard: [`palisade_guard::request_context`].
//!
//! What a plugin may keep is counted in `host/src/request/mod.rs`, because the invocations of a request share it; what is left
//! of each limit is in `host/src/state/limit_use.rs`.

use crate::api::bindings::palisade::plugin::limits::Usage;
use crate::api::bindings::palisade::plugin::request_context::{Error, Host, RequestInfo};
use crate::api::refused;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::state::{LimitUse, Memory, State};
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::ContextKey;

/// The plugin's data in the request, and what the invocation has used of each limit.
struct View<'a> {
    plugin: &'a Plugin,
    kind: Kind,
    request: &'a Request,
    ledger: &'a mut Ledger,
    memory: &'a Memory,
    clock: &'a Clock,
}

interface! { link: request_context }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { plugin, kind, request, ledger, memory, clock, .. } = state;
        Self { plugin, kind: *kind, request, ledger, memory, clock }
    }
}

impl Host for View<'_> {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        self.ledger.handled(key.len());
        let key = ContextKey::parse(&self.plugin.name, key)?;
        let value = self.request.context_get(&key);
        self.ledger.handled(value.as_ref().map_or(0, Vec::len));
        Ok(value)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Refusal> {
        self.ledger.handled(key.len().saturating_add(value.len()));
        let key = ContextKey::parse(&self.plugin.name, key)?;
        Ok(self.request.context_set(key, value, self.ledger.limits())?)
    }

    fn request(&mut self) -> wasmtime::Result<RequestInfo> {
        Ok(RequestInfo {
            id: self.request.id.as_str().to_owned(),
            plugin: self.plugin.name.to_string(),
            version: self.plugin.version.to_string(),
        })
    }

    fn remaining(&mut self) -> wasmtime::Result<Vec<Usage>> {
        let Self { plugin, kind, request, ledger, memory, clock } = self;
        let account = LimitUse { plugin: &plugin.name, kind: *kind, request, ledger, memory, clock };
        Ok(account.remaining().into_iter().map(Usage::from).collect())
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        match refusal {
            Refusal::Invalid(sentence) => Ok(Error::InvalidArgument(sentence)),
            Refusal::Exceeded(exceeded) => Ok(Error::LimitExceeded(refused(self.ledger, exceeded))),
            other => Err(wasmtime::Error::new(other)),
        }
    }
}
