//! The bytes of an answer, which hold what the request was given until they are written.

use crate::listen::places::Place;
use crate::listen::seats::AtWork;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;

/// What a request holds until its answer is written.
#[derive(Debug, Default)]
pub(super) struct Holds {
    pub(super) at_work: Option<AtWork>,
    pub(super) place: Option<Place>,
}

/// Bytes that are being written, and what is held until then.
struct Held {
    bytes: Bytes,
    _holds: Holds,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Ties what a request holds to the bytes of its answer.
pub(super) async fn holding(response: Response, holds: Holds) -> Response {
    let (parts, body) = response.into_parts();
    // Every answer of this server is in memory already.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = if bytes.is_empty() {
        Body::empty()
    } else {
        Body::from(Bytes::from_owner(Held { bytes, _holds: holds }))
    };
    Response::from_parts(parts, body)
}
