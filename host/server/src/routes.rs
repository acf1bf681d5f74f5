//! Every route, and the middleware around all of them.

use crate::error::ErrorResponse;
use crate::state::Shared;
use crate::{call, health, hooks, items, middleware, openapi, plugins};
use axum::Router;
use axum::routing::{any, get, post};
use std::sync::Arc;

/// The routes of a server.
pub(super) fn routes(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/call/{plugin}/{interface}/{function}", post(call::call))
        .route("/hooks/{plugin}", any(hooks::handle))
        .route("/hooks/{plugin}/", any(hooks::handle))
        .route("/hooks/{plugin}/{*path}", any(hooks::handle))
        .route("/items", get(items::list).post(items::create))
        .route("/items/{id}", get(items::get).patch(items::patch).delete(items::delete))
        .route("/admin/plugins", get(plugins::list))
        .route("/admin/plugins/{plugin}/disable", post(plugins::disable))
        .route("/admin/plugins/{plugin}/enable", post(plugins::enable))
        .route("/openapi.json", get(openapi::get))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(async || ErrorResponse::no_route())
        .method_not_allowed_fallback(async || ErrorResponse::wrong_method())
        .layer(axum::middleware::from_fn_with_state(Arc::clone(shared), middleware::handle))
        .with_state(Arc::clone(shared))
}
