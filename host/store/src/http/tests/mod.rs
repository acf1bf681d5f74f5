//! Tests of the exchange and the default client against servers on the loopback, through public functions only.

mod addresses;
mod bodies;
mod redirects;
mod server;

use super::*;
use palisade_guard::address::AddressPolicy;
use palisade_guard::http::{Allowance, Egress, Method, RawRequest};
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use palisade_guard::limits::{HTTP_RESPONSE_HEADERS_BYTES_MAX, HTTP_RESPONSE_HEADERS_MAX, Limit, Limits};
use server::{Answer, Server, ok};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;

/// A plugin that may reach the loopback. A test changes its fields as it needs.
struct Plugin {
    client: Box<dyn HttpClient>,
    secrets: Secrets,
    egress: Egress,
    ledger: Ledger,
    until: Instant,
}

fn loopback() -> AddressPolicy {
    AddressPolicy { allow: vec!["127.0.0.1/32".parse().unwrap()], deny: vec![] }
}

fn allow(url: &str, secret: Option<&str>) -> Allowance {
    Allowance::parse(url, Some(&["GET", "POST"]), secret).unwrap()
}

impl Plugin {
    fn new(allowances: Vec<Allowance>) -> Self {
        Self {
            client: Box::new(DefaultClient::new(loopback()).unwrap()),
            secrets: Secrets::default(),
            egress: Egress { allowances, addresses: loopback() },
            ledger: Ledger::new(Limits::default()),
            until: Instant::now() + Duration::from_mins(1),
        }
    }

    /// A plugin with a grant for every path of this server.
    fn of(server: &Server) -> Self {
        Self::new(vec![allow(&server.url("/"), None)])
    }

    async fn fetch(&mut self, raw: RawRequest) -> Result<InboundResponse, FetchError> {
        let request = OutboundRequest::parse(&self.egress, raw)?;
        let exchange =
            Exchange { client: &*self.client, secrets: &self.secrets, plugin: "blog", egress: &self.egress };
        let ledger = &mut self.ledger;
        exchange.fetch(request, self.until, &mut |limit, amount| ledger.spend(limit, amount)).await
    }

    async fn get(&mut self, url: &str) -> Result<InboundResponse, FetchError> {
        self.fetch(get(url)).await
    }
}

fn get(url: &str) -> RawRequest {
    let url = url.to_owned();
    RawRequest { method: Method::Get, url, headers: vec![], body: None, secret: None, timeout_ms: None }
}

async fn text(mut response: InboundResponse) -> String {
    let mut all = Vec::new();
    loop {
        let piece = response.body.read(ReadSize::parse(65_536).unwrap()).await.unwrap();
        if piece.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        all.extend_from_slice(&piece);
    }
}

fn is_other<T>(result: &Result<T, FetchError>) -> bool {
    matches!(result, Err(FetchError::Other(_)))
}

#[tokio::test]
async fn request_arrives_as_the_plugin_made_it_with_the_host_of_its_url() {
    let server = Server::start(|_| ok("hello")).await;
    let mut plugin = Plugin::of(&server);
    let raw = RawRequest {
        method: Method::Post,
        headers: vec![("X-Note".into(), b"a b".to_vec())],
        body: Some(b"body".to_vec()),
        ..get(&server.url("/v1/x?q=1#top"))
    };
    let response = plugin.fetch(raw).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(text(response).await, "hello");
    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/x?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-note: a b"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}", server.address)), "{head}");
    assert_eq!(body, "body");
    assert_eq!(plugin.ledger.used(Limit::HttpRequests), 1);
    assert_eq!(plugin.ledger.used(Limit::HttpBytes), 4);
}

#[tokio::test]
async fn request_over_a_budget_is_not_sent() {
    let server = Server::start(|_| ok("")).await;
    let mut plugin = Plugin::of(&server);
    plugin.ledger = Ledger::new(Limits::default().with(Limit::HttpRequests, 1).with(Limit::HttpBytes, 2));
    let raw = RawRequest { method: Method::Post, body: Some(vec![b'x'; 3]), ..get(&server.url("/")) };
    let expected = Exceeded(Usage { limit: Limit::HttpBytes, used: 3, max: 2 });
    assert_eq!(plugin.fetch(raw).await.unwrap_err(), FetchError::Exceeded(expected));
    let expected = Exceeded(Usage { limit: Limit::HttpRequests, used: 2, max: 1 });
    assert_eq!(plugin.get(&server.url("/")).await.unwrap_err(), FetchError::Exceeded(expected));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn refused_connection_is_a_failed_connection() {
    // Bound but not listening, so that no other process takes the port.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let gone = format!("http://{}/", silent.local_addr().unwrap());
    let mut plugin = Plugin::new(vec![allow(&gone, None)]);
    assert!(matches!(plugin.get(&gone).await, Err(FetchError::ConnectionFailed(_))));
}

#[tokio::test]
async fn server_without_tls_behind_https_is_a_failed_connection() {
    let server = Server::start(|_| ok("")).await;
    let url = server.url("/").replace("http:", "https:");
    let mut plugin = Plugin::new(vec![allow(&url, None)]);
    assert!(matches!(plugin.get(&url).await, Err(FetchError::ConnectionFailed(_))));
    assert_eq!(server.seen(), [""], "no readable request");
}

#[tokio::test]
async fn response_headers_come_in_lower_case_and_cookies_are_not_kept() {
    let server = Server::start(|_| {
        Answer::Reply(
            "HTTP/1.1 404 No\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\ncontent-length: 0\r\n\r\n".into(),
        )
    })
    .await;
    let mut plugin = Plugin::of(&server);
    let response = plugin.get(&server.url("/")).await.unwrap();
    assert_eq!(response.status, 404);
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    plugin.get(&server.url("/")).await.unwrap();
    assert!(!server.seen()[1].contains("cookie"), "{}", server.seen()[1]);
}

#[tokio::test]
async fn response_headers_over_a_limit_are_refused() {
    let name = "x".repeat(10);
    let of_bytes = |bytes: usize| format!("{name}: {}\r\n", "y".repeat(bytes - name.len()));
    for (headers, fits) in [
        (of_bytes(HTTP_RESPONSE_HEADERS_BYTES_MAX), true),
        (of_bytes(HTTP_RESPONSE_HEADERS_BYTES_MAX + 1), false),
        (of_bytes(1024 * 1024), false),
        ("x: y\r\n".repeat(HTTP_RESPONSE_HEADERS_MAX), true),
        ("x: y\r\n".repeat(HTTP_RESPONSE_HEADERS_MAX + 1), false),
    ] {
        let length = headers.len();
        let server = Server::start(move |_| Answer::Reply(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"))).await;
        let result = Plugin::of(&server).get(&server.url("/")).await;
        assert_eq!(result.is_ok(), fits, "{length} bytes");
        assert!(fits || is_other(&result), "{length} bytes");
    }
}

#[tokio::test]
async fn response_head_that_never_ends_is_refused() {
    let server = Server::start(|_| Answer::Endless("HTTP/1.1 200 OK\r\nx: ", "yyyyyyyyyyyyyyyy")).await;
    assert!(is_other(&Plugin::of(&server).get(&server.url("/")).await));
    server.closed().await;
}

#[tokio::test]
async fn response_that_is_not_http_or_has_an_odd_status_is_refused() {
    for reply in ["", "hello", "HTTP/1.1 999 Odd\r\n\r\n", "HTTP/1.1 101 Switch\r\nupgrade: x\r\n\r\n"] {
        let server = Server::start(move |_| Answer::Reply(reply.into())).await;
        assert!(is_other(&Plugin::of(&server).get(&server.url("/")).await), "{reply:?}");
    }
}

struct OddClient;

#[async_trait]
impl HttpClient for OddClient {
    async fn send(&self, _: &OutboundRequest, _: Option<&Secret>) -> Result<InboundResponse, FetchError> {
        let body = InboundBody::new(futures_util::stream::empty());
        Ok(InboundResponse { status: 600, headers: HeaderMap::new(), body })
    }
}

#[tokio::test]
async fn response_of_a_custom_client_is_checked_too() {
    let mut plugin = Plugin::new(vec![allow("https://api.example.com/", None)]);
    plugin.client = Box::new(OddClient);
    assert!(is_other(&plugin.get("https://api.example.com/").await));
}
