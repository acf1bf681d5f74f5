//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.
//!
//! A plugin is a component that reaches nothing but the interfaces in `wit/`: a database of its own, content items, the
//! caller, a cache, settings, logs, time and randomness by kind, and servers outside that are on its allow-list. The host
//! implements them with guards, on PostgreSQL.
//!
//! A complete embedding:
//!
//! ```standalone_crate
//! use palisade::store::private::PrivateOptions;
//! use palisade::{Host, Policy};
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
//!     let outcome = host.call("greeter", "greeting/greet").arguments(json!({ "name": "Ada" })).await?;
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
//! place of the default through one small trait each, in [`store`]. `db` is PostgreSQL, `clock`, `random` and
//! `request-context` are the host's own: they carry what a kind promises.
//!
//! Failures say who is to blame ([`CallError::blame`]) and are sentences that name the fix. Every limit is in [`limits`].

mod host;

mod calls;

mod invocation;

mod runtime;

mod program;

mod api;

mod state;

mod plugin;

pub mod audit;
mod engine;
mod error;
mod keyfile;
mod metrics;
mod request;
mod supervision;
mod value;

pub use calls::call::{Call, Outcome};
pub use calls::items::{Items, Page};
pub use calls::typed::{Typed, TypedCall};
pub use engine::compiler::{Compiler, compile_if_asked};
pub use error::{Blame, CallError, LoadError};
pub use host::{FunctionInfo, Host, HostBuilder, PluginInfo};
pub use metrics::TEXT_TYPE as METRICS_TYPE;
pub use palisade_guard::caller::{ANONYMOUS_ROLE, Caller, User};
pub use palisade_guard::grant::Policy;
pub use palisade_guard::kind::Kind;
pub use palisade_guard::ledger::{Exceeded, Ledger, Usage};
pub use palisade_guard::refusal::Refusal;
pub use palisade_guard::violation::{Constraint, Violation};
pub use plugin::passport::{DatabaseLayers, Passport};
pub use request::replay::Replay;
pub use supervision::{OPERATOR_PERMISSION, PluginStatus, ServingStatus};
pub use value::{BadArgument, Integers};

pub use palisade_guard::{grant, limits};

/// What guards make of text that strangers send: the types that stores and callers of the host take.
pub mod guard {
    pub use palisade_guard::{address, cache, http, item, logging, name, request_context, user, variables};

    /// Values of rows and parameters, for a store of one's own: see [`At::query`](crate::store::At::query).
    pub mod value {
        pub use palisade_guard::db::value::{Scalar, Value};
    }
}

/// What stands behind the interfaces: a small trait each, and the defaults.
pub mod store {
    pub use palisade_store::{At, CacheStore, ItemStore, LogSink, UserStore, VariableStore, Viewer};
    pub use palisade_store::{http, private};

    pub use palisade_store::cache::InProcessCache;
    pub use palisade_store::log::TracingLog;
    pub use palisade_store::postgres::users::Users;
}
