//! One connection: its requests are answered in turn, until the caller or the server ends it.
//!
//! Dropping the connection drops the request that runs on it, and with that the call. It is dropped when the caller leaves, also
//! while a call runs and further requests wait behind it.

use super::seats::Seat;
use super::socket::{Socket, hung_up};
use crate::options::ServerOptions;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use palisade_guard::limits::{HEAD_BYTES_MAX, SERVER_RESERVE_HEAD_MS};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Answers the requests of one connection. When `closing` becomes true, the running request is the last.
pub(super) async fn serve(
    stream: TcpStream,
    seat: Arc<Seat>,
    router: Router,
    options: &ServerOptions,
    mut closing: watch::Receiver<bool>,
) {
    // An answer is written at once: waiting to fill a packet would cost the caller more than the packet.
    let _ = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let head = if seat.is_reserve { Duration::from_millis(SERVER_RESERVE_HEAD_MS) } else { options.head };
    let socket = Socket::new(Arc::clone(&stream), Arc::clone(&seat), options.write);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(HEAD_BYTES_MAX)
            .keep_alive(!seat.is_reserve)
            .serve_connection(
                TokioIo::new(socket),
                Marked { seat: Arc::clone(&seat), router: TowerToHyperService::new(router) }
            )
    );
    let mut hung_up = pin!(hung_up(&stream));
    let mut is_closing = false;
    loop {
        tokio::select! {
            // First what the caller has sent: a caller who closes after a request may have got its answer already.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = hung_up.as_mut() => return tracing::debug!("a caller left"),
            () = seat.given_up() => return tracing::debug!("a connection gave way to another"),
            _ = closing.wait_for(|closing| *closing), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The routes, for requests of one connection.
struct Marked {
    seat: Arc<Seat>,
    router: TowerToHyperService<Router>,
}

impl Service<http::Request<Incoming>> for Marked {
    type Response = <TowerToHyperService<Router> as Service<http::Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<http::Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<http::Request<Incoming>>>::Future;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.seat));
        self.router.call(request)
    }
}
