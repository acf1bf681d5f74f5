//! What all requests share: the host, once it is there, and whether the server drains.

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
    /// For a host that is there.
    pub fn ready(host: Host) -> Self {
        Self { host: OnceLock::from(host), ..Self::default() }
    }

    /// From now on requests reach this host. Only the first one counts.
    pub fn open(&self, host: Host) {
        let _ = self.host.set(host);
    }

    /// The host, unless it is still being built.
    pub(super) fn host(&self) -> Result<&Host, ErrorResponse> {
        self.host.get().ok_or_else(ErrorResponse::starting)
    }

    /// New requests are refused from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The `OpenAPI` document of the plugins that are loaded now; made again only when they are others.
    pub(super) fn openapi(&self, make: impl FnOnce(&Host) -> Bytes) -> Result<Bytes, ErrorResponse> {
        let host = self.host()?;
        // Asked before the document is made: what changes meanwhile makes another one.
        let version = host.plugins_version();
        let mut kept = self.openapi.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = kept.as_ref().filter(|(described, _)| *described == version) {
            return Ok(document.clone());
        }
        let document = make(host);
        *kept = Some((version, document.clone()));
        Ok(document)
    }
}
