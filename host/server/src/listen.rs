//! Connections: accepted, bounded in number and time, and drained.
//!
//! HTTP/1.1 only. Each connection is a task; dropping it drops the request that runs on it, and with that the call.

use super::state::Shared;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use palisade_guard::limits::{ACCEPT_PAUSE_MS, DRAIN_MS, HEAD_READ_MS, SERVER_CONNECTIONS_MAX};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// A connection, and its permit: the number of connections is limited.
type Accepted = (TcpStream, OwnedSemaphorePermit);

/// Serves until `shutdown` completes and the requests that run then have ended or run out of time.
pub(super) async fn run(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let router = super::routes(&shared);
    let permits = Arc::new(Semaphore::new(SERVER_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &permits) => {
                connections.spawn(serve_connection(accepted, router.clone(), Some(graceful.watcher())));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    tracing::info!(connections = graceful.count(), "stopping: running requests may finish");
    shared.drain();
    let mut drained = pin!(tokio::time::timeout(Duration::from_millis(DRAIN_MS), graceful.shutdown()));
    // A new connection is answered 503: a balancer learns from it that this host is stopping.
    loop {
        tokio::select! {
            in_time = &mut drained => {
                if in_time.is_err() {
                    tracing::warn!(ms = DRAIN_MS, "requests that did not finish in time are cancelled");
                }
                break;
            }
            accepted = accept(&listener, &permits) => {
                connections.spawn(serve_connection(accepted, router.clone(), None));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Accepted {
    loop {
        // The semaphore is never closed; if it were, there would be nothing to do but to wait.
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else { std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// Answers the requests of one connection. Without a watcher, because the server is stopping, it answers only the
/// first.
async fn serve_connection((stream, _permit): Accepted, router: Router, watcher: Option<Watcher>) {
    // An answer is written at once: waiting to fill a packet would cost the caller more than the packet.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_READ_MS))
        .keep_alive(watcher.is_some())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let ended = match watcher {
        Some(watcher) => watcher.watch(connection).await,
        None => connection.await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
