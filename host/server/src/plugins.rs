//! `/admin/plugins`: which plugins are served, and an operator's switch for each.
//!
//! Only for callers whose roles hold [`OPERATOR_PERMISSION`](palisade::OPERATOR_PERMISSION). Everybody else is denied
//! before anything is looked up, so that a denial does not tell which plugins there are.

use super::body;
use super::error::ErrorResponse;
use crate::caller::Identified;
use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use palisade::CallError;
use palisade::Host;
use palisade::{DisabledWhere, EntryStatus, PluginStatus, ServingStatus};
use palisade_guard::caller::Caller;
use serde_json::{Value, json};
use std::time::SystemTime;

type Name = Result<Path<String>, PathRejection>;

/// `GET /admin/plugins`.
pub(super) async fn list(identified: Identified) -> Result<Json<Value>, ErrorResponse> {
    let (host, _) = operated(identified).await?;
    let plugins: Vec<Value> = host.statuses().iter().map(described).collect();
    Ok(Json(json!({"plugins": plugins})))
}

/// What an operator is told while the database does not know of a disabling.
const PENDING: &str =
    "the plugin is disabled on this server; the database does not answer, and is told when it does";

/// `POST /admin/plugins/{plugin}/disable`, with a reason. 202 with `pending` if the database does not know yet.
pub(super) async fn disable(
    identified: Identified,
    name: Name,
    request: axum::extract::Request,
) -> Result<Response, ErrorResponse> {
    let (from, memory) = (identified.from.clone(), identified.reservation());
    let (host, by) = operated(identified).await?;
    let (mut body, _memory) = body::read_object(request, &from, memory).await?;
    let (Some(Value::String(reason)), true) = (body.remove("reason"), body.is_empty()) else {
        return Err(ErrorResponse::bad_request("send `{\"reason\": \"…\"}`, and nothing else"));
    };
    Ok(match host.disable_by(&self::name(name)?, &reason, &by).await? {
        DisabledWhere::Everywhere => StatusCode::NO_CONTENT.into_response(),
        DisabledWhere::Here => (StatusCode::ACCEPTED, Json(json!({"pending": PENDING}))).into_response(),
    })
}

/// `POST /admin/plugins/{plugin}/enable`.
pub(super) async fn enable(identified: Identified, name: Name) -> Result<StatusCode, ErrorResponse> {
    let (host, by) = operated(identified).await?;
    host.enable_by(&self::name(name)?, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A plugin's status for operators.
pub fn described(status: &PluginStatus) -> Value {
    let entry = |EntryStatus { entry, callers, status }: &EntryStatus| {
        serving(status, [("entry", entry), ("callers", callers)])
    };
    let entries: Vec<Value> = status.entries.iter().map(entry).collect();
    let mut described = serving(&status.status, [("name", &status.name), ("version", &status.version)]);
    if let Some(object) = described.as_object_mut() {
        object.insert("entries".into(), entries.into());
        object.insert("runningOn".into(), status.running_on.into());
    }
    described
}

/// The status of what these words name.
fn serving(status: &ServingStatus, names: [(&str, &String); 2]) -> Value {
    let (reason, since, until) = match status {
        ServingStatus::Serving => (None, None, None),
        ServingStatus::Quarantined { reason, since, until } => (Some(reason), Some(since), Some(until)),
        ServingStatus::HalfOpen { reason, since }
        | ServingStatus::Disabled { reason, since }
        | ServingStatus::NotLoaded { reason, since } => (Some(reason), Some(since), None),
    };
    let [(first, one), (second, other)] = names;
    json!({
        first: one, second: other, "state": status.state(), "reason": reason,
        "since": since.copied().map(written), "until": until.copied().map(written),
    })
}

/// A plugin's status for everybody: a reason that is for operators is left out.
pub(super) fn described_to_all(status: &PluginStatus) -> Value {
    let mut described = described(status);
    let is_for_operators =
        matches!(status.status, ServingStatus::Disabled { .. } | ServingStatus::NotLoaded { .. });
    if let (true, Some(object)) = (is_for_operators, described.as_object_mut()) {
        object.insert("reason".into(), Value::Null);
    }
    described
}

/// The host, for a caller who may operate it, and how the audit log names that caller.
async fn operated(identified: Identified) -> Result<(Host, String), ErrorResponse> {
    let Identified { host, caller, id, .. } = identified;
    let by = match &caller {
        Caller::User(user) => format!("by user {}, request {}", user.id, id.as_str()),
        Caller::Anonymous | Caller::Host => format!("by an anonymous caller, request {}", id.as_str()),
    };
    if host.may_operate(&caller).await? { Ok((host, by)) } else { Err(CallError::Denied.into()) }
}

fn name(name: Name) -> Result<String, ErrorResponse> {
    let Path(name) = name.map_err(|error| ErrorResponse::bad_request(error.body_text()))?;
    Ok(name)
}

/// A time in the format of RFC 3339.
fn written(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX).to_string()
}
