//! Palisade: an embeddable host for server-side plugins built as WebAssembly components.

mod api;
pub mod backend;
mod bindings;
mod caller;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod content;
mod engine;
mod error;
pub mod grant;
pub mod guard;
mod host;
mod invocation;
mod items;
mod kind;
mod ledger;
pub mod limits;
mod maintenance;
mod manifest;
mod meter;
mod passport;
mod plugin;
mod random;
mod registry;
mod request;
#[cfg(feature = "server")]
pub mod server;
mod tap;
mod value;
mod wasi;

pub use caller::{ANONYMOUS_ROLE, Caller, User};
pub use error::{Blame, CallError, Constraint, LoadError, Refusal, Violation};
pub use grant::Policy;
pub use host::{FunctionInfo, Host, HostBuilder, Outcome, PluginInfo};
pub use items::Page;
pub use kind::Kind;
pub use ledger::{Exceeded, Ledger};
pub use passport::Passport;
