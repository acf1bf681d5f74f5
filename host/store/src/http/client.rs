//! The default HTTP client: reqwest over rustls, with the platform's certificates.
//!
//! It speaks only HTTP/1.1 and opens one connection for each request: a connection that one plugin used never carries
//! another plugin's request, and the resolver checks the addresses of every request. It uses no proxy of the
//! environment, keeps no cookies and does not retry.

use super::resolver::CheckedNames;
use super::{FetchError, HttpClient, InboundBody, InboundResponse, Names, Secret, SystemNames};
use async_trait::async_trait;
use futures_util::StreamExt;
use palisade_guard::address::{AddressPolicy, NotPublic, PublicAddress};
use palisade_guard::http::{Method, OutboundRequest};
use palisade_guard::limits::HTTP_RESPONSE_HEADERS_MAX;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use url::Host;

/// The default client.
#[derive(Clone, Debug)]
pub struct DefaultClient {
    client: reqwest::Client,
    addresses: Arc<AddressPolicy>,
}

impl DefaultClient {
    /// A client with the system's resolver. `addresses` must be the policy that the guard has.
    pub fn new(addresses: AddressPolicy) -> Result<Self, FetchError> {
        Self::with_names(addresses, Arc::new(SystemNames::default()))
    }

    /// A client with another resolver. The addresses that it returns are checked as well.
    pub fn with_names(addresses: AddressPolicy, names: Arc<dyn Names>) -> Result<Self, FetchError> {
        let addresses = Arc::new(addresses);
        let tls = tls().map_err(FetchError::Other)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(CheckedNames { names, addresses: Arc::clone(&addresses) })
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .http1_max_headers(HTTP_RESPONSE_HEADERS_MAX)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(failure)?;
        Ok(Self { client, addresses })
    }

    /// Checks a host that is an address, because such a host never reaches the resolver. The guard has checked it
    /// already; this check matters where the guard has another policy.
    fn check_literal(&self, request: &OutboundRequest) -> Result<(), FetchError> {
        let ip: IpAddr = match request.url().host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            _ => return Ok(()),
        };
        PublicAddress::parse(ip, &self.addresses)
            .map(drop)
            .map_err(|refused| FetchError::Denied(refused.to_string()))
    }
}

/// TLS with the platform's certificates.
#[doc(hidden)]
pub fn tls() -> Result<ClientConfig, String> {
    // The provider is named here: an embedded library must not choose one for the whole process.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier);
    Ok(builder.map_err(|error| error.to_string())?.with_no_client_auth())
}

#[async_trait]
impl HttpClient for DefaultClient {
    async fn send(
        &self,
        request: &OutboundRequest,
        secret: Option<&Secret>,
    ) -> Result<InboundResponse, FetchError> {
        self.check_literal(request)?;
        let mut headers = request.headers().clone();
        if let Some(secret) = secret {
            // This replaces a header of that name that the guest sent.
            headers.insert(secret.header().clone(), secret.value().clone());
        }
        let mut builder =
            self.client.request(method(request.method()), request.url().clone()).headers(headers);
        if let Some(body) = request.body() {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(failure)?;
        Ok(InboundResponse {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: InboundBody::new(response.bytes_stream().map(|piece| piece.map_err(failure))),
        })
    }
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}

/// Maps reqwest's errors. The text leaves the URL out, because its query may hold what must not be logged.
fn failure(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<NotPublic>() {
            return FetchError::Denied(refused.to_string());
        }
        // Writing to a string cannot fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::ConnectionFailed(text)
    } else {
        FetchError::Other(text)
    }
}
