//! `/items`: content over REST, through every tap.
//!
//! An item's revision is its `ETag`; a change with `If-Match` happens only at that revision.

mod form;

use super::asked::Asked;
use super::body;
use super::criteria::{self, refused};
use super::failure::Failure;
use crate::backend::Item;
use crate::error::CallError;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
pub(super) use form::within_bounds;
use serde_json::json;

type Id = Result<Path<String>, PathRejection>;

/// `GET /items`.
pub(super) async fn list(asked: Asked, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let criteria = criteria::parse(query.as_deref().unwrap_or_default())?;
    let page = asked.host.find_items(&criteria, asked.caller, asked.id).await?;
    let items: Vec<_> = page.items.iter().map(form::json).collect();
    Ok(Json(json!({"items": items, "next": page.next.map(|id| id.to_string())})).into_response())
}

/// `GET /items/{id}`.
pub(super) async fn get(asked: Asked, id: Id) -> Result<Response, Failure> {
    let item = asked.host.item(&self::id(id)?, asked.caller, asked.id).await?;
    Ok(shown(StatusCode::OK, &item))
}

/// `POST /items`.
pub(super) async fn create(asked: Asked, request: Request) -> Result<Response, Failure> {
    let draft = form::draft(body::read_object(request).await?)?;
    let item = asked.host.create_item(draft, asked.caller, asked.id).await?;
    let mut response = shown(StatusCode::CREATED, &item);
    if let Ok(location) = HeaderValue::from_str(&format!("/items/{}", item.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PATCH /items/{id}`.
pub(super) async fn patch(asked: Asked, id: Id, request: Request) -> Result<Response, Failure> {
    let (id, revision) = (self::id(id)?, if_match(request.headers())?);
    let patch = form::patch(body::read_object(request).await?, revision)?;
    let patched = asked.host.patch_item(&id, patch, asked.caller, asked.id).await;
    Ok(shown(StatusCode::OK, &patched.map_err(|error| conflict(error, revision))?))
}

/// `DELETE /items/{id}`.
pub(super) async fn delete(asked: Asked, id: Id, headers: HeaderMap) -> Result<StatusCode, Failure> {
    let (id, revision) = (self::id(id)?, if_match(&headers)?);
    let deleted = asked.host.delete_item(&id, revision, asked.caller, asked.id).await;
    deleted.map_err(|error| conflict(error, revision))?;
    Ok(StatusCode::NO_CONTENT)
}

fn id(id: Id) -> Result<String, Failure> {
    id.map(|Path(id)| id).map_err(|error| Failure::bad_request(error.body_text()))
}

fn shown(status: StatusCode, item: &Item) -> Response {
    let mut response = (status, Json(form::json(item))).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", item.revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A change that named its revision has failed its own precondition; one that did not has met another change.
fn conflict(error: CallError, revision: Option<u32>) -> Failure {
    match (error, revision) {
        (CallError::Conflict(current), Some(_)) => Failure::precondition(current),
        (error, _) => error.into(),
    }
}

/// The revision that a change is for, if it names one. `*` is any.
fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Failure> {
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
        _ => Err(Failure::bad_request(
            "if-match is one `etag` as it was given, such as \"3\" with its quotes, or *",
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
    fn if_match_of_another_form_is_refused() {
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
    fn conflict_is_a_failed_precondition_only_where_one_was_given() {
        let status = |revision| conflict(CallError::Conflict(4), revision).into_response().status().as_u16();
        assert_eq!((status(Some(3)), status(None)), (412, 409));
    }
}
