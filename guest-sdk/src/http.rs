//! HTTP requests to external servers.
//!
//! ```
//! # fn f() -> Result<(), palisade_sdk::Error> {
//! use palisade_sdk::http;
//!
//! let response = http::get("https://api.example.com/v1/rates").secret("api-key").send()?;
//! if response.status == 200 {
//!     let text = response.bytes(64 * 1024)?;
//! }
//! # Ok(()) }
//! ```

use std::time::Duration;

pub use crate::raw::http::{Body, Error, Header, Method, Request, Response};

use crate::body;
use crate::raw::http as raw;

/// Sends a request and returns the response as soon as its headers arrive. Follows at most 5 redirects.
pub fn fetch(request: &Request) -> Result<Response, Error> {
    raw::fetch(request)
}

/// Builds a GET request for `url`.
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url)
}

/// Builds a POST request that sends `body` to `url`.
pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Request {
    Request::new(Method::Post, url).body(body)
}

impl Request {
    /// Builds a request without headers or body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let url = url.into();
        Self { method, url, headers: Vec::new(), body: None, secret: None, timeout_ms: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Sets the body, at most 1 MiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Names a secret that the grant allows for this URL. The host adds the secret; the plugin never sees it.
    pub fn secret(mut self, name: impl Into<String>) -> Self {
        self.secret = Some(name.into());
        self
    }

    /// Sets the time for the whole exchange, including the body.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends the request, as [`fetch`] does.
    pub fn send(&self) -> Result<Response, Error> {
        fetch(self)
    }
}

impl Response {
    /// Returns the first value of the header `name`. The name must be lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_slice())
    }

    /// Reads the body to its end. A body of more than `bytes_max` bytes is `LimitExceeded`.
    pub fn bytes(&self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        body::whole(bytes_max, |bytes| self.body.read(bytes), Error::LimitExceeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_over_u32_milliseconds_is_capped() {
        let request = get("https://example.com/").timeout(Duration::MAX);
        assert_eq!(request.timeout_ms, Some(u32::MAX));
    }
}
