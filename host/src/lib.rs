//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.

/// Backends: what the interfaces are implemented on.
pub mod backend {
    pub mod private;
}
pub mod guard;
pub mod ledger;
pub mod limits;
