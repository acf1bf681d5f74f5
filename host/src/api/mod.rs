//! The contract's interfaces, implemented: one file for each of `wit/`.
//!
//! A host method parses, calls, returns: what may be asked is in `guard/`, what is done in `backend/`. Each file has a
//! view that borrows from the invocation only what its interface needs, and one door for errors, `convert_error`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod cache;
pub mod clock;
pub mod db;
pub mod http;
pub mod item;
pub mod logging;
pub mod random;
pub mod request_context;
pub mod user;
pub mod variables;

use crate::bindings::palisade::plugin::limits::Usage;
use crate::ledger::Exceeded;

impl From<Exceeded> for Usage {
    fn from(exceeded: Exceeded) -> Self {
        let Exceeded { limit, used, max } = exceeded;
        Self { which: limit.name().to_owned(), used, max }
    }
}
