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

/// What was used at all, by limit, as JSON.
fn account(usage: &[Exceeded]) -> HeaderValue {
    let used = usage.iter().filter(|usage| usage.used > 0);
    let object: Map<String, Value> =
        used.map(|usage| (usage.limit.name().to_owned(), usage.used.into())).collect();
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
        let account = account(&[usage(Limit::DbRows, 3), usage(Limit::LogRecords, 0)]);
        assert_eq!(account, "{\"db-rows\":3}");
    }
}
