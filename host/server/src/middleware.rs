//! The middleware around every request: its id, its span in the log, and the one form of errors.
//!
//! A handler's error is written out here and not in the handler, because the request's id is known here, also for
//! routes that do not exist and for panics.

use super::error::ErrorResponse;
use super::state::Shared;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use palisade_guard::request_context::RequestId;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

/// The header that holds the id of a request, in requests and answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

/// The layer around all routes.
pub(super) async fn handle(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id = id.as_str(), %method, path);
    let response = async {
        let began = Instant::now();
        let response = if shared.is_draining() && ![LIVEZ, READYZ, METRICS].contains(&path.as_str()) {
            ErrorResponse::draining().into_response()
        } else {
            let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            // The panic hook has already logged the message and the location.
            answer.unwrap_or_else(|_| ErrorResponse::panicked().into_response())
        };
        let status = response.status().as_u16();
        tracing::debug!(status, elapsed_us = began.elapsed().as_micros(), "answered");
        response
    };
    finish(response.instrument(span).await, &id)
}

/// The caller's own id if it is well-formed, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).and_then(RequestId::parse);
    given.unwrap_or_else(RequestId::random)
}

fn finish(mut response: Response, id: &RequestId) -> Response {
    if let Some(failure) = response.extensions_mut().remove::<ErrorResponse>() {
        *response.body_mut() = failure.body(id).into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The length of the empty body that the error had until now.
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    // An answer depends on the caller, and on taps that may answer differently the next time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
    fn error_response_has_the_request_id_in_header_and_body() {
        let id = RequestId::parse("mine-1").unwrap();
        let response = finish(ErrorResponse::no_route().into_response(), &id);
        assert_eq!(response.headers()[REQUEST_ID], "mine-1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert!(response.extensions().get::<ErrorResponse>().is_none());
    }
}
