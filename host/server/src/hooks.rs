//! `/hooks/{plugin}` and below: raw requests for the routes that a plugin is granted.
//!
//! The host reads the whole body before the plugin's handler runs, so that a slow sender holds no transaction and no place of
//! an invocation. The plugin's name is not percent-decoded; the path behind it is, once
//! ([`RequestPath`](palisade_guard::routes::RequestPath)). A bearer token names the caller as on every route, and no other
//! credential is looked at. Which headers the plugin sees and which answer is sent is in [`palisade_guard::routes`].
//! OPTIONS is answered here, without CORS. Tests: `tests/routes.rs`.

use super::body;
use super::error::ErrorResponse;
use super::head::HOOKS;
use crate::caller::Identified;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{self, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use palisade_guard::routes::Method;

/// The route.
pub(super) async fn handle(identified: Identified, request: Request) -> Result<Response, ErrorResponse> {
    let Identified { host, caller, id, from } = identified;
    let below = request.uri().path().strip_prefix(HOOKS).unwrap_or_default();
    let (plugin, path) = below.split_at(below.find('/').unwrap_or(below.len()));
    let route = host.route(plugin, path)?;
    let allow = route.allow().to_owned();
    if request.method() == http::Method::OPTIONS {
        let allow = HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("OPTIONS"));
        return Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response());
    }
    let method = Method::of(request.method());
    let call = method.and_then(|method| route.call(method));
    let call = call.ok_or_else(|| ErrorResponse::method_not_of_route(&allow))?;
    let memory = host.reservation(&caller);
    let call = call.caller(caller).request(id).query(request.uri().query()).headers(request.headers());
    call.check()?;
    let (bytes, _memory) = match method {
        Some(Method::Get) | None => (Vec::new(), memory),
        Some(_) => body::raw(request, &from, memory).await?,
    };
    let outcome = call.body(bytes).await?;
    let (status, headers, bytes) = outcome.response.into_parts();
    let mut response = Response::new(Body::from(bytes));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response.extensions_mut().insert(outcome.memory);
    Ok(response)
}
