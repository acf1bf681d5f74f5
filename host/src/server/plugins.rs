//! `/admin/plugins`: which plugins are served, and an operator's switch for each.
//!
//! For callers whose roles hold [`OPERATOR_PERMISSION`] alone: everybody else is denied before anything is looked at, so
//! that a denial tells nobody which plugins there are.

use super::asked::Asked;
use super::body;
use super::failure::Failure;
use crate::caller::Caller;
use crate::error::CallError;
use crate::guard::user::Permission;
use crate::host::Host;
use crate::request::Request;
use crate::supervision::{OPERATOR_PERMISSION, PluginStatus, Standing};
use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::SystemTime;

type Name = Result<Path<String>, PathRejection>;

/// `GET /admin/plugins`.
pub(super) async fn list(asked: Asked) -> Result<Json<Value>, Failure> {
    let (host, _) = operated(asked).await?;
    let plugins: Vec<Value> = host.statuses().iter().map(described).collect();
    Ok(Json(json!({"plugins": plugins})))
}

/// `POST /admin/plugins/{plugin}/disable`, with a reason.
pub(super) async fn disable(
    asked: Asked,
    name: Name,
    request: axum::extract::Request,
) -> Result<StatusCode, Failure> {
    let (host, by) = operated(asked).await?;
    let mut body = body::read_object(request).await?;
    let (Some(Value::String(reason)), true) = (body.remove("reason"), body.is_empty()) else {
        return Err(Failure::bad_request("send `{\"reason\": \"…\"}`, and nothing else"));
    };
    host.disable_by(&self::name(name)?, &reason, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/plugins/{plugin}/enable`.
pub(super) async fn enable(asked: Asked, name: Name) -> Result<StatusCode, Failure> {
    let (host, by) = operated(asked).await?;
    host.enable_by(&self::name(name)?, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A plugin's standing for operators.
pub(crate) fn described(status: &PluginStatus) -> Value {
    let (reason, since, until) = match &status.standing {
        Standing::Serving => (None, None, None),
        Standing::Quarantined { reason, since, until } => (Some(reason), Some(since), Some(until)),
        Standing::HalfOpen { reason, since } | Standing::Disabled { reason, since } => {
            (Some(reason), Some(since), None)
        }
    };
    json!({
        "name": status.name, "version": status.version, "state": status.standing.state(), "reason": reason,
        "since": since.copied().map(written), "until": until.copied().map(written),
    })
}

/// The same for everybody: an operator's words stay with operators.
pub(super) fn described_to_all(status: &PluginStatus) -> Value {
    let mut told = described(status);
    if let (Standing::Disabled { .. }, Some(told)) = (&status.standing, told.as_object_mut()) {
        told.insert("reason".into(), Value::Null);
    }
    told
}

/// The host, for a caller who may operate it, and how the audit log names that caller.
async fn operated(asked: Asked) -> Result<(Host, String), Failure> {
    let Asked { host, caller, id } = asked;
    let by = match &caller {
        Caller::User(user) => format!("by user {}, request {}", user.id, id.as_str()),
        Caller::Anonymous | Caller::Host => format!("by nobody in particular, request {}", id.as_str()),
    };
    let permission = Permission::parse(OPERATOR_PERMISSION).map_err(CallError::from)?;
    let request = Request::new(id, caller);
    let may = request.holds(&permission, &*host.core().backends.users).await.map_err(CallError::from)?;
    if may { Ok((host, by)) } else { Err(CallError::Denied.into()) }
}

fn name(name: Name) -> Result<String, Failure> {
    let Path(name) = name.map_err(|error| Failure::bad_request(error.body_text()))?;
    Ok(name)
}

/// A time as RFC 3339 writes it.
fn written(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX).to_string()
}
