//! A host on a real listener, and a client for it.

use palisade::Host;
use palisade_server::{ServerOptions, Shared};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A timeout for operations that take well under a second.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// A host that is served until drop.
pub struct Served {
    pub address: SocketAddr,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

/// A response of the server.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Served {
    /// Serves a host on a free port.
    pub async fn new(host: Host) -> Self {
        Self::with(host, ServerOptions::default()).await
    }

    /// Serves a host on a free port with these options.
    pub async fn with(host: Host, options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::new(Shared::ready(host, options));
        let serving = tokio::spawn(palisade_server::serve_shared(shared, listener, async {
            let _ = stopped.await;
        }));
        Self { address, client: client(), stop: Some(stop), serving: Some(serving) }
    }

    /// A request to the server.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A POST whose body says that it is JSON, whatever it is.
    pub fn raw(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body)
    }

    /// Sends a GET and returns the response.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Sends a POST with JSON and returns the response.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Waits until a path answers with this status.
    pub async fn until(&self, path: &str, status: u16) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let answer = self.get(path).await;
            if answer.status == status {
                return;
            }
            assert!(Instant::now() < deadline, "{path} never answers {status}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts the shutdown of the server.
    pub fn stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Waits until the server has stopped.
    pub async fn ended(&mut self) {
        self.serving.take().unwrap().await.unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl Answer {
    /// Sends a request and reads the response.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Self { status, headers, body }
    }

    /// A header as text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of the error.
    pub fn kind(&self) -> &str {
        self.body["error"]["kind"].as_str().unwrap_or_default()
    }

    /// The message of the error.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

/// A client that ignores proxies from the environment.
pub fn client() -> Client {
    // reqwest needs a TLS provider even if no request is encrypted. The first call installs it for all tests.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Connections are not kept, because a request on a connection that a draining server closes would fail.
    Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(WAIT_MAX).build().unwrap()
}
