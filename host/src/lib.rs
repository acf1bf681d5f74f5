//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.
//!
//! A plugin is a component that reaches nothing but the interfaces in `wit/`: a database of its own, content items, the
//! caller, a cache, settings, logs, time and randomness by kind, and servers outside that are on its allow-list. The host
//! implements them with guards, on PostgreSQL.
//!
//! A complete embedding:
//!
//! ```standalone_crate
//! use palisade::backend::private::PrivateOptions;
//! use palisade::{Caller, Host, Policy};
//! use serde_json::json;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     palisade::compile_if_asked();
//!     let host = Host::builder()
//!         // Or `.database("postgresql://user:password@localhost/app")`.
//!         .private_database(PrivateOptions::temporary())
//!         .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
//!         .build()
//!         .await?;
//!     let outcome = host.call("greeter", "greeting/greet", json!({ "name": "Ada" }), Caller::Anonymous).await?;
//!     assert_eq!(outcome.value, json!("Hello, Ada!"));
//!     host.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! [`compile_if_asked`] comes first because a host compiles plugins in a process of their own, with limits, which is this
//! program once more. Without `.database(…)` the host uses `DATABASE_URL`, and without that a private PostgreSQL. Nothing runs unless it is
//! granted: [`Policy::harmless`] gives what needs no grant, [`Policy::as_asked`] what the manifest asks for,
//! [`Policy::only`] the part of it that you name. Your own user store, cache, log, variables, items or HTTP client take the
//! place of the default through one small trait each, in [`backend`]. `db` is PostgreSQL, `clock`, `random` and
//! `request-context` are the host's own: they carry what a kind promises.
//!
//! Failures say who is to blame ([`CallError::blame`]) and are sentences that name the fix. Every limit is in [`limits`].

mod api;
pub mod audit;
pub mod backend;
mod bindings;
mod builder;
mod call;
mod caller;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod compiler;
mod content;
mod core;
mod engine;
mod error;
pub mod grant;
pub mod guard;
mod host;
mod invocation;
mod items;
mod keyfile;
mod kind;
mod lane;
mod ledger;
pub mod limits;
mod maintenance;
mod manifest;
mod meter;
mod metrics;
mod moment;
mod passport;
mod plugin;
mod random;
mod records;
mod registry;
mod request;
#[cfg(feature = "server")]
pub mod server;
mod supervision;
mod tap;
mod transaction;
mod value;
mod wasi;

pub use builder::HostBuilder;
pub use caller::{ANONYMOUS_ROLE, Caller, User};
pub use compiler::{Compiler, compile_if_asked};
pub use error::{Blame, CallError, Constraint, LoadError, Refusal, Violation};
pub use grant::Policy;
pub use host::{FunctionInfo, Host, Outcome, PluginInfo};
pub use items::Page;
pub use kind::Kind;
pub use ledger::{Exceeded, Ledger};
pub use moment::Moment;
pub use passport::{DatabaseLayers, Passport};
pub use supervision::{OPERATOR_PERMISSION, PluginStatus, Standing};
