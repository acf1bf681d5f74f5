//! Write Palisade plugins in Rust: one dependency, one macro.
//!
//! ```
//! palisade_sdk::plugin! { "
//!     package acme:greeter;
//!     interface greeting {
//!         greet: func(name: string) -> result<string, string>;
//!     }
//!     world greeter { include palisade:plugin/plugin@0.1.0; export greeting; }
//! " }
//!
//! struct Greeter;
//! impl exports::acme::greeter::greeting::Guest for Greeter {
//!     fn greet(name: String) -> Result<String, String> {
//!         if name.is_empty() { Err("a name is needed".into()) } else { Ok(format!("Hello, {name}!")) }
//!     }
//! }
//! export!(Greeter);
//! # fn main() {}
//! ```
//!
//! Each module wraps the contract's interface of the same name. The first sentence of each item's documentation is the
//! contract's own; the contract (`wit/`) has the details. A call that the host rejects returns that interface's
//! `Error`. The operator `?` converts each of these into [`Error`], into a `String`, or into a [`taps::Refusal`].
//!
//! This crate is not a second contract: it only wraps [`raw`], and a plugin can call [`raw`] directly for anything that
//! the wrappers lack. Tests: `tests/sentences.rs` compares the documentation with the contract; the example plugins
//! call the wrappers, and the guests under `tests/guests` of the repository call the contract.

pub use error::{Error, Result};
pub use palisade_sdk_macros::plugin;

mod arena;
mod body;
pub mod cache;
pub mod clock;
pub mod db;
mod error;
#[cfg(feature = "hmac")]
pub mod hmac;
pub mod http;
pub mod item;
pub mod logging;
mod panic_hook;
pub mod random;
pub mod raw;
pub mod request_context;
pub mod routes;
#[doc(hidden)]
pub mod rt;
pub mod taps;
pub mod user;
pub mod variables;
