//! The HTTP server: calls and items over REST, described by `/openapi.json`.
//!
//! | route | what |
//! |---|---|
//! | `POST /call/{plugin}/{interface}/{function}` | calls a function with a JSON object of named arguments |
//! | `/hooks/{plugin}` and below | raw requests for the routes that a plugin is granted, such as webhooks and pages |
//! | `GET /items`, `POST /items` | a page of items, a new item |
//! | `GET`, `PATCH`, `DELETE /items/{id}` | one item; its revision is its `ETag` |
//! | `GET /admin/plugins`, `POST /admin/plugins/{plugin}/disable`, `…/enable` | an operator's switches |
//! | `GET /openapi.json` | all routes, with the types of the loaded plugins |
//! | `GET /livez`, `GET /readyz` | whether the process runs, whether it can serve |
//! | `GET /metrics` | metrics, for Prometheus |
//!
//! The bearer token identifies the caller; without one the caller is anonymous. A wrong token is rejected, and never
//! treated as anonymous. Every answer names its request in `x-request-id`, and every error has the one form that
//! `error.rs` writes. `/openapi.json`, `/readyz` and `/metrics` tell everybody who can reach them which plugins there are and
//! how they are doing: if that must not be public, block these routes in a proxy. The server has no sessions, no
//! cookies and no TLS: a proxy in front ends TLS. The numbers are in [`palisade_guard::limits`].
//!
//! A service that already has a server nests [`router`]; any other service calls [`serve`]:
//!
//! ```no_run
//! # async fn example(host: palisade::Host) -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! palisade_server::serve(host.clone(), listener, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
//! host.stop().await;
//! # Ok(())
//! # }
//! ```

mod routes;

mod call;
mod health;
mod hooks;
mod items;
mod openapi;
mod plugins;

mod answer;
mod body;
mod caller;
mod criteria;
mod error;
mod head;
mod listen;
mod middleware;
mod options;
mod refused;
mod state;

pub use options::{HostName, NoHostName, ServerOptions};
pub use plugins::described;
pub use state::Shared;

use axum::Router;
use palisade::Host;
use routes::routes;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Every route of a host, for a server that already exists. That server limits connections and checks that `host` names it; the
/// routes check what else they need of a request's head.
pub fn router(host: Host) -> Router {
    routes(&Arc::new(Shared::ready(host, ServerOptions::default())))
}

/// Serves a host over HTTP/1.1 until `shutdown` completes. Then `/readyz` answers 503, and requests are still accepted for
/// [`GRACE_MS`](palisade_guard::limits::GRACE_MS). After that the server listens no longer, and what it has accepted gets
/// [`DRAIN_MS`](palisade_guard::limits::DRAIN_MS) to finish; what still runs then is cancelled. The host itself is not stopped.
pub async fn serve(
    host: Host,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    serve_shared(Arc::new(Shared::ready(host, ServerOptions::default())), listener, shutdown).await;
    Ok(())
}

/// Like [`serve`], with the operator's options, for a host that may still be starting: until it is ready, everything but `/livez`
/// is answered 503.
pub async fn serve_shared(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    listen::run(shared, listener, shutdown).await;
}
