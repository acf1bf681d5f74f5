//! The headers that a plugin may send.

use super::RequestRefusal;
use crate::limits::{HTTP_HEADER_NAME_BYTES_MAX, HTTP_HEADER_VALUE_BYTES_MAX, HTTP_HEADERS_MAX};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that control the connection or the framing of messages, which only the host may control. `expect` is among
/// them because the host does not wait for an answer before it sends a body. Names that begin with `proxy-` are refused
/// too.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header is of the connection, so that only the host may send it and nobody else need see it.
pub(crate) fn is_of_the_connection(name: &str) -> bool {
    OF_THE_CONNECTION.contains(&name) || name.starts_with("proxy-")
}

/// Parses one header by the rules of the contract.
pub fn parse_header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), RequestRefusal> {
    let invalid = |rule: String| RequestRefusal::Invalid(format!("headers: {rule}"));
    if name.len() > HTTP_HEADER_NAME_BYTES_MAX {
        return Err(invalid(format!("a name must have at most {HTTP_HEADER_NAME_BYTES_MAX} bytes")));
    }
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid("a name must be a token of RFC 9110".into()))?;
    if is_of_the_connection(parsed.as_str()) {
        return Err(invalid(format!("`{parsed}` belongs to the host")));
    }
    if value.len() > HTTP_HEADER_VALUE_BYTES_MAX {
        return Err(invalid(format!(
            "the value of `{parsed}` must have at most {HTTP_HEADER_VALUE_BYTES_MAX} bytes"
        )));
    }
    // `HeaderValue` alone would accept a tab.
    let value = Some(value).filter(|value| !value.contains(&b'\t'));
    match value.map(HeaderValue::from_bytes) {
        Some(Ok(value)) => Ok((parsed, value)),
        _ => Err(invalid(format!(
            "the value of `{parsed}` must have only visible characters, spaces and bytes over 127"
        ))),
    }
}

/// Parses all headers of a request.
pub(super) fn parse_headers(raw: &[(String, Vec<u8>)]) -> Result<HeaderMap, RequestRefusal> {
    let too_many = || RequestRefusal::Invalid(format!("headers: must be at most {HTTP_HEADERS_MAX}"));
    if raw.len() > HTTP_HEADERS_MAX {
        return Err(too_many());
    }
    let mut headers = HeaderMap::with_capacity(raw.len());
    for (name, value) in raw {
        let (name, value) = parse_header(name, value)?;
        headers.try_append(name, value).map_err(|_| too_many())?;
    }
    Ok(headers)
}

/// Removes the headers with credentials, which are meant for one server only.
pub(super) fn drop_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, header::COOKIE] {
        headers.remove(name);
    }
}

/// Removes the headers that describe a body, for a redirect that drops the body.
pub(super) fn drop_content(headers: &mut HeaderMap) {
    for name in
        [header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION, header::CONTENT_TYPE]
    {
        headers.remove(name);
    }
}
