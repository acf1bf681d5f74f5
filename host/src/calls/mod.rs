//! Requests: calls of functions ([`call`]), of items ([`items`]) and of routes ([`route`]), with their taps and their transaction.
//!
//! This room decides what runs in which transaction and in which order. It does not run a guest, which `invocation/` does,
//! and it does not decide who may see or change an item, which `request/content.rs` does. Contract of the taps:
//! `wit/taps.wit`. Tests: `tests/calls.rs`, `tests/item.rs`, `tests/taps.rs`, `tests/routes.rs`.

pub(crate) mod call;
pub(crate) mod items;
pub(crate) mod route;
pub(crate) mod tap;
mod transaction;
