//! Tests `wit/http.wit` through a component and real servers on loopback.

use crate::harness::{World, altered, call, guest, returned};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get};
use palisade::guard::address::AddressPolicy;
use palisade::limits::PLUGIN_CONCURRENCY_MAX;
use palisade::store::http::{Secret, Secrets};
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server on loopback that counts its requests.
struct Server {
    port: u16,
    hits: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hits);
        let echo = |headers: HeaderMap, body: String| async move {
            let header = |name: &str| {
                headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
            };
            format!("{body}|{}|{}", header("x-own"), header("authorization"))
        };
        let app = Router::new()
            .route("/v1/echo", any(echo))
            .route("/v1/large", get(|| async { "x".repeat(1_000_000) }))
            .route("/v1/slow", get(|| async { tokio::time::sleep(Duration::from_mins(1)).await }))
            .route("/v1/missing", get(|| async { (StatusCode::NOT_FOUND, "none") }))
            .route("/v1/inside", get(|| async { redirect("/v1/echo") }))
            .route("/v1/outside", get(|| async { redirect("/v2/secret") }))
            .route("/v1/metadata", get(|| async { redirect("http://169.254.169.254/latest/meta-data") }))
            .route("/v1/loop", get(|| async { redirect("/v1/loop") }))
            .route("/v2/secret", get(|| async { "secret" }))
            .layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
                counted.fetch_add(1, Ordering::SeqCst);
                next.run(request)
            }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, hits, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// A host whose probe may reach `/v1/` on this server, and loopback addresses in general.
    async fn host(&self, world: &World, limits: &str) -> Host {
        let grant = format!(
            "http = [{{ url = \"{}\", methods = [\"GET\", \"POST\"], secret = \"key\" }}]",
            self.url("/v1/")
        );
        let probe = altered("probe", |manifest| {
            let old = "http = [{ url = \"https://api.example.com/v1/\", methods = [\"GET\", \"POST\"] }]";
            assert!(manifest.contains(old));
            format!("{}\n[limits]\n{limits}\n", manifest.replace(old, &grant))
        });
        let loopback =
            AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
        let secrets =
            Secrets::default().with("probe", "key", Secret::new("authorization", "Bearer hidden").unwrap());
        let builder =
            world.builder().addresses(loopback).secrets(secrets).plugin(probe.path(), Policy::as_asked());
        builder.build().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn redirect(to: &str) -> (StatusCode, [(&'static str, String); 1]) {
    (StatusCode::FOUND, [("location", to.to_owned())])
}

fn request(method: &str, url: &str) -> Value {
    json!({ "request": { "method": method, "url": url, "headers": [], "body": null, "secret": null, "timeoutMs": null } })
}

async fn fetch(host: &Host, request: Value) -> Result<Value, CallError> {
    call(host, "probe", "effects/fetch", request).await
}

fn body(response: &Value) -> String {
    use std::fmt::Write as _;
    // The body is base64 and is compared in that form.
    let mut text = String::new();
    write!(text, "{}", response["body"].as_str().unwrap()).unwrap();
    text
}

#[tokio::test]
async fn ungranted_request_opens_no_connection() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    for (method, url) in [
        ("get", server.url("/v2/secret")),
        ("get", server.url("/v1/../v2/secret")),
        ("get", server.url("/v10/")),
        ("delete", server.url("/v1/echo")),
        ("get", format!("http://localhost:{}/v1/echo", server.port)),
        ("get", "http://169.254.169.254/v1/echo".to_owned()),
        ("get", "http://10.0.0.1/v1/echo".to_owned()),
    ] {
        let error = returned(fetch(&host, request(method, &url)).await);
        assert_eq!(error, json!({ "tag": "access-denied" }), "{method} {url}");
    }
    for url in [
        format!("http://user@127.0.0.1:{}/v1/echo", server.port),
        "ftp://127.0.0.1/v1/".to_owned(),
        "v1".to_owned(),
    ] {
        let error = returned(fetch(&host, request("get", &url)).await);
        assert_eq!(error["tag"], "invalid-argument", "{url}");
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn private_address_is_denied_even_if_the_grant_names_it() {
    let (world, server) = (World::new().await, Server::start().await);
    let probe =
        altered("probe", |manifest| manifest.replace("https://api.example.com/v1/", &server.url("/v1/")));
    let host = world.builder().plugin(probe.path(), Policy::as_asked()).build().await.unwrap();
    let error = returned(fetch(&host, request("get", &server.url("/v1/echo"))).await);
    assert_eq!(error, json!({ "tag": "access-denied" }));
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn granted_request_reaches_the_server_with_method_headers_and_body() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    let mut post = request("post", &server.url("/v1/echo"));
    post["request"]["headers"] = json!([{ "name": "x-own", "value": "b3du" }]);
    post["request"]["body"] = json!("Ym9keQ==");
    let response = fetch(&host, post).await.unwrap();
    assert_eq!(response["status"], 200);
    assert_eq!(body(&response), "Ym9keXxvd258LQ==", "body|own|-");
    let missing = fetch(&host, request("get", &server.url("/v1/missing"))).await.unwrap();
    assert_eq!(missing["status"], 404, "a response of any status is returned");
}

#[tokio::test]
async fn secret_is_added_only_by_the_host_and_by_name() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    let mut get = request("get", &server.url("/v1/echo"));
    get["request"]["secret"] = json!("key");
    let response = fetch(&host, get.clone()).await.unwrap();
    assert_eq!(body(&response), "fC18QmVhcmVyIGhpZGRlbg==", "|-|Bearer hidden");
    get["request"]["secret"] = json!("other");
    assert_eq!(returned(fetch(&host, get).await), json!({ "tag": "access-denied" }));
}

#[tokio::test]
async fn redirect_is_checked_like_the_first_request() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    let inside = fetch(&host, request("get", &server.url("/v1/inside"))).await.unwrap();
    assert_eq!(inside["status"], 200);
    for path in ["/v1/outside", "/v1/metadata"] {
        let error = returned(fetch(&host, request("get", &server.url(path))).await);
        assert_eq!(error, json!({ "tag": "access-denied" }), "{path}");
    }
    let before = server.hits();
    let endless = fetch(&host, request("get", &server.url("/v1/loop"))).await.unwrap();
    assert_eq!(endless["status"], 302, "the sixth redirect itself is returned");
    assert_eq!(server.hits() - before, 6);
}

#[tokio::test]
async fn body_at_the_budget_is_read_and_over_it_rejected() {
    let (world, server) = (World::new().await, Server::start().await);
    let over = server.host(&world, "http-bytes = \"999999 B\"").await;
    let error = returned(fetch(&over, request("get", &server.url("/v1/large"))).await);
    assert_eq!(
        (error["tag"].clone(), error["val"]["which"].clone()),
        (json!("limit-exceeded"), json!("http-bytes"))
    );
    let at = server.host(&world, "http-bytes = \"1000000 B\"").await;
    // Only the first piece is returned, because a result cannot hold a whole megabyte.
    let mut first = request("get", &server.url("/v1/large"));
    first["max"] = json!(65_536);
    assert!(call(&at, "probe", "effects/fetch-read", first).await.is_ok());
}

#[tokio::test]
async fn requests_over_the_limit_are_rejected() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "http-requests = 1").await;
    assert!(fetch(&host, request("get", &server.url("/v1/echo"))).await.is_ok());
    let error = returned(fetch(&host, request("get", &server.url("/v1/inside"))).await);
    assert_eq!(
        error["val"],
        json!({ "which": "http-requests", "used": 2, "max": 1 }),
        "a redirect counts as a request"
    );
}

#[tokio::test]
async fn slow_server_times_out() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    let mut slow = request("get", &server.url("/v1/slow"));
    slow["request"]["timeoutMs"] = json!(100);
    assert_eq!(returned(fetch(&host, slow).await), json!({ "tag": "timeout" }));
}

#[tokio::test]
async fn unreachable_server_is_connection_failed() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    let url = server.url("/v1/echo");
    server.task.abort();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(returned(fetch(&host, request("get", &url)).await), json!({ "tag": "connection-failed" }));
}

#[tokio::test]
async fn plugin_that_holds_every_permit_is_overloaded_but_not_its_neighbour() {
    let (world, server) = (World::new().await, Server::start().await);
    let host = server.host(&world, "").await;
    host.load(guest("greeter"), &Policy::harmless()).await.unwrap();
    let mut slow = request("get", &server.url("/v1/slow"));
    slow["request"]["timeoutMs"] = json!(8_000);
    let mut taken = tokio::task::JoinSet::new();
    for _ in 0..PLUGIN_CONCURRENCY_MAX {
        let (host, slow) = (host.clone(), slow.clone());
        taken.spawn(async move { fetch(&host, slow).await });
    }
    while server.hits() < PLUGIN_CONCURRENCY_MAX {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = call(&host, "probe", "reads/now", json!({})).await;
    assert!(matches!(refused, Err(CallError::Overloaded { .. })), "{refused:?}");
    let metrics = host.metrics();
    for (plugin, refused) in [("probe", 1), ("greeter", 0)] {
        for name in ["overloads_total", "admission_wait_seconds_count"] {
            let line = format!("palisade_{name}{{plugin=\"{plugin}\"}} {refused}\n");
            assert!(metrics.contains(&line), "{line}");
        }
    }
    let greeting = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    assert_eq!(greeting, json!("Hello, Ada!"));
    taken.shutdown().await;
    assert!(
        call(&host, "probe", "reads/now", json!({})).await.is_ok(),
        "permits are released when their calls end"
    );
}
