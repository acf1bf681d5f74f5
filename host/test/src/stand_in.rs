//! A stand-in for the servers that a plugin's actions send requests to. Nothing leaves this machine.
//!
//! Requests come here after the host has checked them against the grants. Each is answered by the first answer for its method
//! and URL that has not been given yet.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use palisade::guard::http::OutboundRequest;
use palisade::store::http::{FetchError, HttpClient, InboundBody, InboundResponse, Secret, SecretStore};
use std::sync::{Mutex, PoisonError};

/// An answer to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request's method, in upper case.
    pub method: String,
    /// The request's whole URL.
    pub url: String,
    /// What it is answered with.
    pub reply: Reply,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A response.
    Response {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// No response in time.
    Timeout,
    /// No connection.
    ConnectionFailed,
}

/// Answers in the place of servers.
#[derive(Debug, Default)]
pub struct StandIn(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The answers, and whether each is given.
    answers: Vec<(Answer, bool)>,
    /// The bodies that were sent, as long as the answers.
    sent: Vec<Vec<u8>>,
    /// Requests without an answer.
    unanswered: Vec<String>,
}

impl StandIn {
    /// Adds an answer behind the others.
    pub fn add(&self, answer: Answer) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers.push((answer, false));
        state.sent.push(Vec::new());
    }

    /// The requests that no answer was for, with method and URL.
    pub fn unanswered(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unanswered.clone()
    }

    /// For each answer, the body of the request that it was given to; `None` if there was none.
    pub fn sent(&self) -> Vec<Option<Vec<u8>>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let given = state.answers.iter().zip(&state.sent);
        given.map(|((_, is_given), sent)| is_given.then(|| sent.clone())).collect()
    }
}

#[async_trait]
impl HttpClient for StandIn {
    async fn send(
        &self,
        request: &OutboundRequest,
        _secret: Option<&Secret>,
    ) -> Result<InboundResponse, FetchError> {
        let (method, url) = (request.method().as_str(), request.url().as_str());
        let reply = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_next = |(answer, is_given): &(Answer, bool)| {
                !is_given && answer.method == method && same(&answer.url, url)
            };
            let Some(place) = state.answers.iter().position(is_next) else {
                state.unanswered.push(format!("{method} {url}"));
                return Err(FetchError::Other(format!("the test has no answer to {method} {url}")));
            };
            state.sent[place] = request.body().map(|body| body.to_vec()).unwrap_or_default();
            state.answers[place].1 = true;
            state.answers[place].0.reply.clone()
        };
        match reply {
            Reply::Timeout => Err(FetchError::Timeout),
            Reply::ConnectionFailed => Err(FetchError::ConnectionFailed("as the test says".to_owned())),
            Reply::Response { status, headers, body } => {
                let mut map = HeaderMap::new();
                for (name, value) in &headers {
                    let malformed =
                        |_| FetchError::Other(format!("the header {name} of the answer is malformed"));
                    let name =
                        HeaderName::try_from(name.as_str()).map_err(|error| malformed(error.to_string()))?;
                    let value = HeaderValue::try_from(value.as_str())
                        .map_err(|error| malformed(error.to_string()))?;
                    map.append(name, value);
                }
                let pieces = (!body.is_empty()).then(|| Ok(Bytes::from(body)));
                Ok(InboundResponse { status, headers: map, body: InboundBody::new(stream::iter(pieces)) })
            }
        }
    }
}

/// Whether a URL that a test names is the normalised one of a request: `https://example.com` is `https://example.com/`.
fn same(named: &str, url: &str) -> bool {
    named == url || url.strip_suffix('/') == Some(named)
}

/// Gives every plugin every secret that it names. The requests go nowhere.
pub(crate) struct AnySecret;

impl SecretStore for AnySecret {
    fn get(&self, _plugin: &str, name: &str) -> Option<Secret> {
        Secret::new("authorization", &format!("secret {name} of the test")).ok()
    }
}
