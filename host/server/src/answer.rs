//! The bytes of an answer, which hold what the request was given until they are written.
//!
//! A route that has reserved memory for its answer leaves the reservation in the response's extensions; for any other answer it
//! is reserved here. If there is too little, the caller is told to come back. Only the answer of a request that has changed
//! something is sent all the same: told to come back, its caller would do the change again.

use super::caller::From;
use super::error::ErrorResponse;
use crate::listen::places::Place;
use crate::listen::seats::AtWork;
use axum::body::{Body, to_bytes};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use palisade::CallError;
use palisade_guard::limits::JSON_INLINE_BYTES_MAX;
use palisade_guard::memory::Reservation;
use serde_json::Value;
use std::sync::Arc;

/// What a request holds until its answer is written.
#[derive(Debug, Default)]
pub(super) struct Holds {
    _at_work: Option<AtWork>,
    /// The place among the requests.
    pub(super) place: Option<Place>,
    memory: Option<Arc<Reservation>>,
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

impl Holds {
    pub(super) fn of(at_work: Option<AtWork>) -> Self {
        Self { _at_work: at_work, ..Self::default() }
    }

    /// Reserves memory for an answer that has none. `memory` is an empty reservation.
    pub(super) fn reserve(
        &mut self,
        response: &mut Response,
        bytes: usize,
        memory: Reservation,
        method: &Method,
    ) -> Result<(), ErrorResponse> {
        if let Some(memory) = response.extensions_mut().remove() {
            self.memory = Some(memory);
            return Ok(());
        }
        let mut memory = memory.exact();
        let has_changed = response.status().is_success() && !method.is_safe();
        match memory.grow(bytes as u64) {
            Err(out) if !has_changed => Err(CallError::from(out).into()),
            _ => {
                self.memory = Some(Arc::new(memory));
                Ok(())
            }
        }
    }

    /// Ties what is held to the bytes of an answer.
    pub(super) fn until_written(self, bytes: Bytes) -> Body {
        if bytes.is_empty() {
            Body::empty()
        } else {
            Body::from(Bytes::from_owner(Held { bytes, _holds: self }))
        }
    }
}

/// The result of a call as an answer. A large one is written by a thread of its own; `memory`, which it holds, tells.
pub(super) async fn json(
    from: &From,
    value: Value,
    memory: Arc<Reservation>,
) -> Result<Response, ErrorResponse> {
    let text = if memory.bytes() <= JSON_INLINE_BYTES_MAX as u64 {
        serde_json::to_vec(&value)
    } else {
        from.shared.aside(move || serde_json::to_vec(&value)).await?
    };
    let text = text.map_err(|error| ErrorResponse::own(CallError::Internal { source: error.into() }))?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], text).into_response();
    response.extensions_mut().insert(memory);
    Ok(response)
}

/// An answer's bytes. Every answer of this server is in memory already.
pub(super) async fn bytes(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}
