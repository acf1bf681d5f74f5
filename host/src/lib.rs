//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.

pub mod guard;
pub mod ledger;
pub mod limits;
pub mod value;
