//! The caller extractor: who calls, and which host. Every route but the health checks and `/openapi.json` begins with
//! it.

use super::error::ErrorResponse;
use super::state::Shared;
use crate::listen::places::Peer;
use crate::listen::seats::Seat;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use palisade::{Host, Items};
use palisade_guard::caller::Caller;
use palisade_guard::memory::Reservation;
use palisade_guard::request_context::RequestId;
use std::sync::Arc;

/// A request whose caller is known.
pub(super) struct Identified {
    pub(super) host: Host,
    pub(super) caller: Caller,
    pub(super) id: RequestId,
    pub(super) from: From,
}

/// Where a request comes from.
#[derive(Clone)]
pub(super) struct From {
    pub(super) shared: Arc<Shared>,
    /// The connection, if this server accepted it.
    pub(super) seat: Option<Arc<Seat>>,
}

impl From {
    /// Who is at the other end of the connection.
    pub(super) fn peer(&self) -> Peer {
        self.seat.as_ref().map_or(Peer::UNKNOWN, |seat| seat.peer)
    }
}

impl Identified {
    /// An empty reservation of memory for this request.
    pub(super) fn reservation(&self) -> Reservation {
        self.host.reservation(&self.caller)
    }

    /// Items, as the caller may see and change them.
    pub(super) fn items(&self) -> Items<'_> {
        self.host.items(self.caller.clone()).request(self.id.clone()).peer(self.from.peer().address())
    }
}

impl FromRequestParts<Arc<Shared>> for Identified {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        let host = shared.host()?.clone();
        let caller = match token(&parts.headers)? {
            None => Caller::Anonymous,
            Some(token) => host.identify(token).await?.ok_or_else(ErrorResponse::unauthorized)?,
        };
        let id = parts.extensions.get().cloned().unwrap_or_else(RequestId::random);
        let from = From { shared: Arc::clone(shared), seat: parts.extensions.get().cloned() };
        Ok(Self { host, caller, id, from })
    }
}

/// The bearer token, if there is an `authorization` header at all. Anything else in that header is rejected: a caller
/// that tries to authenticate is never treated as anonymous.
fn token(headers: &HeaderMap) -> Result<Option<&str>, ErrorResponse> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let credentials =
        value.to_str().ok().filter(|_| given.next().is_none()).and_then(|text| text.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
            Ok(Some(token.trim()))
        }
        _ => Err(ErrorResponse::unauthorized()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let values =
            values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn authorization_without_a_bearer_token_is_rejected_and_not_anonymous() {
        for value in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer  ",
            b"Basic YTpi",
            b"pal_1",
            b"Bearer \xff",
            b"Bearer: a",
        ] {
            assert!(token(&headers(&[value])).is_err(), "{value:?}");
        }
        assert!(token(&headers(&[b"Bearer a", b"Bearer b"])).is_err());
    }

    #[test]
    fn authorization_is_a_token_or_absent() {
        assert_eq!(token(&headers(&[b"Bearer pal_1"])).ok(), Some(Some("pal_1")));
        assert_eq!(token(&headers(&[b"bearer pal_1"])).ok(), Some(Some("pal_1")));
        assert_eq!(token(&headers(&[])).ok(), Some(None));
    }
}
