//! A request's body as JSON, within bounds of size, time and shape.

use super::error::ErrorResponse;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use palisade::BadArgument;
use palisade_guard::json;
use palisade_guard::limits::{BODY_BYTES_MAX, BODY_DISCARD_BYTES_MAX, BODY_READ_MS};
use serde_json::{Map, Value};
use std::time::Duration;

/// Reads the body. An empty one is an empty object.
pub(super) async fn read(request: Request) -> Result<Value, ErrorResponse> {
    let text = read_text(request).await?;
    json::parse(&text).map_err(|error| ErrorResponse::bad_request(BadArgument::from(error).to_string()))
}

/// Reads the body as text, which may be malformed JSON. An empty one is an empty object.
pub(super) async fn read_text(request: Request) -> Result<Vec<u8>, ErrorResponse> {
    let (parts, body) = request.into_parts();
    if is_refused_unread(&parts.headers) {
        return Err(ErrorResponse::body_too_large());
    }
    let read = tokio::time::timeout(Duration::from_millis(BODY_READ_MS), collect(body));
    let text = read.await.unwrap_or_else(|_| Err(ErrorResponse::body_too_slow()))?;
    if text.is_empty() {
        return Ok(b"{}".to_vec());
    }
    if !may_be_json(&parts.headers) {
        return Err(ErrorResponse::not_json());
    }
    Ok(text)
}

/// Reads a body that must be an object.
pub(super) async fn read_object(request: Request) -> Result<Map<String, Value>, ErrorResponse> {
    match read(request).await? {
        Value::Object(object) => Ok(object),
        _ => Err(ErrorResponse::bad_request("the body is not an object; send `{…}`")),
    }
}

/// Whether `content-length` is over the limit, and either the caller waits for permission to send the body, or the body
/// is so large that closing the connection is better than reading it.
fn is_refused_unread(headers: &HeaderMap) -> bool {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    declared.is_some_and(|bytes| {
        bytes > BODY_BYTES_MAX
            && (headers.contains_key(header::EXPECT) || bytes > BODY_BYTES_MAX + BODY_DISCARD_BYTES_MAX)
    })
}

async fn collect(body: Body) -> Result<Vec<u8>, ErrorResponse> {
    let mut chunks = body.into_data_stream();
    let (mut text, mut bytes) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|error| ErrorResponse::bad_request(format!("the body did not arrive whole: {error}")))?;
        bytes += chunk.len();
        // A body over the limit is still read for a while: most callers read the answer only when they have sent
        // everything.
        if bytes <= BODY_BYTES_MAX {
            text.extend_from_slice(&chunk);
        } else if bytes > BODY_BYTES_MAX + BODY_DISCARD_BYTES_MAX {
            break;
        } else {
            text = Vec::new();
        }
    }
    if bytes > BODY_BYTES_MAX { Err(ErrorResponse::body_too_large()) } else { Ok(text) }
}

/// Whether the content type is JSON, or missing. A form, which a page of another origin can send without asking, is
/// never JSON.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence =
        value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    async fn status(body: Vec<u8>, content_type: Option<&'static str>) -> Result<Value, u16> {
        use axum::response::IntoResponse;
        let mut request = Request::new(Body::from(body));
        if let Some(name) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(name));
        }
        read(request).await.map_err(|failure| failure.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn body_over_the_limit_is_refused_and_one_at_it_is_read() {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
        assert_eq!(status(text(BODY_BYTES_MAX + 1), None).await, Err(413));
        assert!(status(text(BODY_BYTES_MAX), None).await.is_ok());
    }

    #[tokio::test]
    async fn body_that_is_not_json_is_refused() {
        for name in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""] {
            assert_eq!(status(b"{}".to_vec(), Some(name)).await, Err(415), "{name}");
        }
        for text in ["{", "{}{}", "{\"a\":1,\"a\":2}", "\u{0}"] {
            assert_eq!(status(text.into(), Some("application/json")).await, Err(400), "{text}");
        }
    }

    #[tokio::test]
    async fn body_of_json_is_read_and_an_empty_one_is_an_object() {
        for name in [
            None,
            Some("application/json"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/merge-patch+json"),
        ] {
            assert_eq!(status(b"{}".to_vec(), name).await, Ok(serde_json::json!({})));
        }
        assert_eq!(status(Vec::new(), Some("text/plain")).await, Ok(serde_json::json!({})));
    }
}
