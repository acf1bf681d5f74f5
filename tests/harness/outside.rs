//! A server outside the host that plugins may be allowed to reach.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};
use palisade::guard::address::AddressPolicy;

/// The server. It does not listen on 127.0.0.1, so that plugins still may not reach that address.
pub struct Outside {
    /// Its host and port.
    pub address: String,
    serving: tokio::task::JoinHandle<()>,
}

/// Bytes of the answer at `/large`.
const LARGE: usize = 200_000;

impl Outside {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let away =
            || async { (StatusCode::FOUND, [("location", "http://169.254.169.254/latest/meta-data")]) };
        let large = || async { "x".repeat(LARGE) };
        let app = Router::new()
            .route("/", any(|| async { "hello" }))
            .route("/large", any(large))
            .route("/metadata", get(away));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, serving }
    }

    /// The policy that lets a host reach this address.
    pub fn addresses() -> AddressPolicy {
        AddressPolicy { allow: vec!["127.0.0.2/32".parse().unwrap()], ..AddressPolicy::default() }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
