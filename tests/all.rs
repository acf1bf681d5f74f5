//! Integration tests: real components, built from source, on a real PostgreSQL.
//!
//! `tests/<x>.rs` tests `wit/<x>.wit`; the other files are named after what they test. All tests share one server,
//! which stops with the last of them. Each test has its own database on it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod cache;
mod calls;
mod clock;
mod command;
mod cost;
mod db;
mod determinism;
mod embedding;
mod failures;
mod fields;
mod fuzz;
mod harden;
mod hidden;
mod hostile;
mod hosts;
mod http;
mod item;
mod kinds;
mod lanes;
mod languages;
mod limits;
mod load;
mod logging;
mod memory;
mod metrics;
mod operator;
mod printed;
mod random;
mod readme;
mod request_context;
mod rights;
mod routes;
mod server;
mod supervision;
mod taps;
mod toolchains;
mod traps;
mod user;
mod values;
mod variables;
mod wasi;
