//! `wit/http.wit`: requests to servers outside. Guard: [`crate::guard::http`]; exchange: [`crate::backend::http`].

use crate::backend::http::{Exchange, FetchError, InboundBody, InboundResponse};
use crate::bindings::palisade::plugin::http as wit;
use crate::core::Backends;
use crate::error::Refusal;
use crate::guard::http::{Method, OutboundRequest, RawRequest, ReadSize};
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::limits::Limit;
use crate::plugin::Plugin;
use tokio::time::Instant;
use wasmtime::component::{HasData, Resource, ResourceTable};

/// A response's body, as a guest holds it.
pub struct Body(InboundBody);

pub(crate) struct View<'a> {
    plugin: &'a Plugin,
    backends: &'a Backends,
    ledger: &'a mut Ledger,
    table: &'a mut ResourceTable,
    deadline: Instant,
}

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    let State { plugin, backends, ledger, table, deadline, .. } = state;
    View { plugin, backends, ledger, table, deadline: *deadline }
}

impl wit::Host for View<'_> {
    async fn fetch(&mut self, request: wit::Request) -> Result<wit::Response, Refusal> {
        let request =
            OutboundRequest::parse(&self.plugin.egress, request.into()).map_err(FetchError::from)?;
        let exchange = Exchange {
            client: &*self.backends.http,
            secrets: &*self.backends.secrets,
            plugin: self.plugin.name.as_str(),
            egress: &self.plugin.egress,
        };
        let mut spend = |limit, amount| self.ledger.spend(limit, amount);
        let response = exchange.fetch(request, self.deadline, &mut spend).await?;
        self.response(response)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal {
            Refusal::Denied => {
                self.plugin.ward.denied("http");
                wit::Error::AccessDenied
            }
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => wit::Error::LimitExceeded(exceeded.into()),
            Refusal::Timeout => wit::Error::Timeout,
            Refusal::ConnectionFailed => wit::Error::ConnectionFailed,
            other => wit::Error::Other(other.into_other()),
        })
    }
}

impl wit::HostBody for View<'_> {
    async fn read(&mut self, body: Resource<Body>, max: u32) -> Result<Vec<u8>, Refusal> {
        let max = ReadSize::parse(max).map_err(FetchError::from)?;
        let Body(body) = self.table.get_mut(&body).map_err(Refusal::internal)?;
        let bytes = body.read(max).await?;
        self.ledger.spend(Limit::HttpBytes, bytes.len() as u64)?;
        Ok(bytes.to_vec())
    }

    async fn drop(&mut self, body: Resource<Body>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        self.ledger.release(Limit::Handles, 1);
        Ok(())
    }
}

impl View<'_> {
    fn response(&mut self, response: InboundResponse) -> Result<wit::Response, Refusal> {
        let InboundResponse { status, headers, body } = response;
        let headers = headers.iter().map(|(name, value)| wit::Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        });
        let headers = headers.collect();
        self.ledger.spend(Limit::Handles, 1)?;
        let body = self.table.push(Body(body)).map_err(Refusal::internal)?;
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

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Denied(reason) => {
                tracing::warn!(target: "palisade::egress", reason, "a request was refused");
                Self::Denied
            }
            FetchError::Invalid(rule) => Self::Invalid(rule),
            FetchError::Exceeded(exceeded) => Self::Exceeded(exceeded),
            FetchError::Timeout => Self::Timeout,
            FetchError::ConnectionFailed(reason) => {
                tracing::info!(target: "palisade::egress", reason, "no connection");
                Self::ConnectionFailed
            }
            FetchError::Other(reason) => Self::internal(reason),
        }
    }
}
