//! One `fetch`: a request and its redirects, under one deadline.
//!
//! The guard makes the request of each hop, and the ledger pays for it before it is sent. Responses are checked here
//! and not in the client, so that an integrator's own client cannot return more than the contract allows.

use super::{FetchError, HttpClient, InboundResponse, Secret, SecretStore};
use http::header::{HeaderMap, HeaderValue, LOCATION};
use palisade_guard::http::{Egress, OutboundRequest};
use palisade_guard::ledger::Exceeded;
use palisade_guard::limits::{HTTP_RESPONSE_HEADERS_BYTES_MAX, Limit};
use tokio::time::{Instant, timeout_at};

/// Spends from the invocation's ledger.
pub type Spend<'a> = dyn FnMut(Limit, u64) -> Result<(), Exceeded> + Send + 'a;

/// What a fetch of one plugin uses.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// The client that sends requests.
    pub client: &'a dyn HttpClient,
    /// The secrets of all plugins.
    pub secrets: &'a dyn SecretStore,
    /// The plugin's name.
    pub plugin: &'a str,
    /// What the plugin may reach.
    pub egress: &'a Egress,
}

impl Exchange<'_> {
    /// Sends a request, follows redirects and returns the response, whose body obeys the same deadline: the request's
    /// own timeout, or `until` if that is earlier.
    pub async fn fetch(
        &self,
        request: OutboundRequest,
        until: Instant,
        spend: &mut Spend<'_>,
    ) -> Result<InboundResponse, FetchError> {
        let until = Instant::now().checked_add(request.timeout()).map_or(until, |own| own.min(until));
        let mut request = request;
        loop {
            let mut response = self.send(&request, until, spend).await?;
            let location = response.headers.get(LOCATION).map(HeaderValue::as_bytes);
            let Some(next) = request.redirected(self.egress, response.status, location)? else {
                response.body.ends_by(until);
                return Ok(response);
            };
            request = next;
        }
    }

    async fn send(
        &self,
        request: &OutboundRequest,
        until: Instant,
        spend: &mut Spend<'_>,
    ) -> Result<InboundResponse, FetchError> {
        spend(Limit::HttpRequests, 1)?;
        spend(Limit::HttpBytes, request.body().map_or(0, |body| body.len() as u64))?;
        let secret = self.secret(request)?;
        let sent = self.client.send(request, secret.as_ref());
        let response = timeout_at(until, sent).await.unwrap_or(Err(FetchError::Timeout))?;
        check(&response)?;
        Ok(response)
    }

    fn secret(&self, request: &OutboundRequest) -> Result<Option<Secret>, FetchError> {
        let Some(name) = request.secret() else { return Ok(None) };
        match self.secrets.get(self.plugin, name) {
            Some(secret) => Ok(Some(secret)),
            None => Err(FetchError::Other(format!("the operator has set no secret `{name}`"))),
        }
    }
}

fn check(response: &InboundResponse) -> Result<(), FetchError> {
    // wire: RFC 9110, section 15
    if !(200..=599).contains(&response.status) {
        return Err(FetchError::Other(format!("the server answered with the status {}", response.status)));
    }
    if header_bytes(&response.headers) > HTTP_RESPONSE_HEADERS_BYTES_MAX {
        return Err(FetchError::Other(format!(
            "the response's headers have more than {HTTP_RESPONSE_HEADERS_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .fold(0, usize::saturating_add)
}
