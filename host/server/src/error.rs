//! Errors: the status of each, and the one form in which callers read them.
//!
//! `{"error": {"kind", "message", "blame", "requestId", …}}`: the kind is for programs and frozen, the message is one
//! sentence for people, and further fields depend on the kind. What only the log may know never gets here.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use palisade::{Blame, CallError};
use palisade_guard::limits::{BODY_BYTES_MAX, MS_PER_S, READY_MS, RETRY_AFTER_S};
use palisade_guard::reports::Reports;
use palisade_guard::request_context::RequestId;
use palisade_guard::text;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use std::time::Instant;

/// The kind of a denial.
const DENIED: &str = "denied";

/// An error response.
#[derive(Clone, Debug)]
pub(super) struct ErrorResponse {
    status: StatusCode,
    kind: &'static str,
    message: String,
    blame: Blame,
    details: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ErrorResponse {
    fn new(status: StatusCode, kind: &'static str, blame: Blame, message: impl Into<String>) -> Self {
        Self { status, kind, blame, message: message.into(), details: Map::new(), headers: Vec::new() }
    }

    /// The request is malformed.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-arguments", Blame::Caller, message)
    }

    pub(super) fn no_route() -> Self {
        let message = "there is nothing at this path; GET /openapi.json lists the paths";
        Self::new(StatusCode::NOT_FOUND, "no-such-route", Blame::Caller, message)
    }

    pub(super) fn wrong_method() -> Self {
        let message = "this path does not allow this method; the header `allow` lists those that it allows";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", Blame::Caller, message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "no user has this token; send `authorization: Bearer TOKEN` with a valid one, or no such header for \
             an anonymous call";
        let challenge = HeaderValue::from_static("Bearer realm=\"palisade\", error=\"invalid_token\"");
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", Blame::Caller, message)
            .header(header::WWW_AUTHENTICATE, challenge)
    }

    /// The caller named no user, and what it asks for needs one.
    pub(super) fn anonymous() -> Self {
        let message = "nobody may do this without a token; send `authorization: Bearer TOKEN`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", Blame::Caller, message)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"palisade\""))
    }

    /// Whether the caller lacks a right.
    pub(super) fn is_denial(&self) -> bool {
        self.kind == DENIED
    }

    /// The request's head is malformed, so the server does not know where the request ends or whom it is for.
    pub(super) fn bad_head(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-head", Blame::Caller, message)
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The request may be one that a web page forged.
    pub(super) fn forbidden(kind: &'static str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, Blame::Caller, message)
    }

    /// The body is of a kind that is not read.
    pub(super) fn media(message: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", Blame::Caller, message)
    }

    /// The server has no place for more at the moment.
    pub(super) fn overloaded(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", Blame::Operator, message).retry()
    }

    /// The database has not answered in time.
    pub(super) fn database_too_slow() -> Self {
        let message = format!("the database did not answer within {READY_MS} ms; try again later");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", Blame::Operator, message).retry()
    }

    pub(super) fn body_too_large() -> Self {
        let message = format!("the body is too large; send at most {BODY_BYTES_MAX} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", Blame::Caller, message)
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn body_too_slow() -> Self {
        let message = "the body took too long to arrive; send it again, all at once";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", Blame::Caller, message)
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn precondition(revision: u32) -> Self {
        let message = format!("the item is at revision {revision}; read it again and repeat the change");
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", Blame::Caller, message)
            .detail("revision", revision)
    }

    pub(super) fn starting() -> Self {
        let message = "the host is starting; try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", Blame::Operator, message).retry()
    }

    pub(super) fn draining() -> Self {
        let message = "the host is stopping; try again, another host may answer";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", Blame::Operator, message).retry()
    }

    pub(super) fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Blame::Host,
            "the host failed; its log says why",
        )
    }

    /// The body, once the request's id is known.
    pub(super) fn body(&self, id: &RequestId) -> String {
        let mut error = self.details.clone();
        error.insert("kind".into(), self.kind.into());
        error.insert("message".into(), self.message.as_str().into());
        error.insert("blame".into(), blame(self.blame).into());
        error.insert("requestId".into(), id.as_str().into());
        text::plain_json(&json!({ "error": error }).to_string()).into_owned()
    }

    fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn retry(self) -> Self {
        self.header(header::RETRY_AFTER, RETRY_AFTER_S.into())
    }
}

fn blame(blame: Blame) -> &'static str {
    match blame {
        Blame::Caller => "caller",
        Blame::Guest => "guest",
        Blame::Operator => "operator",
        Blame::Host => "host",
    }
}

impl From<CallError> for ErrorResponse {
    /// An error of the host, which has written to the log what the caller is not told.
    fn from(error: CallError) -> Self {
        let has_cause = matches!(
            error,
            CallError::Internal { .. }
                | CallError::Unavailable { .. }
                | CallError::InDoubt { .. }
                | CallError::PartlyDone { .. }
                | CallError::InsufficientStorage { .. }
        );
        if !has_cause {
            record(&error, row(&error).1);
        }
        Self::of(error)
    }
}

impl ErrorResponse {
    /// An error of the server's own.
    pub(super) fn own(error: impl Into<CallError>) -> Self {
        let error = error.into();
        record(&error, row(&error).1);
        Self::of(error)
    }

    fn of(error: CallError) -> Self {
        let (status, kind) = row(&error);
        let failure = Self::new(status, kind, error.blame(), error.to_string());
        match error {
            CallError::Returned(value) => Self {
                message: "the plugin returned an error; `value` is that error".to_owned(),
                ..failure.detail("value", value)
            },
            // Without `retry-after`: nobody knows when the plugin will be enabled or repaired.
            CallError::Refused { plugin, .. }
            | CallError::Trapped { plugin, .. }
            | CallError::Oversized { plugin, .. }
            | CallError::Disabled { plugin }
            | CallError::NotLoaded { plugin } => failure.detail("plugin", plugin),
            CallError::LimitExceeded { plugin, usage } => failure
                .detail("plugin", plugin)
                .detail("limit", usage.limit.name())
                .detail("used", usage.used)
                .detail("max", usage.max),
            CallError::Quarantined { plugin, reason, retry_after_ms } => failure
                .detail("plugin", plugin)
                .detail("reason", reason)
                .header(header::RETRY_AFTER, retry_after_ms.div_ceil(MS_PER_S).into()),
            CallError::Conflict(revision) => failure.detail("revision", revision),
            CallError::Overloaded { .. } | CallError::Contended { .. } | CallError::Unavailable { .. } => {
                failure.retry()
            }
            _ => failure,
        }
    }
}

/// The status and the kind of an error.
fn row(error: &CallError) -> (StatusCode, &'static str) {
    match error {
        CallError::NoPlugin { .. } => (StatusCode::NOT_FOUND, "no-such-plugin"),
        CallError::NoFunction { .. } => (StatusCode::NOT_FOUND, "no-such-function"),
        CallError::BadArguments(_) => (StatusCode::BAD_REQUEST, "bad-arguments"),
        CallError::Returned(_) => (StatusCode::UNPROCESSABLE_ENTITY, "returned"),
        CallError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        CallError::Denied => (StatusCode::FORBIDDEN, DENIED),
        CallError::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        CallError::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
        CallError::Trapped { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "plugin-failed"),
        CallError::Oversized { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "too-large"),
        CallError::LimitExceeded { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "limit-exceeded"),
        CallError::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        CallError::Quarantined { .. } => (StatusCode::SERVICE_UNAVAILABLE, "quarantined"),
        // As for maintenance: the operator did this, and the caller does not lack a right.
        CallError::Disabled { .. } => (StatusCode::SERVICE_UNAVAILABLE, "disabled"),
        CallError::NotLoaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not-loaded"),
        CallError::Contended { .. } => (StatusCode::CONFLICT, "contended"),
        CallError::Violation(_) => (StatusCode::CONFLICT, "constraint-violation"),
        CallError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        CallError::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        // Not 503: a client that retries a 503 by itself must not retry this.
        CallError::InDoubt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "in-doubt"),
        // For the same reason: what is done already would be done again.
        CallError::PartlyDone { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "partly-done"),
        CallError::InsufficientStorage { .. } => (StatusCode::INSUFFICIENT_STORAGE, "insufficient-storage"),
        // Only an integrator's typed call can get an unexpected answer.
        CallError::Internal { .. } | CallError::UnexpectedAnswer { .. } | _ => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

/// What the log has of each kind of failure and each loaded plugin.
static REPORTS: LazyLock<Reports<(&'static str, String)>> = LazyLock::new(Reports::default);

/// Logs what the caller is not told. Callers can cause any number of failures, so repeats are only counted.
fn record(error: &CallError, kind: &'static str) {
    let plugin = match error {
        CallError::Internal { .. }
        | CallError::Unavailable { .. }
        | CallError::InDoubt { .. }
        | CallError::PartlyDone { .. }
        | CallError::InsufficientStorage { .. }
        | CallError::TimedOut
        | CallError::Overloaded { .. } => "",
        CallError::Trapped { plugin, .. }
        | CallError::Oversized { plugin, .. }
        | CallError::LimitExceeded { plugin, .. } => plugin,
        _ => return tracing::debug!(kind, "{error}"),
    };
    let now = Instant::now();
    for ((kind, plugin), count) in REPORTS.take_due(now, false) {
        tracing::warn!(kind, plugin, "… and {count} more like it");
    }
    if !REPORTS.admit(&(kind, plugin.to_owned()), now) {
        return;
    }
    match error {
        CallError::Internal { source } => tracing::error!(kind, "{source:#}"),
        CallError::Unavailable { source }
        | CallError::InDoubt { source }
        | CallError::PartlyDone { source }
        | CallError::InsufficientStorage { source } => {
            tracing::warn!(kind, "{source:#}");
        }
        _ => tracing::warn!(kind, "{error}"),
    }
}

impl IntoResponse for ErrorResponse {
    /// Without a body: [`middleware`](super::middleware) writes it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::ledger::Usage;
    use palisade_guard::limits::Limit;
    use palisade_guard::violation::{Constraint, Violation};

    fn body(failure: &ErrorResponse) -> Value {
        serde_json::from_str(&failure.body(&RequestId::parse("r").unwrap())).unwrap()
    }

    #[test]
    fn failure_has_the_status_kind_and_blame_of_its_row() {
        let source = || anyhow::anyhow!("secret of the log");
        let usage = Usage { limit: Limit::DbRows, used: 11, max: 10 };
        let name = || "blog".to_owned();
        let rows = [
            (CallError::NoPlugin { plugin: name(), hint: String::new() }, 404, "no-such-plugin", "caller"),
            (
                CallError::NoFunction { plugin: name(), function: name(), hint: String::new() },
                404,
                "no-such-function",
                "caller",
            ),
            (CallError::BadArguments(name()), 400, "bad-arguments", "caller"),
            (CallError::Returned(json!(1)), 422, "returned", "caller"),
            (CallError::Refused { plugin: name(), message: name() }, 422, "refused", "caller"),
            (CallError::Denied, 403, "denied", "caller"),
            (CallError::NotFound, 404, "not-found", "caller"),
            (CallError::Conflict(3), 409, "conflict", "caller"),
            (CallError::Trapped { plugin: name(), reason: name() }, 500, "plugin-failed", "guest"),
            (CallError::Oversized { plugin: name(), reason: name() }, 500, "too-large", "guest"),
            (CallError::LimitExceeded { plugin: name(), usage }, 500, "limit-exceeded", "guest"),
            (CallError::Overloaded { retry_after_ms: 5 }, 503, "overloaded", "operator"),
            (
                CallError::Quarantined { plugin: name(), reason: name(), retry_after_ms: 1_500 },
                503,
                "quarantined",
                "guest",
            ),
            (CallError::Disabled { plugin: name() }, 503, "disabled", "operator"),
            (CallError::NotLoaded { plugin: name() }, 503, "not-loaded", "operator"),
            (CallError::Contended { attempts: 5 }, 409, "contended", "caller"),
            (
                CallError::Violation(Violation {
                    kind: Constraint::ForeignKey,
                    name: None,
                    column: None,
                    schema: None,
                }),
                409,
                "constraint-violation",
                "guest",
            ),
            (CallError::Unavailable { source: source() }, 503, "unavailable", "operator"),
            (CallError::TimedOut, 504, "timeout", "operator"),
            (CallError::InDoubt { source: source() }, 500, "in-doubt", "operator"),
            (CallError::PartlyDone { source: source() }, 500, "partly-done", "operator"),
            (CallError::InsufficientStorage { source: source() }, 507, "insufficient-storage", "operator"),
            (CallError::Internal { source: source() }, 500, "internal", "host"),
        ];
        for (error, status, kind, blame) in rows {
            let failure = ErrorResponse::from(error);
            let text = body(&failure);
            assert_eq!(failure.status.as_u16(), status, "{kind}");
            assert_eq!((&text["error"]["kind"], &text["error"]["blame"]), (&json!(kind), &json!(blame)));
            assert_eq!(text["error"]["requestId"], "r");
            assert!(!text.to_string().contains("secret"), "{text}");
        }
    }

    #[test]
    fn temporary_failure_says_when_to_try_again() {
        for error in [
            CallError::Overloaded { retry_after_ms: 5 },
            CallError::Contended { attempts: 5 },
            CallError::Unavailable { source: anyhow::anyhow!("gone") },
        ] {
            let response = ErrorResponse::from(error).into_response();
            assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER_S.to_string());
        }
    }

    #[test]
    fn change_that_may_have_happened_is_not_said_to_be_safe_to_try_again() {
        let source = || anyhow::anyhow!("gone");
        for error in [CallError::InDoubt { source: source() }, CallError::PartlyDone { source: source() }] {
            let response = ErrorResponse::from(error).into_response();
            assert!(!response.headers().contains_key(header::RETRY_AFTER));
        }
    }

    #[test]
    fn exceeded_limit_is_named_with_its_numbers() {
        let usage = Usage { limit: Limit::DbRows, used: 11, max: 10 };
        let text = body(&CallError::LimitExceeded { plugin: "blog".into(), usage }.into());
        let error = &text["error"];
        assert_eq!(
            (&error["limit"], &error["used"], &error["max"]),
            (&json!("db-rows"), &json!(11), &json!(10))
        );
    }
}
