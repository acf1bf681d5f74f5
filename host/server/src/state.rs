//! What all requests share: the host, once it is ready, the operator's options, and what may be in flight at once.

use super::error::ErrorResponse;
use super::openapi;
use crate::listen::places::Places;
use crate::options::ServerOptions;
use bytes::Bytes;
use palisade::Host;
use palisade_guard::limits::{BODIES_BYTES_MAX, SLOW_LANE_NICE};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::runtime::{Builder, Runtime};
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
    /// Turns of work that would keep other callers waiting, one for each processor.
    turns: Arc<Semaphore>,
    aside: Aside,
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
            turns: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
            aside: Aside::default(),
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

    /// Does work of more than a few hundred microseconds on a thread of low priority. It is done to its end even if the caller
    /// leaves.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ErrorResponse> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| ErrorResponse::panicked())?;
        let work = move || {
            let _permit = permit;
            work()
        };
        let done = match self.aside.runtime() {
            Some(runtime) => runtime.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        };
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
        let failed = |error: serde_json::Error| palisade::CallError::Internal { source: error.into() };
        made.await?.map_err(|error| ErrorResponse::own(failed(error)))
    }
}

/// The threads of a priority below that of the threads that answer callers. They start when they are first needed.
#[derive(Default)]
struct Aside(OnceLock<Option<Runtime>>);

impl Aside {
    fn runtime(&self) -> Option<&Runtime> {
        let start = || {
            let mut builder = Builder::new_current_thread();
            builder.thread_name("palisade-aside").on_thread_start(|| {
                if let Err(error) = rustix::process::setpriority_process(None, SLOW_LANE_NICE) {
                    tracing::warn!(%error, "a thread for large bodies keeps its priority");
                }
            });
            let started = builder.build();
            started
                .inspect_err(|error| tracing::warn!(%error, "large bodies are parsed at the usual priority"))
                .ok()
        };
        self.0.get_or_init(start).as_ref()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take().flatten() {
            // A server may be dropped in async code, which must not block.
            runtime.shutdown_background();
        }
    }
}
