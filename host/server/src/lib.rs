//! The HTTP server: calls and items over REST, described by `/openapi.json`.
//!
//! | route | what |
//! |---|---|
//! | `POST /call/{plugin}/{interface}/{function}` | calls a function with a JSON object of named arguments |
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
mod items;
mod openapi;
mod plugins;

mod body;
mod caller;
mod criteria;
mod error;
mod listen;
mod middleware;
mod refused;
mod state;

pub use plugins::described;
pub use state::Shared;

use axum::Router;
use palisade::Host;
use routes::routes;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Every route of a host, for a server that already exists.
pub fn router(host: Host) -> Router {
    routes(&Arc::new(Shared::ready(host)))
}

/// Serves a host over HTTP/1.1 until `shutdown` completes. Then running requests get
/// [`DRAIN_MS`](palisade_guard::limits::DRAIN_MS) to finish, while new ones and `/readyz` are answered 503; what still runs after
/// that is cancelled. The host itself is not stopped.
pub async fn serve(
    host: Host,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listen::run(Arc::new(Shared::ready(host)), listener, shutdown).await;
    Ok(())
}

/// Serves a host that may still be starting: until it is ready, everything but `/livez` is answered 503.
pub async fn serve_shared(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    listen::run(shared, listener, shutdown).await;
}
