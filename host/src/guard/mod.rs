//! Guards: parsers that turn guest input into types that have no other constructor.
//!
//! One file for each interface of the contract. Guards are pure and synchronous: they know neither wasmtime nor WIT, and
//! do no I/O. A backend takes only what a guard made, so skipping a guard does not compile.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod address;
pub mod cache;
pub mod clock;
pub mod db;
pub mod http;
pub mod item;
pub mod logging;
pub mod name;
pub mod random;
pub mod request_context;
pub mod user;
pub mod variables;
