//! What all requests share: the host, once it is ready, and whether the server drains.

use super::error::ErrorResponse;
use bytes::Bytes;
use palisade::Host;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What all requests share.
#[derive(Default)]
pub struct Shared {
    host: OnceLock<Host>,
    draining: AtomicBool,
    /// The document, and the version of the plugins that it describes.
    openapi: Mutex<Option<(u64, Bytes)>>,
}

impl Shared {
    /// For a host that is ready.
    pub fn ready(host: Host) -> Self {
        Self { host: OnceLock::from(host), ..Self::default() }
    }

    /// Gives requests this host from now on. Only the first call counts.
    pub fn open(&self, host: Host) {
        let _ = self.host.set(host);
    }

    /// The host, unless it is still being built.
    pub(super) fn host(&self) -> Result<&Host, ErrorResponse> {
        self.host.get().ok_or_else(ErrorResponse::starting)
    }

    /// Refuses new requests from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The `OpenAPI` document of the loaded plugins. It is made again only if they have changed.
    pub(super) fn openapi(&self, make: impl FnOnce(&Host) -> Bytes) -> Result<Bytes, ErrorResponse> {
        let host = self.host()?;
        // Read before the document is made, so that a change in between makes a new document.
        let version = host.plugins_version();
        let mut cached = self.openapi.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = cached.as_ref().filter(|(described, _)| *described == version) {
            return Ok(document.clone());
        }
        let document = make(host);
        *cached = Some((version, document.clone()));
        Ok(document)
    }
}
