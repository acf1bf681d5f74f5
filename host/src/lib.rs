//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.
//!
//! A plugin is a component that can reach only the interfaces in `wit/`: its own database tables, content items, the caller,
//! a cache, settings, logs, a clock and randomness, and the external servers on its allow-list. The host implements these
//! interfaces on PostgreSQL and guards each of them.
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
//! [`compile_if_asked`] comes first: a host compiles plugins in a child process with limits, and that child is this program
//! started once more. Without `.database(…)` the host uses `DATABASE_URL`; if that is not set, it starts a private PostgreSQL.
//!
//! What to call:
//!
//! - [`Host::call`] takes and returns JSON. [`Integers`] chooses how 64-bit integers are written in the result.
//! - [`Host::typed`] takes and returns Rust types through serde, and resolves the function once.
//! - [`Host::route`] passes a raw request to a plugin's handler, such as a webhook, and returns what may be answered.
//! - [`Host::items`] reads and writes content items as one caller, through every tap.
//! - [`Host::load`] and [`Host::unload`] change the set of plugins while calls run.
//!
//! A plugin has no power that is not granted: [`Policy::harmless`] allows only what needs no grant, [`Policy::as_asked`] grants
//! what the manifest asks for, [`Policy::only`] the part of it that you name.
//!
//! Your own user store, cache, log, variables, items or HTTP client replace the default through one small trait each, in
//! [`store`]. A store of your own takes part in the invocation's transaction with [`At::query`](store::At::query). The other
//! interfaces cannot be replaced: `db` is PostgreSQL, and `clock`, `random` and `request-context` keep the guarantees of each kind, such as determinism.
//!
//! Every call error says who is to blame ([`CallError::blame`]) in a sentence that names the fix. Every limit is in [`limits`].

// The floors, top to bottom: a module imports only from floors below its own. The modules from `engine` on share the lowest
// floor. A comment before each line keeps rustfmt from sorting the lines, as it does with adjacent `mod` lines.

// The public API.
mod host;
// Requests: calls of functions, items, taps, and the transaction around them.
mod calls;
// One run of a plugin in a fresh store.
mod invocation;
// What all requests of a host share.
mod runtime;
// What can be entered of a plugin.
mod program;
// The interfaces of the contract.
mod api;
// The `T` of `Store<T>`.
mod state;
// What an invocation may know of its plugin.
mod plugin;
// wasmtime, configured; the compiler and the pre-pass.
mod engine;
// Component values and JSON.
mod value;
// The audit log.
pub mod audit;
// The metrics.
mod metrics;
// The host's memory: how much there is, and who holds it.
mod memory;
// Which plugins are served.
mod supervision;
// Who calls, and what one request shares.
mod request;
// What a caller and an operator get when something fails.
mod error;
// Keys in files.
mod keyfile;

pub use calls::call::{Call, Outcome};
pub use calls::items::{Items, Page};
pub use calls::route::{Route, RouteCall, RouteOutcome};
pub use engine::compiler::{Compiler, compile_if_asked};
pub use error::{Blame, CallError, LoadError};
pub use host::{
    FunctionInfo, FunctionSchemas, Host, HostBuilder, Migrated, PluginInfo, PluginSchemas, Typed, TypedCall,
};
pub use metrics::TEXT_TYPE as METRICS_TYPE;
pub use palisade_guard::caller::{ANONYMOUS_ROLE, Caller, User};
pub use palisade_guard::grant::Policy;
pub use palisade_guard::kind::Kind;
pub use palisade_guard::ledger::{Exceeded, Ledger, Usage};
pub use palisade_guard::refusal::Refusal;
pub use palisade_guard::violation::{Constraint, Violation};
pub use plugin::passport::{CompilerLayers, DatabaseLayers, Passport};
pub use plugin::source::Source;
pub use request::record::{CallRecorder, RecordedCall};
pub use request::replay::Replay;
pub use supervision::{DisabledWhere, EntryStatus, OPERATOR_PERMISSION, PluginStatus, ServingStatus};
pub use value::{BadArgument, Integers};

pub use palisade_guard::{grant, limits};

/// The types that guards parse untrusted text into. Stores and the host's own API take these types instead of text.
pub mod guard {
    pub use palisade_guard::{
        address, cache, http, item, logging, memory, name, request_context, routes, user, variables,
    };

    /// Values of rows and parameters, for a store of your own: see [`At::query`](crate::store::At::query).
    pub mod value {
        pub use palisade_guard::db::value::{Scalar, Value};
    }
}

/// The stores behind the interfaces: one small trait each, and the default implementations.
pub mod store {
    pub use palisade_store::http;
    pub use palisade_store::{
        At, CacheStore, Found, ItemStore, LogSink, LogSource, Search, UserStore, VariableStore, Viewer,
    };

    /// A private PostgreSQL, for when there is no server.
    pub mod private {
        pub use palisade_store::private::{DataDir, PrivateError, PrivateOptions, PrivateServer};
    }

    pub use palisade_store::cache::InProcessCache;
    pub use palisade_store::log::TracingLog;
    pub use palisade_store::postgres::alone::Alone;
    pub use palisade_store::postgres::users::Users;
}
