//! `POST /call/{plugin}/{interface}/{function}`.
//!
//! Whether there is such a function, and whether its plugin is served, is found out before the arguments are read. The call is
//! part of the request's future: when the connection is dropped, so is the call.

use super::answer::json;
use super::body;
use super::error::ErrorResponse;
use crate::caller::Identified;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use palisade::Integers;
use palisade_guard::ledger::Usage;
use serde_json::{Map, Value};

/// The header that asks for the usage of the call, and that holds it in the answer.
pub(super) const USAGE: HeaderName = HeaderName::from_static("x-palisade-usage");

/// The key under which the usage lists the limits that are nearly used up.
const WARNINGS: &str = "warnings";

/// The media type of a result whose 64-bit integers are strings of digits, as a caller asks for it.
pub(super) const STRINGS: &str = "application/json; integers=string";

/// The route.
pub(super) async fn call(
    identified: Identified,
    path: Result<Path<(String, String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, ErrorResponse> {
    let Path((plugin, interface, function)) =
        path.map_err(|error| ErrorResponse::bad_request(error.body_text()))?;
    let wants_usage = request.headers().get(USAGE).is_some_and(|value| value == "1");
    let integers = integers(request.headers());
    let Identified { host, caller, id, from } = identified;
    let function = format!("{interface}/{function}");
    let memory = host.reservation(&caller);
    let call = host.call(&plugin, &function).caller(caller).request(id).integers(integers);
    call.check()?;
    let (arguments, _memory) = body::read(request, &from, memory).await?;
    let outcome = call.arguments(arguments).await?;
    let usage = wants_usage.then(|| usage_header(&outcome.usage));
    let mut response = json(&from, outcome.value, outcome.memory).await?;
    if integers == Integers::Strings {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STRINGS));
    }
    if let Some(usage) = usage {
        response.headers_mut().insert(USAGE, usage);
    }
    Ok(response)
}

/// How the caller wants 64-bit integers: the parameter `integers` of `application/json` in `accept`.
fn integers(headers: &HeaderMap) -> Integers {
    let mut integers = Integers::Numbers;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            if parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
                let parameters = parts.filter_map(|part| part.split_once('='));
                let wanted = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("integers"));
                for (_, wanted) in wanted {
                    let is_string = wanted.trim().trim_matches('"') == "string";
                    integers = if is_string { Integers::Strings } else { Integers::Numbers };
                }
            }
        }
    }
    integers
}

/// The usage as JSON: the amount for each limit from which something was used; and under `warnings`, which is no
/// limit's name, the limits that are nearly used up.
fn usage_header(usage: &[Usage]) -> HeaderValue {
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
    use palisade_guard::limits::Limit;

    #[test]
    fn usage_header_lists_only_what_was_used() {
        let usage = |limit, used| Usage { limit, used, max: 10 };
        let rows = [usage(Limit::DbRows, 7), usage(Limit::LogRecords, 0)];
        assert_eq!(usage_header(&rows), "{\"db-rows\":7}");
        let near = [usage(Limit::DbRows, 8), usage(Limit::LogRecords, 7)];
        assert_eq!(usage_header(&near), "{\"db-rows\":8,\"log-records\":7,\"warnings\":[\"db-rows\"]}");
    }

    #[test]
    fn integers_are_strings_where_accept_says_so_and_numbers_elsewhere() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            integers(&headers)
        };
        for accept in [
            "*/*",
            "application/json",
            "text/html; integers=string",
            "application/json; integers=number",
            "application/json; integers=text",
            "application/json;integers=",
        ] {
            assert_eq!(of(accept), Integers::Numbers, "{accept}");
        }
        for accept in
            ["application/json; integers=string", "text/html, Application/JSON;q=1;Integers=\"string\""]
        {
            assert_eq!(of(accept), Integers::Strings, "{accept}");
        }
        assert_eq!(integers(&HeaderMap::new()), Integers::Numbers);
    }

    #[test]
    fn no_limit_has_the_name_of_the_warnings_key() {
        assert!(Limit::ALL.iter().all(|limit| limit.name() != WARNINGS));
    }
}
