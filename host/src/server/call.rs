//! `POST /call/{plugin}/{interface}/{function}`.
//!
//! The call is part of the request's future: when the connection is dropped, so is the call.

use super::asked::Asked;
use super::body;
use super::failure::Failure;
use crate::ledger::Exceeded;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// Asks for the account of the call, and holds it in the answer.
const USAGE: HeaderName = HeaderName::from_static("x-palisade-usage");

/// Where an account names the limits that a call came near to.
const WARNINGS: &str = "warnings";

/// The route.
pub(super) async fn call(
    asked: Asked,
    path: Result<Path<(String, String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let Path((plugin, interface, function)) =
        path.map_err(|error| Failure::bad_request(error.body_text()))?;
    let wants_usage = request.headers().get(USAGE).is_some_and(|value| value == "1");
    let arguments = body::read(request).await?;
    let Asked { host, caller, id } = asked;
    let outcome = host.call_in(&plugin, &format!("{interface}/{function}"), arguments, caller, id).await?;
    let mut response = Json(outcome.value).into_response();
    if let Some(account) = wants_usage.then(|| account(&outcome.usage)) {
        response.headers_mut().insert(USAGE, account);
    }
    Ok(response)
}

/// What was used at all, by limit, as JSON; and under `warnings`, which no limit is called, the limits of which so much was
/// used that it soon will not be enough.
fn account(usage: &[Exceeded]) -> HeaderValue {
    let used = usage.iter().filter(|usage| usage.used > 0);
    let mut object: Map<String, Value> =
        used.map(|usage| (usage.limit.name().to_owned(), usage.used.into())).collect();
    let near: Vec<Value> =
        usage.iter().filter(|usage| usage.is_near()).map(|usage| usage.limit.name().into()).collect();
    if !near.is_empty() {
        object.insert(WARNINGS.to_owned(), near.into());
    }
    // Names of limits and digits are visible ASCII.
    HeaderValue::from_str(&Value::Object(object).to_string()).unwrap_or(HeaderValue::from_static("{}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limit;

    #[test]
    fn account_names_only_what_was_used() {
        let usage = |limit, used| Exceeded { limit, used, max: 10 };
        let rows = [usage(Limit::DbRows, 7), usage(Limit::LogRecords, 0)];
        assert_eq!(account(&rows), "{\"db-rows\":7}");
        let near = [usage(Limit::DbRows, 8), usage(Limit::LogRecords, 7)];
        assert_eq!(account(&near), "{\"db-rows\":8,\"log-records\":7,\"warnings\":[\"db-rows\"]}");
    }

    #[test]
    fn limit_is_never_called_what_an_account_calls_its_warnings() {
        assert!(Limit::ALL.iter().all(|limit| limit.name() != WARNINGS));
    }
}
