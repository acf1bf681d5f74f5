//! A server outside of the host, which plugins may be let reach.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};
use palisade::guard::address::AddressPolicy;

/// The server, at an address of this machine that is not 127.0.0.1: that one stays one that plugins may not reach.
pub struct Outside {
    /// Host and port.
    pub address: String,
    serving: tokio::task::JoinHandle<()>,
}

/// Bytes at `/large`.
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

    /// What lets a host reach it.
    pub fn addresses() -> AddressPolicy {
        AddressPolicy { allow: vec!["127.0.0.2/32".parse().unwrap()], ..AddressPolicy::default() }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
