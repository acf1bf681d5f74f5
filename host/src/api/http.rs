//! `wit/http.wit`: requests to external servers. Guard: [`palisade_guard::http`]; exchange: [`palisade_store::http`].

use crate::api::bindings::palisade::plugin::http as wit;
use crate::api::{refused, size};
use crate::state::State;
use crate::supervision::Availability;
use palisade_guard::http::{Egress, Method, OutboundRequest, RawRequest, ReadSize};
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use palisade_store::http::{Exchange, FetchError, HttpClient, InboundBody, InboundResponse, SecretStore};
use tokio::time::Instant;
use wasmtime::component::{Resource, ResourceTable};

/// The servers that the plugin may reach, and the client that reaches them.
struct View<'a> {
    plugin: &'a PluginName,
    egress: &'a Egress,
    availability: &'a Availability,
    client: &'a dyn HttpClient,
    secrets: &'a dyn SecretStore,
    ledger: &'a mut Ledger,
    table: &'a mut ResourceTable,
    deadline: Instant,
}

interface! { link: http }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { plugin, backends, ledger, table, deadline, .. } = state;
        Self {
            plugin: &plugin.name,
            egress: &plugin.egress,
            availability: &plugin.availability,
            client: &*backends.http,
            secrets: &*backends.secrets,
            ledger,
            table,
            deadline: *deadline,
        }
    }
}

impl wit::Host for View<'_> {
    async fn fetch(&mut self, request: wit::Request) -> Result<wit::Response, Refusal> {
        let (names, body) = (request.headers.iter().map(|header| &header.name), request.body.as_ref());
        let values = request.headers.iter().map(|header| header.value.len());
        let bytes = values.chain([size(&request.url, names), body.map_or(0, Vec::len)]);
        self.ledger.handled(bytes.fold(0, usize::saturating_add));
        let request =
            OutboundRequest::parse(self.egress, request.into()).map_err(|error| self.failed(error))?;
        let exchange = Exchange {
            client: self.client,
            secrets: self.secrets,
            plugin: self.plugin.as_str(),
            egress: self.egress,
        };
        let mut spend = |limit, amount| self.ledger.spend(limit, amount);
        let response = exchange.fetch(request, self.deadline, &mut spend).await;
        let response = response.map_err(|error| self.failed(error))?;
        self.response(response)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal {
            Refusal::Denied => {
                self.availability.denied("http");
                wit::Error::AccessDenied
            }
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => wit::Error::LimitExceeded(refused(self.ledger, exceeded)),
            Refusal::Timeout => wit::Error::Timeout,
            Refusal::ConnectionFailed => wit::Error::ConnectionFailed,
            other => wit::Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}

impl wit::HostBody for View<'_> {
    async fn read(&mut self, body: Resource<InboundBody>, max: u32) -> Result<Vec<u8>, Refusal> {
        let max = ReadSize::parse(max).map_err(|error| self.failed(error))?;
        let body = self.table.get_mut(&body).map_err(Refusal::internal)?;
        let bytes = body.read(max).await.map_err(|error| error.into_refusal(&mut self.ledger.notes))?;
        self.ledger.spend(Limit::HttpBytes, bytes.len() as u64)?;
        self.ledger.handled(bytes.len());
        Ok(bytes.to_vec())
    }

    async fn drop(&mut self, body: Resource<InboundBody>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        self.ledger.release(Limit::Handles, 1);
        Ok(())
    }
}

impl View<'_> {
    fn failed(&mut self, error: impl Into<FetchError>) -> Refusal {
        error.into().into_refusal(&mut self.ledger.notes)
    }

    fn response(&mut self, response: InboundResponse) -> Result<wit::Response, Refusal> {
        let InboundResponse { status, headers, body } = response;
        let headers = headers.iter().map(|(name, value)| wit::Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        });
        let headers = headers.collect();
        self.ledger.spend(Limit::Handles, 1)?;
        let body = self.table.push(body).map_err(Refusal::internal)?;
        Ok(wit::Response { status, headers, body })
    }
}

impl From<wit::Request> for RawRequest {
    fn from(request: wit::Request) -> Self {
        Self {
            method: request.method.into(),
            url: request.url,
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: request.body,
            secret: request.secret,
            timeout_ms: request.timeout_ms,
        }
    }
}

impl From<wit::Method> for Method {
    fn from(method: wit::Method) -> Self {
        match method {
            wit::Method::Get => Self::Get,
            wit::Method::Head => Self::Head,
            wit::Method::Post => Self::Post,
            wit::Method::Put => Self::Put,
            wit::Method::Patch => Self::Patch,
            wit::Method::Delete => Self::Delete,
        }
    }
}
