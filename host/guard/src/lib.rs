//! Guards: parsers that turn guest input into types that have no other constructor.
//!
//! Each interface of the contract has a guard module of its own. Guards are pure and synchronous: they use neither
//! wasmtime nor WIT and do no I/O. A store accepts only types that a guard makes, so code that skips a guard does not
//! compile. The other modules are what the guards need: the numbers ([`limits`]), the ledger of an invocation
//! ([`ledger`]) and of the host ([`memory`]), what a plugin requests ([`manifest`]) and is granted ([`grant`]), the caller ([`caller`]), and what a
//! function may do ([`kind`]).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod caller;
pub mod grant;
pub mod json;
pub mod kind;
pub mod ledger;
pub mod limits;
pub mod manifest;
pub mod memory;
pub mod mistakes;
pub mod name;
pub mod operator;
pub mod refusal;
pub mod reports;
pub mod surface;
pub mod text;
pub mod violation;

#[cfg(test)]
mod tests;

pub mod cache;
pub mod clock;
pub mod db;
pub mod http;
pub mod item;
pub mod logging;
pub mod random;
pub mod request_context;
pub mod routes;
pub mod user;
pub mod variables;

pub mod address;
