//! Integration tests: real components, built from source, on a real PostgreSQL.
//!
//! `tests/<x>.rs` is for `wit/<x>.wit`; the other files are named for what they hold. Each test has a database of its
//! own on a server that all of them share and that goes with the last of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod cache;
mod calls;
mod clock;
mod command;
mod db;
mod determinism;
mod embedding;
mod fuzz;
mod harden;
mod hostile;
mod http;
mod item;
mod kinds;
mod lanes;
mod limits;
mod load;
mod logging;
mod memory;
mod metrics;
mod operator;
mod random;
mod readme;
mod request_context;
mod rights;
mod server;
mod supervision;
mod taps;
mod toolchains;
mod user;
mod values;
mod variables;
mod wasi;
