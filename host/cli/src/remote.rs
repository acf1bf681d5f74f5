//! Calls and operators' commands through a running server.

use crate::output;
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use http::{Method, StatusCode};
use palisade_guard::limits::{JSON_BYTES_MAX, Limit};
use palisade_guard::request_context::RequestId;
use palisade_store::http::client;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// Calls a function over HTTP under this request id, and returns the function's own `ok` or `err`.
pub(super) async fn call(
    url: &Url,
    plugin: &str,
    function: &str,
    arguments: &Value,
    token: Option<&str>,
    request: &RequestId,
) -> Result<Result<Value, Value>> {
    let (interface, function) = function
        .split_once('/')
        .ok_or_else(|| output::usage(format!("`{function}` is not a function: write INTERFACE/FUNCTION")))?;
    let target = target(url, &["call", plugin, interface, function])?;
    send(url, target, Method::POST, Some(arguments), token, Some(request)).await
}

/// The plugins of a server, and whether each is served.
pub(super) async fn plugins(url: &Url, token: Option<&str>) -> Result<Value> {
    let target = target(url, &["admin", "plugins"])?;
    answered(send(url, target, Method::GET, None, token, None).await?)
}

/// Disables a plugin of a server, or enables it. Returns what the server says of a disabling that its database does not
/// know yet.
pub(super) async fn switch(
    url: &Url,
    plugin: &str,
    reason: Option<&str>,
    token: Option<&str>,
) -> Result<Option<String>> {
    let verb = if reason.is_some() { "disable" } else { "enable" };
    let target = target(url, &["admin", "plugins", plugin, verb])?;
    let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let answer = answered(send(url, target, Method::POST, Some(&body), token, None).await?)?;
    Ok(answer.get("pending").and_then(Value::as_str).map(ToOwned::to_owned))
}

/// An answer that comes from no plugin cannot be a plugin's error.
fn answered(result: Result<Value, Value>) -> Result<Value> {
    result.map_err(|_| anyhow::anyhow!("not a Palisade server; check --url"))
}

async fn send(
    url: &Url,
    target: Url,
    method: Method,
    body: Option<&Value>,
    token: Option<&str>,
    id: Option<&RequestId>,
) -> Result<Result<Value, Value>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(client::tls().map_err(anyhow::Error::msg)?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_millis(Limit::ActionTime.default_max()))
        .build()?;
    let mut request = client.request(method, target);
    if let Some(body) = body {
        request = request.header(http::header::CONTENT_TYPE, "application/json").body(body.to_string());
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(id) = id {
        request = request.header("x-request-id", id.as_str());
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("no answer from {url}: is `palisade serve` running there?"))?;
    let status = answer.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(Ok(Value::Null));
    }
    let body: Value = serde_json::from_slice(&read(answer).await?).with_context(|| {
        format!("{url} answers {status} without JSON: is `palisade serve` running there?")
    })?;
    outcome(status, body)
}

/// What an answer means for the command.
fn outcome(status: StatusCode, body: Value) -> Result<Result<Value, Value>> {
    if status.is_success() {
        return Ok(Ok(body));
    }
    let error = body.get("error").cloned().unwrap_or_default();
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("kind").as_str() {
        "returned" => Ok(Err(error.get("value").cloned().unwrap_or_default())),
        "refused" => Err(output::plugin_error(text("message"))),
        "no-such-plugin" | "no-such-function" | "bad-arguments" => Err(output::usage(text("message"))),
        "" => bail!("not a Palisade server (status {status}); check --url"),
        _ => bail!("{} (the server's log has more, under request={})", text("message"), text("requestId")),
    }
}

/// A URL below that of a server. Each name is one segment, whatever it holds.
fn target(url: &Url, path: &[&str]) -> Result<Url> {
    let mut target = url.clone();
    let Ok(mut segments) = target.path_segments_mut() else {
        return Err(output::usage(format!(
            "`{url}` is not the URL of a server: write one such as http://127.0.0.1:8080"
        )));
    };
    segments.pop_if_empty().extend(path);
    drop(segments);
    Ok(target)
}

/// A Palisade server bounds its results; the answer of any other server is bounded here.
async fn read(answer: reqwest::Response) -> Result<Vec<u8>> {
    let mut chunks = answer.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.context("the answer was cut off")?);
        if body.len() > JSON_BYTES_MAX.saturating_mul(2) {
            bail!("the answer is too large for a result");
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_segments() {
        let url = Url::parse("http://127.0.0.1:8080/base/").unwrap();
        let target = target(&url, &["call", "a/../b", "c", "d?e"]).unwrap();
        assert_eq!(target.as_str(), "http://127.0.0.1:8080/base/call/a%2F..%2Fb/c/d%3Fe");
        assert!(super::target(&Url::parse("data:x").unwrap(), &["a"]).is_err());
    }

    #[test]
    fn http_answer_has_the_outcome_of_a_local_call() {
        let error = |kind: &str| json!({"error": {"kind": kind, "message": "m", "value": 7}});
        assert_eq!(outcome(StatusCode::OK, json!(1)).unwrap(), Ok(json!(1)));
        assert_eq!(outcome(StatusCode::UNPROCESSABLE_ENTITY, error("returned")).unwrap(), Err(json!(7)));
        for kind in ["refused", "bad-arguments", "unavailable"] {
            assert!(outcome(StatusCode::BAD_REQUEST, error(kind)).is_err());
        }
        assert!(outcome(StatusCode::BAD_GATEWAY, json!("<html>")).unwrap_err().to_string().contains("--url"));
    }
}
