//! Guard of `http`: the requests that may leave the host.
//!
//! An [`OutboundRequest`] exists only if a grant covers the request. A redirect makes a new one, with the same checks.
//! This module neither sends requests nor resolves names: the client in `host/store/src/http` does, and it checks the
//! resolved addresses with [`super::address`]. Contract: `wit/http.wit`; tests: `http/tests/`.

mod allowance;
mod headers;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use allowance::grant_url;
pub use allowance::{Allowance, Egress, InvalidAllowance};
pub(crate) use headers::is_of_the_connection;
pub use headers::parse_header;

use super::address::PublicAddress;
use crate::limits::{HTTP_BODY_BYTES_MAX, HTTP_READ_BYTES_MAX, HTTP_REDIRECTS_MAX, HTTP_TIMEOUT_DEFAULT_MS};
use bytes::Bytes;
use http::HeaderMap;
use std::fmt;
use std::time::Duration;
use target::Target;
use url::Url;

/// A method of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    const ALL: [Self; 6] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Parses a name in upper case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request from a guest. The guest controls every field.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: String,
    /// The names and values of the headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The name of a secret that the host adds to the request.
    pub secret: Option<String>,
    /// The milliseconds that the whole exchange may take.
    pub timeout_ms: Option<u32>,
}

/// Why the host does not send a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestRefusal {
    /// No grant covers the request. The reason is for the log only, and says what to grant; the guest sees `access-denied`.
    Denied(String),
    /// The request is malformed. The text is for the guest and names the field and the rule.
    Invalid(String),
}

/// A request that a grant covers. Only [`parse`](Self::parse) and [`redirected`](Self::redirected) construct it.
#[derive(Clone)]
pub struct OutboundRequest {
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Option<Bytes>,
    secret: Option<String>,
    timeout: Duration,
    redirects: usize,
}

impl OutboundRequest {
    /// Checks that a request is well-formed and then that a grant covers it. If the URL's host is an IP address, the
    /// address must be public too.
    pub fn parse(egress: &Egress, raw: RawRequest) -> Result<Self, RequestRefusal> {
        let target =
            Target::parse(&raw.url).map_err(|rule| RequestRefusal::Invalid(format!("url: {rule}")))?;
        let headers = headers::parse_headers(&raw.headers)?;
        if raw.body.as_ref().is_some_and(|body| body.len() as u64 > HTTP_BODY_BYTES_MAX) {
            return Err(RequestRefusal::Invalid(format!(
                "body: must have at most {HTTP_BODY_BYTES_MAX} bytes"
            )));
        }
        check(egress, raw.method, &target)?;
        if let Some(secret) = &raw.secret
            && !egress.covers_with(raw.method, &target, secret)
        {
            return Err(RequestRefusal::Denied(egress.uncovered_secret(raw.method, &target, secret)));
        }
        Ok(Self {
            method: raw.method,
            target,
            headers,
            body: raw.body.map(Bytes::from),
            secret: raw.secret,
            timeout: Duration::from_millis(raw.timeout_ms.map_or(HTTP_TIMEOUT_DEFAULT_MS, u64::from)),
            redirects: 0,
        })
    }

    /// The request that a redirect asks for, with the same checks as the first one. Returns `None` if the response is
    /// the answer for the guest: if it is no redirect, or one redirect too many.
    ///
    /// The new request carries the secret only if a grant names the secret for the new URL. The guest's credentials are
    /// not sent to another origin. The server controls `location`.
    pub fn redirected(
        &self,
        egress: &Egress,
        status: u16,
        location: Option<&[u8]>,
    ) -> Result<Option<Self>, RequestRefusal> {
        // wire: RFC 9110, section 15.4
        let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) else { return Ok(None) };
        if self.redirects >= HTTP_REDIRECTS_MAX {
            return Ok(None);
        }
        let target = std::str::from_utf8(location)
            .ok()
            .and_then(|location| self.target.join(location).ok())
            .ok_or_else(|| RequestRefusal::Denied("a redirect leads to an invalid URL".to_owned()))?;
        let mut next = Self { redirects: self.redirects.saturating_add(1), ..self.clone() };
        // RFC 9110, 15.4: a 303 turns every method into GET; a 301 or 302 turns POST into GET, as browsers do.
        // wire: RFC 9110, section 15.4
        if (status == 303 && self.method != Method::Head)
            // wire: RFC 9110, section 15.4
            || (matches!(status, 301 | 302) && self.method == Method::Post)
        {
            next.method = Method::Get;
            next.body = None;
            headers::drop_content(&mut next.headers);
        }
        check(egress, next.method, &target)?;
        next.secret = next.secret.filter(|secret| egress.covers_with(next.method, &target, secret));
        if !target.has_origin_of(&self.target) {
            headers::drop_credentials(&mut next.headers);
        }
        next.target = target;
        Ok(Some(next))
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The normalised URL, without fragment and user information.
    pub fn url(&self) -> &Url {
        self.target.url()
    }

    /// The guest's headers. They contain neither the connection's headers nor the secret.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The name of the secret that the host adds to the request.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// How long the whole exchange may take, redirects and the response's body included.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Shows neither the query nor the headers nor the body, because they can contain secrets that must not reach a log.
impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url();
        write!(f, "{} {}{}", self.method.as_str(), url.origin().ascii_serialization(), url.path())
    }
}

/// Checks the grants first, so that the refusal of an ungranted URL tells nothing about its address.
fn check(egress: &Egress, method: Method, target: &Target) -> Result<(), RequestRefusal> {
    if !egress.covers(method, target) {
        return Err(RequestRefusal::Denied(egress.uncovered(method, target)));
    }
    if target.literal().is_some_and(|ip| PublicAddress::parse(ip, &egress.addresses).is_err()) {
        return Err(RequestRefusal::Denied("the URL's host is an address that is not public".to_owned()));
    }
    Ok(())
}

/// The most bytes that one read of a body may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadSize(u32);

impl ReadSize {
    /// Checks a number of bytes: 1 to 65,536.
    pub fn parse(max: u32) -> Result<Self, RequestRefusal> {
        if !(1..=HTTP_READ_BYTES_MAX).contains(&max) {
            return Err(RequestRefusal::Invalid(format!("max: must be from 1 to {HTTP_READ_BYTES_MAX}")));
        }
        Ok(Self(max))
    }

    /// The number of bytes.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}
