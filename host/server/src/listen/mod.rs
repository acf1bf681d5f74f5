//! Connections: accepted, bounded in number and time, and drained.
//!
//! HTTP/1.1 only. Each connection is a task. `places.rs` says how many a peer may have, `seats.rs` which one gives way to
//! another, `socket.rs` when a caller is too slow or gone, `again.rs` how a connection is polled. Accepting never waits: a
//! connection for which there is no place gets one of the reserve, so that health checks are answered whatever callers do.
//!
//! The server stops in steps. `/readyz` says so first; for a grace requests are still accepted, and each answer tells its caller
//! to close. Then the server listens no longer, and what it has accepted is answered: a connection that waits for its next request
//! gets a moment, and requests that run get the time to end. Tests: `tests/server/`.

pub(crate) mod places;
pub(crate) mod seats;

mod again;
mod connection;
mod socket;

use super::state::Shared;
use again::again_if_woken;
use axum::Router;
use futures_util::FutureExt;
use palisade_guard::limits::{
    ACCEPT_PAUSE_MS, ACCEPT_REPORT_MS, SERVER_RESERVE_CONNECTIONS, SERVER_RESERVE_FILES, SETTLE_MS,
};
use places::Peer;
use seats::Seats;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A server that accepts connections.
struct Server {
    shared: Arc<Shared>,
    router: Router,
    seats: Arc<Seats>,
    connections: JoinSet<()>,
    closing: watch::Sender<bool>,
    /// Connections that could not be accepted since the last record in the log, and when that was.
    refused: (u64, Option<Instant>),
}

/// Serves until `shutdown` completes and the requests that run then have ended or run out of time.
pub(super) async fn run(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let options = shared.options.clone();
    let connections = connections_max(options.connections);
    if connections < options.connections {
        tracing::warn!(
            connections,
            "the system's limit of open files leaves room for fewer connections than {}: raise it, such as with `ulimit -n`",
            options.connections
        );
    }
    let mut server = Server {
        router: super::routes(&shared),
        shared: Arc::clone(&shared),
        seats: Arc::new(Seats::new(connections)),
        connections: JoinSet::new(),
        closing: watch::Sender::new(false),
        refused: (0, None),
    };
    server.accept_until(&listener, shutdown).await;
    shared.stop();
    tracing::info!(
        grace_ms = options.grace.as_millis(),
        "stopping: /readyz says so, and requests are still accepted"
    );
    server.accept_until(&listener, tokio::time::sleep(options.grace)).await;
    // What the kernel has accepted by now is answered, too.
    while let Some(Ok((stream, from))) = listener.accept().now_or_never() {
        server.serve(stream, from);
    }
    drop(listener);
    tracing::info!(connections = server.connections.len(), "stopping: running requests may finish");
    let drained = tokio::time::timeout(
        options.drain,
        server.drain(options.grace.min(Duration::from_millis(SETTLE_MS))),
    );
    if drained.await.is_err() {
        tracing::warn!(ms = options.drain.as_millis(), "requests that did not finish in time are cancelled");
    }
    server.connections.shutdown().await;
}

impl Server {
    async fn accept_until(&mut self, listener: &TcpListener, end: impl Future<Output = ()> + Send) {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => self.serve(stream, from),
                    Err(error) => self.pause(&error).await,
                },
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn serve(&mut self, stream: TcpStream, from: std::net::SocketAddr) {
        // Without an address of its own the connection has ended already.
        let Ok(local) = stream.local_addr() else { return };
        let seat = self.seats.take(Peer::at(from.ip(), &self.shared.options.proxies), local);
        let (router, shared, seats) =
            (self.router.clone(), Arc::clone(&self.shared), Arc::clone(&self.seats));
        let closing = self.closing.subscribe();
        self.connections.spawn(again_if_woken(async move {
            connection::serve(stream, Arc::clone(&seat), router, &shared.options, closing).await;
            seats.leave(&seat);
        }));
    }

    /// Waits before the next connection is accepted, because the system has no file descriptor for it. Says so once in a while.
    async fn pause(&mut self, error: &io::Error) {
        let (count, said) = &mut self.refused;
        *count += 1;
        if said.is_none_or(|said| said.elapsed() >= Duration::from_millis(ACCEPT_REPORT_MS)) {
            tracing::warn!(%error, times = *count, "connections could not be accepted: raise the system's limit of open files");
            (*count, *said) = (0, Some(Instant::now()));
        }
        tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
    }

    /// Waits until every connection has ended.
    async fn drain(&mut self, settle: Duration) {
        let _ = tokio::time::timeout(settle, self.ended()).await;
        self.closing.send_replace(true);
        self.ended().await;
    }

    async fn ended(&mut self) {
        while self.connections.join_next().await.is_some() {}
    }
}

/// How many connections the process has file descriptors for, at most `wanted`.
fn connections_max(wanted: usize) -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    // A process with very few files keeps most of them for the rest of the host.
    let left = files.saturating_sub(SERVER_RESERVE_FILES + SERVER_RESERVE_CONNECTIONS).max(files / 8);
    wanted.min(left)
}
