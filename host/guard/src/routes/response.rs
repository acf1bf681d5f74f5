//! What a handler may answer.
//!
//! An answer comes from the origin of the host's API, which a browser trusts with what other pages of that origin know,
//! such as a user's token. So the rule is: nothing in an answer acts in that origin. Headers are those of a list, because
//! names that are forbidden one by one would miss the next one that a browser or a proxy obeys, such as `set-cookie`,
//! `clear-site-data` or `x-accel-redirect`. A policy that every answer has runs no script, whatever the answer says it is,
//! and gives a page an origin of its own. An answer that is a script, which a page elsewhere could run, is refused.

use crate::http::parse_header;
use crate::limits::ROUTE_RESPONSE_BYTES_MAX;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, REFERRER_POLICY, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The policy of every answer: no script, no form, no frame, an origin of its own.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
     media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// The statuses of an answer. Not among them are redirects, which would lend the host's name to other sites, and those that
/// are about the connection or make a client send the request again by itself.
const STATUSES: &[StatusCode] = &[
    StatusCode::OK,
    StatusCode::CREATED,
    StatusCode::ACCEPTED,
    StatusCode::NO_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::CONFLICT,
    StatusCode::GONE,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::NOT_IMPLEMENTED,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The headers of an answer.
const HEADERS: [HeaderName; 7] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER];

/// Parts of the names of types that are scripts.
const SCRIPTS: [&str; 4] = ["javascript", "ecmascript", "jscript", "livescript"];

/// An answer from a guest. The guest controls every field.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// The status.
    pub status: u16,
    /// The names and values of the headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer that may leave the host, with the headers that every answer has. Only [`parse`](Self::parse) constructs it.
#[derive(Clone, Debug)]
pub struct OutboundResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl OutboundResponse {
    /// Checks an answer. The error names the rule that it breaks, for the plugin's author.
    pub fn parse(raw: RawResponse) -> Result<Self, String> {
        let status = STATUSES.iter().copied().find(|status| status.as_u16() == raw.status);
        let status = status.ok_or_else(|| {
            let known: Vec<&str> = STATUSES.iter().map(StatusCode::as_str).collect();
            format!("its status is {}, and must be one of {}", raw.status, known.join(", "))
        })?;
        if raw.body.len() as u64 > ROUTE_RESPONSE_BYTES_MAX {
            return Err(format!(
                "its body has {} bytes, and may have at most {ROUTE_RESPONSE_BYTES_MAX}",
                raw.body.len()
            ));
        }
        let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if has_no_body && !raw.body.is_empty() {
            return Err(format!("an answer with the status {} has no body", status.as_u16()));
        }
        let mut headers = headers(&raw.headers)?;
        let default = (!raw.body.is_empty()).then_some(&b"application/octet-stream"[..]);
        if let Some(given) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).or(default) {
            let checked = content_type(given)?;
            headers.insert(CONTENT_TYPE, checked);
        }
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(Self { status, headers, body: raw.body.into() })
    }

    /// Whether a mutation that gives this answer is committed: if the status is no error.
    pub fn commits(&self) -> bool {
        !self.status.is_client_error() && !self.status.is_server_error()
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The bytes of the body.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The status, the headers and the body.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}

fn headers(raw: &[(String, Vec<u8>)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in raw {
        // The name is looked for as it is before anything is made of it: a guest can send any number, of any length.
        let Some(known) = HEADERS.iter().find(|known| known.as_str().eq_ignore_ascii_case(name)) else {
            let known: Vec<&str> = HEADERS.iter().map(HeaderName::as_str).collect();
            return Err(format!(
                "{} is not a header that it may set, which are {}",
                crate::text::quoted(name),
                known.join(", ")
            ));
        };
        let (_, value) = parse_header(known.as_str(), value).map_err(|_| {
            format!("the value of `{known}` is too long, or has other than visible characters and spaces")
        })?;
        if headers.insert(known.clone(), value).is_some() {
            return Err(format!("it has the header `{known}` twice"));
        }
    }
    Ok(headers)
}

/// Checks a type. A text says that it is UTF-8: a browser that guesses could find another encoding, and a script in it.
fn content_type(value: &[u8]) -> Result<HeaderValue, String> {
    let malformed =
        || "its `content-type` is not of the form `type/subtype` or `type/subtype; name=value`".to_owned();
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    // Without quotes and commas, every reader finds the same parts.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/;= +.-_".contains(&byte);
    if !text.bytes().all(is_plain) {
        return Err(malformed());
    }
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_word = |word: &str| !word.is_empty() && !word.contains(['/', '=', ' ']);
    let (kind, subtype) = essence.split_once('/').ok_or_else(malformed)?;
    if !is_word(kind) || !is_word(subtype) {
        return Err(malformed());
    }
    if kind == "multipart" || SCRIPTS.iter().any(|script| subtype.contains(script)) {
        return Err(format!(
            "its `content-type` is `{essence}`: scripts and `multipart` types are not served from the host's origin"
        ));
    }
    let mut has_charset = false;
    for part in parts {
        let (name, value) = part.split_once('=').ok_or_else(malformed)?;
        if !is_word(name) || !is_word(value) {
            return Err(malformed());
        }
        if name.eq_ignore_ascii_case("charset") {
            if !value.eq_ignore_ascii_case("utf-8") {
                return Err("its `content-type` has a charset that is not UTF-8".to_owned());
            }
            has_charset = true;
        }
    }
    let text =
        if kind == "text" && !has_charset { format!("{text}; charset=utf-8") } else { text.to_owned() };
    HeaderValue::from_str(&text).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HTTP_HEADER_VALUE_BYTES_MAX;

    fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<OutboundResponse, String> {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        OutboundResponse::parse(RawResponse { status, headers, body: body.to_vec() })
    }

    #[test]
    fn header_that_acts_on_a_browser_or_a_proxy_is_rejected() {
        for name in [
            "set-cookie",
            "Set-Cookie",
            "set-cookie2",
            "clear-site-data",
            "strict-transport-security",
            "public-key-pins",
            "access-control-allow-origin",
            "content-security-policy",
            "x-content-type-options",
            "x-frame-options",
            "location",
            "refresh",
            "link",
            "service-worker-allowed",
            "sourcemap",
            "www-authenticate",
            "x-accel-redirect",
            "x-sendfile",
            "x-request-id",
            "content-encoding",
            "content-length",
            "transfer-encoding",
            "connection",
            "upgrade",
            "alt-svc",
            "report-to",
            "nel",
            "vary",
            "",
            "content-type ",
            "content-type:",
            "etag\r\nset-cookie",
        ] {
            let refusal = answer(200, &[(name, "x")], b"").unwrap_err();
            assert!(refusal.contains("is not a header that it may set"), "{name}: {refusal}");
        }
    }

    #[test]
    fn malformed_or_repeated_header_is_rejected() {
        let long = "x".repeat(HTTP_HEADER_VALUE_BYTES_MAX + 1);
        for value in ["a\r\nset-cookie: a=b", "a\nb", "a\0", "a\tb", "\u{7f}", &long] {
            assert!(answer(200, &[("etag", value)], b"").is_err(), "{value:?}");
        }
        assert!(answer(200, &[("etag", &long[1..])], b"").is_ok());
        assert!(answer(200, &[("etag", "\"a\""), ("ETag", "\"b\"")], b"").unwrap_err().contains("twice"));
    }

    #[test]
    fn status_outside_of_the_list_is_rejected() {
        for status in (0..=1_000).chain([u16::MAX]) {
            let is_known = STATUSES.iter().any(|known| known.as_u16() == status);
            assert_eq!(answer(status, &[], b"").is_ok(), is_known, "{status}");
        }
        for status in [100, 101, 103, 205, 206, 301, 302, 303, 307, 308, 407, 408, 421, 425, 426, 431, 511] {
            assert!(answer(status, &[], b"").is_err(), "{status}");
        }
        for (status, commits) in
            [(200, true), (204, true), (304, true), (400, false), (404, false), (503, false)]
        {
            assert_eq!(answer(status, &[], b"").unwrap().commits(), commits, "{status}");
        }
    }

    #[test]
    fn type_that_is_a_script_or_that_a_browser_could_read_otherwise_is_rejected() {
        for kind in [
            "text/javascript",
            "Application/JavaScript",
            "application/x-javascript; charset=utf-8",
            "text/ecmascript",
            "text/jscript",
            "text/livescript",
            "multipart/x-mixed-replace; boundary=a",
            "text/html; charset=iso-2022-jp",
            "text/html; charset=utf-7",
            "text/html; charset=utf-8; charset=utf-7",
            "text/html; x=\"; charset=utf-8\"",
            "text/html, text/javascript",
            "text/html;x=\"",
            "text/html;x=a,text/javascript",
            "text/html;x=é",
            "text/html; charset",
            "text/html;",
            "text/html; =utf-8",
            "text/html; charset = utf-8",
            "text",
            "text/",
            "/html",
            "text/html/x",
            "text html",
            "",
        ] {
            for body in [&b"x"[..], b""] {
                assert!(answer(200, &[("content-type", kind)], body).is_err(), "{kind:?}");
            }
        }
        for (given, sent) in [
            ("text/html", "text/html; charset=utf-8"),
            ("text/html; charset=UTF-8", "text/html; charset=UTF-8"),
            ("application/json", "application/json"),
            ("image/svg+xml", "image/svg+xml"),
            ("text/css; charset=utf-8", "text/css; charset=utf-8"),
        ] {
            let (_, headers, _) = answer(200, &[("content-type", given)], b"x").unwrap().into_parts();
            assert_eq!(headers[CONTENT_TYPE], sent);
        }
        let (_, headers, _) = answer(200, &[], b"x").unwrap().into_parts();
        assert_eq!(headers[CONTENT_TYPE], "application/octet-stream");
    }

    #[test]
    fn every_answer_runs_no_script_and_has_an_origin_of_its_own() {
        for (status, kind) in
            [(200, "text/html"), (404, "text/html"), (200, "image/svg+xml"), (200, "application/pdf")]
        {
            let (_, headers, _) = answer(status, &[("content-type", kind)], b"x").unwrap().into_parts();
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            for part in ["default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
                assert!(policy.split("; ").any(|given| given == part), "{policy}");
            }
            // `sandbox` permits nothing, and no source of scripts is named.
            assert!(policy.ends_with("; sandbox") && !policy.contains("script"), "{policy}");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        }
    }

    #[test]
    fn body_over_its_bytes_or_where_there_is_none_is_rejected() {
        let most = vec![b'x'; usize::try_from(ROUTE_RESPONSE_BYTES_MAX).unwrap()];
        assert!(answer(200, &[], &most).is_ok());
        assert!(answer(200, &[], &[&most[..], b"x"].concat()).unwrap_err().contains("at most 1048576"));
        for status in [204, 304] {
            assert!(answer(status, &[], b"x").unwrap_err().contains("has no body"), "{status}");
        }
    }
}
