//! The middleware around every request: its id, its span in the log, whether it is admitted, and the one form of errors.
//!
//! A handler's error is written out here and not in the handler, because the request's id is known here, also for
//! routes that do not exist and for panics.

use super::answer::{self, Holds};
use super::caller::From;
use super::error::ErrorResponse;
use super::head;
use super::state::Shared;
use crate::listen::seats::Seat;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use palisade_guard::caller::Caller;
use palisade_guard::request_context::RequestId;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tracing::Instrument;

/// The header that holds the id of a request, in requests and answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes that are answered whatever callers do: they need neither a place nor a whole connection.
const HEALTH: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The layer around all routes.
pub(super) async fn handle(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(id.clone());
    let seat: Option<Arc<Seat>> = request.extensions().get().cloned();
    let mut holds = Holds::of(seat.as_ref().map(Seat::work));
    if let Some(seat) = &seat {
        seat.is_unread.store(head::has_body(request.body()), Ordering::Relaxed);
    }
    let is_anonymous = !request.headers().contains_key(header::AUTHORIZATION);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id = id.as_str(), %method, path);
    let from = From { shared: Arc::clone(&shared), seat: seat.clone() };
    let response = async {
        let began = Instant::now();
        let response = match admit(&from, &path, &request, &mut holds) {
            Ok(()) => {
                let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
                // The panic hook has already logged the message and the location.
                answer.unwrap_or_else(|_| ErrorResponse::panicked().into_response())
            }
            Err(refused) => refused.into_response(),
        };
        let status = response.status().as_u16();
        tracing::debug!(status, elapsed_us = began.elapsed().as_micros(), "answered");
        response
    };
    let mut response = finish(response.instrument(span).await, &id, is_anonymous);
    let mut bytes = answer::bytes(std::mem::take(response.body_mut())).await;
    if let Ok(host) = shared.host()
        && let Err(refused) =
            holds.reserve(&mut response, bytes.len(), host.reservation(&Caller::Host), &method)
    {
        response = finish(refused.into_response(), &id, is_anonymous);
        bytes = answer::bytes(std::mem::take(response.body_mut())).await;
    }
    // Whoever is told to close does not send another request that nobody answers.
    if shared.is_stopping() || seat.is_some_and(|seat| seat.is_unread.load(Ordering::Relaxed)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.body_mut() = holds.until_written(bytes);
    response
}

/// Admits a request, or says why not.
fn admit(from: &From, path: &str, request: &Request, holds: &mut Holds) -> Result<(), ErrorResponse> {
    let is_health = HEALTH.contains(&path);
    if !is_health && from.seat.as_ref().is_some_and(|seat| seat.is_reserve) {
        return Err(ErrorResponse::overloaded(TOO_MANY_CONNECTIONS));
    }
    head::check(request, from.seat.as_ref().map(|seat| seat.local), &from.shared.options)?;
    if !is_health {
        let place = from.shared.requests.take(from.peer(), 1);
        holds.place = Some(place.ok_or_else(|| ErrorResponse::overloaded(TOO_MANY_REQUESTS))?);
    }
    Ok(())
}

const TOO_MANY_CONNECTIONS: &str = "the server has as many connections as it may, or as it may of your address; use fewer at once, or \
     try again";
const TOO_MANY_REQUESTS: &str = "the server answers as many requests as it may, or as it may of your address; send fewer at once, or try \
     again";

/// The caller's own id if it is well-formed, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).and_then(RequestId::parse);
    given.unwrap_or_else(RequestId::random)
}

fn finish(mut response: Response, id: &RequestId, is_anonymous: bool) -> Response {
    if let Some(failure) = response.extensions_mut().remove::<ErrorResponse>() {
        if is_anonymous && failure.is_denial() {
            return finish(ErrorResponse::anonymous().into_response(), id, false);
        }
        *response.body_mut() = failure.body(id).into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The length of the empty body that the error had until now.
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    // An answer depends on the caller, and on taps that may answer differently the next time. A plugin's own answer to a raw
    // request may say otherwise.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(id: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(id).unwrap())])
    }

    #[test]
    fn malformed_request_id_is_replaced() {
        for id in [&b""[..], b"a b", b"\xff", &[b'x'; palisade_guard::limits::REQUEST_ID_BYTES_MAX + 1]] {
            assert_ne!(request_id(&with_id(id)).as_str().as_bytes(), id);
        }
        assert_eq!(request_id(&with_id(b"mine-1")).as_str(), "mine-1");
    }

    #[test]
    fn denial_is_a_demand_for_a_token_where_there_was_none() {
        let id = RequestId::parse("mine-1").unwrap();
        let denied = || ErrorResponse::from(palisade::CallError::Denied).into_response();
        let anonymous = finish(denied(), &id, true);
        assert_eq!(anonymous.status(), 401);
        assert_eq!(anonymous.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"palisade\"");
        let known = finish(denied(), &id, false);
        assert_eq!((known.status().as_u16(), known.headers().get(header::WWW_AUTHENTICATE)), (403, None));
    }

    #[test]
    fn error_response_has_the_request_id_in_header_and_body() {
        let id = RequestId::parse("mine-1").unwrap();
        let response = finish(ErrorResponse::no_route().into_response(), &id, true);
        assert_eq!(response.headers()[REQUEST_ID], "mine-1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert!(response.extensions().get::<ErrorResponse>().is_none());
    }
}
