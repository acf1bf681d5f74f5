//! A request's body, as it is or as JSON, within bounds of size, time, memory and shape.
//!
//! It is read when it is known who calls, and that this caller may call at all. Bytes are counted before they are held, against
//! what the caller's peer and all peers may have in flight. A body that nobody reads is thrown away by the connection.

use super::error::ErrorResponse;
use crate::caller::From;
use crate::listen::places::Place;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use palisade::{BadArgument, CallError};
use palisade_guard::json;
use palisade_guard::limits::{ADMISSION_WAIT_MS, BODY_BYTES_MAX, JSON_INLINE_BYTES_MAX};
use palisade_guard::memory::Reservation;
use serde_json::{Map, Value};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The byte order marks of UTF-8 and UTF-16.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];

/// The text of a body, and the room that it takes of what the server holds for bodies.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// The bytes of the host's memory for it.
    pub(super) memory: Reservation,
    room: usize,
    places: Vec<Place>,
}

/// Reads the body as it is, for which `memory` grows.
pub(super) async fn raw(
    request: Request,
    from: &From,
    memory: Reservation,
) -> Result<(Vec<u8>, Reservation), ErrorResponse> {
    let Text { bytes, memory, .. } = whole(request, from, memory).await?;
    Ok((bytes, memory))
}

/// Reads the body as text, for which `memory` grows.
pub(super) async fn text(request: Request, from: &From, memory: Reservation) -> Result<Text, ErrorResponse> {
    let text = whole(request, from, memory).await?;
    if MARKS.iter().any(|mark| text.bytes.starts_with(mark)) {
        return Err(ErrorResponse::media("the body begins with a byte order mark; send UTF-8 without one"));
    }
    Ok(text)
}

async fn whole(request: Request, from: &From, memory: Reservation) -> Result<Text, ErrorResponse> {
    let (parts, body) = request.into_parts();
    let text = Text { bytes: Vec::new(), memory, room: 0, places: Vec::new() };
    let read = collect(declared(&parts.headers), body, from, text);
    let text = tokio::time::timeout(from.shared.options.body, read).await;
    let text = text.unwrap_or_else(|_| Err(ErrorResponse::body_too_slow()))?;
    if let Some(seat) = &from.seat {
        seat.is_unread.store(false, Ordering::Relaxed);
    }
    Ok(text)
}

/// Reads the body as JSON, for which `memory` grows. An empty one is an empty object.
pub(super) async fn read(
    request: Request,
    from: &From,
    memory: Reservation,
) -> Result<(Value, Reservation), ErrorResponse> {
    let text = text(request, from, memory).await?;
    if text.bytes.is_empty() {
        return Ok((Value::Object(Map::new()), text.memory));
    }
    if text.bytes.len() <= JSON_INLINE_BYTES_MAX {
        return text.parse();
    }
    from.shared.aside(move || text.parse()).await?
}

/// Reads a body that must be an object.
pub(super) async fn read_object(
    request: Request,
    from: &From,
    memory: Reservation,
) -> Result<(Map<String, Value>, Reservation), ErrorResponse> {
    match read(request, from, memory).await? {
        (Value::Object(object), memory) => Ok((object, memory)),
        _ => Err(ErrorResponse::bad_request("the body is not an object; send `{…}`")),
    }
}

/// The length in `content-length`.
fn declared(headers: &HeaderMap) -> usize {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    declared.map_or(0, |length| length.parse().unwrap_or(usize::MAX))
}

async fn collect(declared: usize, body: Body, from: &From, mut text: Text) -> Result<Text, ErrorResponse> {
    text.make_room(declared, from).await?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|error| ErrorResponse::bad_request(format!("the body did not arrive whole: {error}")))?;
        text.make_room(text.bytes.len() + chunk.len(), from).await?;
        text.bytes.extend_from_slice(&chunk);
    }
    Ok(text)
}

impl Text {
    /// Makes room for this number of bytes in all.
    async fn make_room(&mut self, needed: usize, from: &From) -> Result<(), ErrorResponse> {
        if needed > BODY_BYTES_MAX {
            return Err(ErrorResponse::body_too_large());
        }
        if needed <= self.room {
            return Ok(());
        }
        // A body of unknown length gets twice as much each time.
        let more = needed.max(2 * self.room).min(BODY_BYTES_MAX) - self.room;
        // Small bodies need no place among the large ones, so that few callers with large ones do not keep off all others.
        if needed > JSON_INLINE_BYTES_MAX {
            let (bodies, at_most) = (&from.shared.bodies, Duration::from_millis(ADMISSION_WAIT_MS));
            let place = bodies.wait(from.peer(), more, at_most).await;
            self.places.push(place.ok_or_else(|| ErrorResponse::overloaded(TOO_MANY_BODIES))?);
        }
        self.memory.grow(more as u64).map_err(CallError::from)?;
        self.room += more;
        self.bytes.reserve_exact(self.room - self.bytes.len());
        Ok(())
    }

    /// The JSON in it, for which bytes are reserved before there is any of it. Those of the text are returned with the text.
    fn parse(mut self) -> Result<(Value, Reservation), ErrorResponse> {
        self.memory.grow(json::held(&self.bytes)).map_err(CallError::from)?;
        let parsed = json::parse(&self.bytes);
        self.memory.shrink(self.room as u64);
        match parsed {
            Ok(value) => Ok((value, self.memory)),
            Err(error) => Err(ErrorResponse::bad_request(BadArgument::from(error).to_string())),
        }
    }
}

const TOO_MANY_BODIES: &str =
    "the server holds as many bodies as it may, or as it may of your address; try again";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ServerOptions;
    use crate::state::Shared;
    use axum::response::IntoResponse;
    use bytes::Bytes;
    use palisade_guard::limits::BODIES_BYTES_MAX;
    use palisade_guard::memory::MemoryBudget;
    use std::sync::Arc;

    fn text_of(bytes: usize) -> Vec<u8> {
        format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes()
    }

    /// Reads a body that says its length, or one that comes in chunks.
    async fn status(from: &From, body: Vec<u8>, is_chunked: bool) -> Result<Value, u16> {
        let mut request = Request::new(Body::empty());
        if is_chunked {
            let chunks: Vec<_> = body
                .chunks(9_000)
                .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
                .collect();
            *request.body_mut() = Body::from_stream(futures_util::stream::iter(chunks));
        } else {
            request.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
            *request.body_mut() = Body::from(body);
        }
        let read = read(request, from, Reservation::uncounted()).await;
        read.map(|(value, _)| value).map_err(|failure| failure.into_response().status().as_u16())
    }

    fn from() -> From {
        From { shared: Arc::new(Shared::default()), seat: None }
    }

    #[tokio::test]
    async fn body_over_the_limit_is_refused_and_one_at_it_is_read() {
        for is_chunked in [false, true] {
            assert_eq!(status(&from(), text_of(BODY_BYTES_MAX + 1), is_chunked).await, Err(413));
            assert!(status(&from(), text_of(BODY_BYTES_MAX), is_chunked).await.is_ok());
        }
    }

    #[tokio::test]
    async fn body_that_is_not_json_is_refused() {
        for text in ["{", "{}{}", "{\"a\":1,\"a\":2}", "\u{0}"] {
            assert_eq!(status(&from(), text.into(), false).await, Err(400), "{text}");
        }
        for mark in MARKS {
            assert_eq!(status(&from(), [mark, b"{}"].concat(), false).await, Err(415), "{mark:?}");
        }
        assert_eq!(status(&from(), Vec::new(), false).await, Ok(serde_json::json!({})));
    }

    #[tokio::test]
    async fn bodies_have_room_for_so_many_bytes_at_once() {
        let from = from();
        let held = from.shared.bodies.take(from.peer(), BODIES_BYTES_MAX - 200_000).unwrap();
        assert_eq!(status(&from, text_of(200_001), false).await, Err(503));
        assert_eq!(status(&from, text_of(400_000), true).await, Err(503));
        for is_chunked in [false, true] {
            assert!(status(&from, text_of(100_000), is_chunked).await.is_ok(), "{is_chunked}");
        }
        assert!(status(&from, text_of(200_000), false).await.is_ok());
        let rest = from.shared.bodies.take(from.peer(), 200_000).unwrap();
        assert!(
            status(&from, text_of(JSON_INLINE_BYTES_MAX), false).await.is_ok(),
            "a small body needs no place"
        );
        drop((held, rest));
        assert!(
            from.shared.bodies.take(from.peer(), BODIES_BYTES_MAX).is_some(),
            "what was read is given back"
        );
    }

    #[tokio::test]
    async fn text_and_what_is_parsed_of_it_are_reserved() {
        let body = br#"{"a":[0,1,2]}"#;
        let (text, tree) = (body.len() as u64, json::held(body));
        for (bytes, expected) in [(text - 1, Err(503)), (text + tree - 1, Err(503)), (text + tree, Ok(tree))]
        {
            let budget = MemoryBudget::new(bytes);
            let mut request = Request::new(Body::from(&body[..]));
            request.headers_mut().insert(header::CONTENT_LENGTH, text.into());
            let read = read(request, &from(), budget.reservation(None, None).exact()).await;
            let held = read.map(|(_, memory)| memory.bytes());
            assert_eq!(
                held.map_err(|failure| failure.into_response().status().as_u16()),
                expected,
                "{bytes}"
            );
            assert_eq!(budget.held(), 0, "all is returned");
        }
    }

    #[tokio::test]
    async fn body_that_takes_too_long_is_refused() {
        let mut request =
            Request::new(Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>()));
        request.headers_mut().insert(header::CONTENT_LENGTH, 10.into());
        let options = ServerOptions { body: Duration::from_millis(10), ..ServerOptions::default() };
        let from = From { shared: Arc::new(Shared::new(options)), seat: None };
        let failure = read(request, &from, Reservation::uncounted()).await.unwrap_err();
        assert_eq!(failure.into_response().status(), 408);
    }
}
