//! What all requests share: the host, once it is ready, the operator's options, and what may be in flight at once.

use super::error::ErrorResponse;
use super::openapi;
use crate::listen::places::Places;
use crate::options::ServerOptions;
use bytes::Bytes;
use palisade::Host;
use palisade_guard::limits::BODIES_BYTES_MAX;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, Semaphore};

/// What all requests share.
pub struct Shared {
    pub(super) options: ServerOptions,
    /// Requests at once.
    pub(super) requests: Arc<Places>,
    /// Bytes of bodies at once.
    pub(super) bodies: Arc<Places>,
    host: OnceLock<Host>,
    stopping: AtomicBool,
    /// Threads for work that would keep other callers waiting.
    threads: Arc<Semaphore>,
    /// The document, and the version of the plugins that it describes. Locked while it is made, so that it is made once.
    openapi: Arc<Mutex<Option<(u64, Bytes)>>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(ServerOptions::default())
    }
}

impl Shared {
    /// For a host that is still being built.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            requests: Places::new(options.requests),
            bodies: Places::new(BODIES_BYTES_MAX),
            options,
            host: OnceLock::new(),
            stopping: AtomicBool::new(false),
            threads: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
            openapi: Arc::default(),
        }
    }

    /// For a host that is ready.
    pub fn ready(host: Host, options: ServerOptions) -> Self {
        let shared = Self::new(options);
        shared.open(host);
        shared
    }

    /// Gives requests this host from now on. Only the first call counts.
    pub fn open(&self, host: Host) {
        let _ = self.host.set(host);
    }

    /// The host, unless it is still being built.
    pub(super) fn host(&self) -> Result<&Host, ErrorResponse> {
        self.host.get().ok_or_else(ErrorResponse::starting)
    }

    /// Says from now on that the server stops.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Does work of more than a few hundred microseconds on a thread of its own. It is done to its end even if the caller leaves.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ErrorResponse> {
        // The semaphore is never closed.
        let permit =
            Arc::clone(&self.threads).acquire_owned().await.map_err(|_| ErrorResponse::panicked())?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| ErrorResponse::panicked())
    }

    /// The `OpenAPI` document of the loaded plugins. It is made again only if they have changed.
    pub(super) async fn openapi(&self) -> Result<Bytes, ErrorResponse> {
        let host = self.host()?.clone();
        let mut cached = Arc::clone(&self.openapi).lock_owned().await;
        // Read before the document is made, so that a change in between makes a new document.
        let version = host.plugins_version();
        if let Some((_, document)) = cached.as_ref().filter(|(described, _)| *described == version) {
            return Ok(document.clone());
        }
        let made = self.aside(move || {
            let document = Bytes::from(openapi::text(&host)?);
            *cached = Some((version, document.clone()));
            Ok::<_, serde_json::Error>(document)
        });
        made.await?.map_err(|error| palisade::CallError::Internal { source: error.into() }.into())
    }
}
