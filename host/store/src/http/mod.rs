//! HTTP requests to outside servers: the client, which an integrator can replace, and the checks that apply to every
//! client.
//!
//! A client sends one request and follows no redirect; [`Exchange`] follows redirects, so that no client can skip a
//! check. The allow-list is not here but in [`palisade_guard::http`]: it makes every [`OutboundRequest`], and a client
//! can be given nothing else. Contract: `wit/http.wit`; tests: `tests/` beside this file.

pub mod client;
mod exchange;
mod resolver;
mod secret;
#[cfg(test)]
mod tests;

pub use client::DefaultClient;
pub use exchange::{Exchange, Spend};
pub use resolver::{Names, SystemNames};
pub use secret::{Secret, SecretStore, Secrets};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use palisade_guard::http::{OutboundRequest, ReadSize, RequestRefusal};
use palisade_guard::ledger::Exceeded;
use palisade_guard::refusal::Refusal;
use palisade_guard::reports::Notes;
use std::fmt;
use std::pin::Pin;
use tokio::time::{Instant, timeout_at};

/// Sends HTTP requests. A host has one.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends one request and returns the response as soon as its headers are there.
    ///
    /// The client must dial only addresses that [`PublicAddress::parse`](palisade_guard::address::PublicAddress::parse)
    /// accepts, must not follow redirects, must send the secret as its header and must not decompress the body. It
    /// needs no timeout: the caller drops the future when the time is up.
    async fn send(
        &self,
        request: &OutboundRequest,
        secret: Option<&Secret>,
    ) -> Result<InboundResponse, FetchError>;
}

/// A response whose body is still to come.
#[derive(Debug)]
pub struct InboundResponse {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: HeaderMap,
    /// The body.
    pub body: InboundBody,
}

/// Why there is no response, or no more of it. The texts are for the log, except that of `Invalid`, which is for the
/// guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The grants do not cover the request, or it leads to an address that is not public.
    Denied(String),
    /// The request does not have the form that the contract demands.
    Invalid(String),
    /// A budget is used up.
    Exceeded(Exceeded),
    /// The exchange took longer than allowed.
    Timeout,
    /// The connection failed.
    ConnectionFailed(String),
    /// Anything else.
    Other(String),
}

impl From<RequestRefusal> for FetchError {
    fn from(refusal: RequestRefusal) -> Self {
        match refusal {
            RequestRefusal::Denied(reason) => Self::Denied(reason),
            RequestRefusal::Invalid(rule) => Self::Invalid(rule),
        }
    }
}

impl FetchError {
    /// Notes for the log what the guest does not learn, and returns the rest.
    pub fn into_refusal(self, notes: &mut Notes) -> Refusal {
        match self {
            Self::Denied(reason) => {
                notes.add("a request to another server was refused", reason);
                Refusal::Denied
            }
            Self::Invalid(rule) => Refusal::Invalid(rule),
            Self::Exceeded(exceeded) => Refusal::Exceeded(exceeded),
            Self::Timeout => Refusal::Timeout,
            Self::ConnectionFailed(reason) => {
                notes.add("another server could not be reached", reason);
                Refusal::ConnectionFailed
            }
            Self::Other(reason) => Refusal::internal(reason),
        }
    }
}

impl From<Exceeded> for FetchError {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}

/// A response's body. Dropping it closes the connection.
pub struct InboundBody {
    state: BodyState,
    /// Bytes of the last piece that have not been read yet.
    rest: Bytes,
    until: Option<Instant>,
}

enum BodyState {
    Open(Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>),
    Ended,
    Failed(FetchError),
}

impl InboundBody {
    /// A body from its pieces. A piece is taken only when it is read.
    pub fn new(pieces: impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static) -> Self {
        Self { state: BodyState::Open(Box::pin(pieces)), rest: Bytes::new(), until: None }
    }

    /// After this instant, waiting for a piece fails with [`FetchError::Timeout`].
    fn ends_by(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// Returns the next bytes, at most `max`, and no bytes at the end of the body. After an error, every read returns
    /// that error.
    pub async fn read(&mut self, max: ReadSize) -> Result<Bytes, FetchError> {
        while self.rest.is_empty() {
            match self.next().await {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(error)) => {
                    self.state = BodyState::Failed(error.clone());
                    return Err(error);
                }
                None => {
                    self.state = BodyState::Ended;
                    return Ok(Bytes::new());
                }
            }
        }
        Ok(self.rest.split_to(max.bytes().min(self.rest.len())))
    }

    async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        match &mut self.state {
            BodyState::Ended => None,
            BodyState::Failed(error) => Some(Err(error.clone())),
            BodyState::Open(pieces) => match self.until {
                None => pieces.next().await,
                Some(until) => {
                    timeout_at(until, pieces.next()).await.unwrap_or(Some(Err(FetchError::Timeout)))
                }
            },
        }
    }
}

impl fmt::Debug for InboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            BodyState::Open(_) => "InboundBody(open)",
            BodyState::Ended => "InboundBody(ended)",
            BodyState::Failed(_) => "InboundBody(failed)",
        })
    }
}
