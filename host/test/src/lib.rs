//! The real host for the tests of plugins. A [`TestHost`] has one plugin and a database of its own, on a private PostgreSQL
//! server that the tests of a process share. Nothing is left behind.
//!
//! What is real: the component, the guards, the limits, the transactions and PostgreSQL. What stands in: the servers that an
//! action sends requests to ([`StandIn`]), and the secrets that go there. `palisade test` runs the files of `tests/*.toml` with
//! this crate; its own tests are in `tests/command/test/`.
//!
//! ```no_run
//! use palisade_test::{TestHost, json};
//!
//! #[palisade_test::test]
//! async fn ada_is_greeted(host: TestHost) {
//!     let greeted = host.call("greeting/greet", json!({ "name": "Ada" })).await.unwrap();
//!     assert_eq!(greeted.value, "Hello, Ada!");
//! }
//! # fn main() {}
//! ```

mod database;
mod host;
mod log;
mod run;
mod server;
mod stand_in;

pub use database::{Column, Row};
pub use host::{Options, TestHost};
pub use palisade::{CallError, Caller, Host};
pub use palisade_test_macros::test;
#[doc(hidden)]
pub use run::run;
pub use serde_json::{Value, json};
pub use server::Server;
pub use stand_in::{Answer, Reply, StandIn};
