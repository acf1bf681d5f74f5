//! `/items`: content over REST, through every tap.
//!
//! An item's revision is its `ETag`; a change with `If-Match` is made only at that revision.

mod form;

use super::body;
use super::criteria;
use super::error::ErrorResponse;
use crate::caller::Identified;
use axum::body::HttpBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, RawQuery, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use palisade::CallError;
use palisade_guard::caller::Caller;
use palisade_guard::item::Item;
use palisade_guard::limits::JSON_INLINE_BYTES_MAX;
use palisade_guard::memory::Reservation;

type Id = Result<Path<String>, PathRejection>;

/// `GET /items`.
pub(super) async fn list(
    identified: Identified,
    RawQuery(query): RawQuery,
) -> Result<Response, ErrorResponse> {
    let criteria = criteria::parse(query.as_deref().unwrap_or_default())?;
    let page = identified.items().find(&criteria).await?;
    Ok(json(StatusCode::OK, form::page(&page.items, page.next)))
}

/// `GET /items/{id}`.
pub(super) async fn get(identified: Identified, id: Id) -> Result<Response, ErrorResponse> {
    let item = identified.items().get(&self::id(id)?).await?;
    Ok(shown(StatusCode::OK, &item))
}

/// `POST /items`.
pub(super) async fn create(
    identified: Identified,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, ErrorResponse> {
    if is_costly(&identified, &request) {
        identified.items().may_create().await?;
    }
    let (draft, _memory) = parse(&identified, request, form::draft).await?;
    let item = identified.items().create(draft).await?;
    let mut response = shown(StatusCode::CREATED, &item);
    // With the path below which another server may have nested the routes.
    if let Ok(location) = HeaderValue::from_str(&format!("{}/{}", uri.path(), item.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PATCH /items/{id}`.
pub(super) async fn patch(
    identified: Identified,
    id: Id,
    request: Request,
) -> Result<Response, ErrorResponse> {
    let (id, revision) = (self::id(id)?, if_match(request.headers())?);
    if is_costly(&identified, &request) {
        identified.items().may_edit().await?;
    }
    let (patch, _memory) = parse(&identified, request, move |body| form::patch(body, revision)).await?;
    let patched = identified.items().patch(&id, patch).await;
    Ok(shown(StatusCode::OK, &patched.map_err(|error| conflict(error, revision))?))
}

/// `DELETE /items/{id}`.
pub(super) async fn delete(
    identified: Identified,
    id: Id,
    headers: HeaderMap,
) -> Result<StatusCode, ErrorResponse> {
    let (id, revision) = (self::id(id)?, if_match(&headers)?);
    let deleted = identified.items().delete(&id, revision).await;
    deleted.map_err(|error| conflict(error, revision))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads and parses a body: a large one not on the threads that serve all requests. Its bytes stay reserved.
async fn parse<T: Send + 'static>(
    identified: &Identified,
    request: Request,
    form: impl FnOnce(&[u8]) -> Result<T, ErrorResponse> + Send + 'static,
) -> Result<(T, Reservation), ErrorResponse> {
    let mut text = body::text(request, &identified.from, identified.reservation()).await?;
    // The text without white space, and the fields in it; the write reserves its own copies.
    let copies = (text.bytes.len() as u64).saturating_mul(2);
    text.memory.grow(copies).map_err(CallError::from)?;
    let is_small = text.bytes.len() <= JSON_INLINE_BYTES_MAX;
    let form = move || form(&text.bytes).map(|form| (form, text.memory));
    if is_small {
        return form();
    }
    identified.from.shared.aside(form).await?
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Whether the caller's permissions are looked at before the body is read, and not only with the item: nobody answers for what an
/// anonymous caller sends, and a large body costs more than a look.
fn is_costly(identified: &Identified, request: &Request) -> bool {
    let is_small =
        request.body().size_hint().upper().is_some_and(|bytes| bytes <= JSON_INLINE_BYTES_MAX as u64);
    matches!(identified.caller, Caller::Anonymous) || !is_small
}

fn id(id: Id) -> Result<String, ErrorResponse> {
    id.map(|Path(id)| id).map_err(|error| ErrorResponse::bad_request(error.body_text()))
}

fn shown(status: StatusCode, item: &Item) -> Response {
    let mut response = json(status, form::json(item));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", item.revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A conflict of a change that named its revision is a failed precondition; without a revision it is a conflict with
/// another change.
fn conflict(error: CallError, revision: Option<u32>) -> ErrorResponse {
    match (error, revision) {
        (CallError::Conflict(current), Some(_)) => ErrorResponse::precondition(current),
        (error, _) => error.into(),
    }
}

/// The revision that a change is for, if it names one. `*` means any revision.
fn if_match(headers: &HeaderMap) -> Result<Option<u32>, ErrorResponse> {
    let mut given = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" && given.next().is_none() {
        return Ok(None);
    }
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok());
    match revision {
        Some(revision) if given.next().is_none() => Ok(Some(revision)),
        _ => Err(ErrorResponse::bad_request(
            "if-match must be one `etag` as the server sent it, such as \"3\" with its quotes, or *",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn malformed_if_match_is_rejected() {
        for values in [
            &["3"][..],
            &[""],
            &["\"\""],
            &["\"+3\""],
            &["W/\"3\""],
            &["\"3\", \"4\""],
            &["\"3\"", "\"4\""],
            &["*", "\"3\""],
            &["\"4294967296\""],
        ] {
            assert!(if_match(&headers(values)).is_err(), "{values:?}");
        }
    }

    #[test]
    fn if_match_is_a_revision_or_any() {
        assert_eq!(if_match(&headers(&["\"3\""])).ok(), Some(Some(3)));
        assert_eq!(if_match(&headers(&["*"])).ok(), Some(None));
        assert_eq!(if_match(&headers(&[])).ok(), Some(None));
    }

    #[test]
    fn conflict_is_a_failed_precondition_only_if_one_was_given() {
        let status = |revision| conflict(CallError::Conflict(4), revision).into_response().status().as_u16();
        assert_eq!((status(Some(3)), status(None)), (412, 409));
    }
}
