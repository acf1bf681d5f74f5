//! `/livez` and `/readyz`: for whoever restarts the process, and for whoever sends it requests.

use super::failure::Failure;
use super::state::Shared;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;

/// The process runs. Nothing else is asked: a database that is away is no reason to restart.
pub(super) async fn livez() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The plugins are loaded and the database answers.
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Failure> {
    if shared.is_draining() {
        return Err(Failure::draining());
    }
    let host = shared.host()?;
    host.ready().await?;
    Ok(Json(json!({"status": "ready", "plugins": host.plugins().len()})))
}
