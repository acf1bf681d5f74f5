//! `wit/routes.wit`: the body of a request for a plugin's handler. Guard: [`palisade_guard::routes`].
//!
//! Before the handler runs, `host/server/src/hooks.rs` has received the body (`BODY_BYTES_MAX`, `HEAD_BYTES_MAX`), and
//! `host/src/calls/route.rs` has the handler's answer checked (`ROUTE_RESPONSE_BYTES_MAX`, `HTTP_HEADER_VALUE_BYTES_MAX`).

use crate::api::bindings::palisade::plugin::route_types as wit;
use crate::api::refused;
use crate::state::State;
use palisade_guard::http::{ReadSize, RequestRefusal};
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::refusal::Refusal;
use palisade_guard::routes::{Body, InboundRequest, Method, RawResponse};
use wasmtime::component::{Resource, ResourceTable};

/// The bodies that are open.
struct View<'a> {
    ledger: &'a mut Ledger,
    table: &'a mut ResourceTable,
}

interface! { link: route_types }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { ledger, table, .. } = state;
        Self { ledger, table }
    }
}

impl wit::Host for View<'_> {
    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal {
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => wit::Error::LimitExceeded(refused(self.ledger, exceeded)),
            other => wit::Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}

impl wit::HostBody for View<'_> {
    fn read(&mut self, body: Resource<Body>, max: u32) -> Result<Vec<u8>, Refusal> {
        let max = ReadSize::parse(max).map_err(rule)?;
        let body = self.table.get_mut(&body).map_err(Refusal::internal)?;
        let bytes = body.read(max);
        self.ledger.spend(Limit::HttpBytes, bytes.len() as u64)?;
        self.ledger.handled(bytes.len());
        Ok(bytes.to_vec())
    }

    fn drop(&mut self, body: Resource<Body>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        self.ledger.release(Limit::Handles, 1);
        Ok(())
    }
}

fn rule(refusal: RequestRefusal) -> Refusal {
    match refusal {
        RequestRefusal::Invalid(rule) => Refusal::Invalid(rule),
        RequestRefusal::Denied(reason) => Refusal::internal(reason),
    }
}

/// A request as a handler gets it, with its body open.
pub(crate) fn passed(state: &mut State, request: &InboundRequest) -> wasmtime::Result<wit::Request> {
    state.ledger.spend(Limit::Handles, 1)?;
    let body = state.table.push(Body::new(request.body.clone()))?;
    let headers =
        request.headers.iter().map(|(name, value)| wit::Header { name: name.clone(), value: value.clone() });
    Ok(wit::Request {
        method: request.method.into(),
        path: request.path.as_str().to_owned(),
        query: request.query.clone(),
        headers: headers.collect(),
        body,
    })
}

impl From<Method> for wit::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Post => Self::Post,
            Method::Put => Self::Put,
            Method::Patch => Self::Patch,
            Method::Delete => Self::Delete,
        }
    }
}

impl From<wit::Response> for RawResponse {
    fn from(response: wit::Response) -> Self {
        let wit::Response { status, headers, body } = response;
        let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
        Self { status, headers, body }
    }
}
