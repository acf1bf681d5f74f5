//! `/livez`, `/readyz` and `/metrics`: for the supervisor that restarts the process, the balancer that sends it
//! requests, and the monitoring. None of them asks who calls.

use super::error::ErrorResponse;
use super::plugins::described_to_all;
use super::state::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use palisade::METRICS_TYPE;
use palisade_guard::limits::READY_MS;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The process runs. Nothing else is checked: an unreachable database is no reason to restart.
pub(super) async fn livez() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The plugins are loaded and the database answers, within [`READY_MS`]. A quarantined or disabled plugin does not make the host unready:
/// another host would do no better, and the other plugins are served.
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, ErrorResponse> {
    if shared.is_stopping() {
        return Err(ErrorResponse::draining());
    }
    let host = shared.host()?;
    let ready = tokio::time::timeout(Duration::from_millis(READY_MS), host.ready()).await;
    ready.map_err(|_| ErrorResponse::database_too_slow())??;
    let plugins: Vec<Value> = host.statuses().iter().map(described_to_all).collect();
    Ok(Json(json!({"status": "ready", "plugins": plugins})))
}

/// The metrics, also while the server drains, so that the last values of a process are not missed.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, ErrorResponse> {
    let text = shared.host()?.metrics();
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}
