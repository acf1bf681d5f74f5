//! What all requests share: the host, once it is there, and whether the server drains.

use super::failure::Failure;
use crate::host::Host;
use crate::registry::Current;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What all requests share.
#[derive(Default)]
pub(crate) struct Shared {
    host: OnceLock<Host>,
    draining: AtomicBool,
    /// The document, and the plugins it describes.
    openapi: Mutex<Option<(Arc<Current>, Bytes)>>,
}

impl Shared {
    /// For a host that is there.
    pub(crate) fn ready(host: Host) -> Self {
        Self { host: OnceLock::from(host), ..Self::default() }
    }

    /// From now on requests reach this host. Only the first one counts.
    pub(crate) fn open(&self, host: Host) {
        let _ = self.host.set(host);
    }

    /// The host, unless it is still being built.
    pub(super) fn host(&self) -> Result<&Host, Failure> {
        self.host.get().ok_or_else(Failure::starting)
    }

    /// New requests are refused from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The `OpenAPI` document of the plugins that are loaded now; made again only when they are others.
    pub(super) fn openapi(&self, make: impl FnOnce(&Host) -> Bytes) -> Result<Bytes, Failure> {
        let host = self.host()?;
        let current = host.core().registry.current();
        let mut kept = self.openapi.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = kept.as_ref().filter(|(plugins, _)| Arc::ptr_eq(plugins, &current)) {
            return Ok(document.clone());
        }
        let document = make(host);
        *kept = Some((current, document.clone()));
        Ok(document)
    }
}
