//! Guard of `routes`: which requests reach a plugin's handler, what it sees of them, and what it may answer.
//!
//! Three texts are hostile here. Anybody sends a request: [`RequestPath`] has one reading, and the handler sees only the
//! headers of [`seen`]. An author writes routes, which [`crate::grant::RouteGrant`] parses from these types. The guest
//! answers, and [`OutboundResponse`] is what of that may leave the host. A server adds no rule of its own.
//!
//! Contract: `wit/routes.wit`. How a request gets here, and who its caller is: `host/server/src/hooks.rs`.

mod path;
mod response;

pub use path::{RequestPath, RoutePath};
pub use response::{OutboundResponse, RawResponse};

use crate::http::{ReadSize, is_of_the_connection};
use crate::limits::HTTP_HEADER_NAME_BYTES_MAX;
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A method that a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, and HEAD, which is answered like it without the body.
    Get,
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
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The method with which a request is handled. The host answers OPTIONS itself, and a plugin gets no other.
    pub fn of(method: &http::Method) -> Option<Self> {
        Some(match *method {
            http::Method::GET | http::Method::HEAD => Self::Get,
            http::Method::POST => Self::Post,
            http::Method::PUT => Self::Put,
            http::Method::PATCH => Self::Patch,
            http::Method::DELETE => Self::Delete,
            _ => return None,
        })
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request as a handler gets it. Its sender controls every field.
#[derive(Clone, Debug)]
pub struct InboundRequest {
    /// The method.
    pub method: Method,
    /// The path below `/hooks/PLUGIN`.
    pub path: RequestPath,
    /// The query as it was sent, without the `?`.
    pub query: Option<String>,
    /// The headers that the handler sees.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Bytes,
}

/// The body of a request, of which a handler reads one piece after the other.
#[derive(Debug)]
pub struct Body(Bytes);

impl Body {
    /// A body of which nothing has been read.
    pub fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Returns the next bytes, at most `max`, and none at the end.
    pub fn read(&mut self, max: ReadSize) -> Bytes {
        self.0.split_to(max.bytes().min(self.0.len()))
    }
}

/// Headers that every handler sees: they say of what form the body is, and which answer its sender takes.
const ALWAYS_SEEN: &[&str] = &[
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
    "if-modified-since",
    "if-none-match",
];

/// Headers with credentials, which are for the host or for other programs behind the same name. No handler sees them, nor those of
/// the connection.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "cookie2"];

/// The name of a header that a route's grant lets its handler see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeenHeader(String);

impl SeenHeader {
    /// Parses a name in lower case.
    pub fn parse(name: &str) -> Result<Self, String> {
        let is_token = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|parsed| parsed.as_str() == name);
        if !is_token || name.len() > HTTP_HEADER_NAME_BYTES_MAX {
            return Err(format!(
                "{name:?} is not the name of a header: write it in lower case, with at most {HTTP_HEADER_NAME_BYTES_MAX} bytes"
            ));
        }
        if CREDENTIALS.contains(&name) || is_of_the_connection(name) {
            return Err(format!("the header `{name}` is for the host alone: remove it from the route"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SeenHeader {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name)
    }
}

impl From<SeenHeader> for String {
    fn from(name: SeenHeader) -> Self {
        name.0
    }
}

/// The headers of a request that a handler sees: those that every one sees, and those that its grant names.
pub fn seen(headers: &HeaderMap, named: &BTreeSet<SeenHeader>) -> Vec<(String, Vec<u8>)> {
    let is_seen =
        |name: &str| ALWAYS_SEEN.contains(&name) || named.iter().any(|header| header.as_str() == name);
    let seen = headers.iter().filter(|(name, _)| is_seen(name.as_str()));
    seen.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn header_with_credentials_or_of_the_connection_cannot_be_named() {
        let long = "x".repeat(HTTP_HEADER_NAME_BYTES_MAX + 1);
        for name in CREDENTIALS.iter().copied().chain([
            "host",
            "content-length",
            "transfer-encoding",
            "upgrade",
            "proxy-authorization",
            "proxy-anything",
            "Authorization",
            "X-Signature",
            "",
            "a b",
            "a:",
            "a\r\nb",
            "é",
            &long,
        ]) {
            assert!(SeenHeader::parse(name).is_err(), "{name:?}");
        }
        for name in ["stripe-signature", "x-hub-signature-256", &long[1..]] {
            assert!(SeenHeader::parse(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn handler_sees_the_named_headers_and_the_form_of_the_body_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer pal_1"),
            ("cookie", "session=1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-auth-request-access-token", "secret"),
            ("content-type", "application/json"),
            ("x-signature", "1"),
            ("x-signature", "2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let named = BTreeSet::from([SeenHeader::parse("x-signature").unwrap()]);
        let shown = |named: BTreeSet<SeenHeader>| -> Vec<String> {
            let seen = seen(&headers, &named).into_iter();
            seen.map(|(name, value)| format!("{name}: {}", String::from_utf8(value).unwrap())).collect()
        };
        assert_eq!(shown(BTreeSet::new()), ["content-type: application/json"]);
        assert_eq!(shown(named), ["content-type: application/json", "x-signature: 1", "x-signature: 2"]);
    }

    #[test]
    fn method_of_a_request_is_one_that_routes_have_or_none() {
        for (method, expected) in [
            (http::Method::GET, Some(Method::Get)),
            (http::Method::HEAD, Some(Method::Get)),
            (http::Method::DELETE, Some(Method::Delete)),
            (http::Method::OPTIONS, None),
            (http::Method::TRACE, None),
            (http::Method::CONNECT, None),
            (http::Method::from_bytes(b"get").unwrap(), None),
        ] {
            assert_eq!(Method::of(&method), expected, "{method}");
        }
    }

    #[test]
    fn body_is_read_in_pieces_to_its_end() {
        let mut body = Body::new(Bytes::from_static(b"abcde"));
        let max = ReadSize::parse(2).unwrap();
        let pieces: Vec<Bytes> = (0..5).map(|_| body.read(max)).collect();
        assert_eq!(pieces, ["ab", "cd", "e", "", ""]);
    }
}
