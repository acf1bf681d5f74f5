//! The contract's interfaces, implemented: one file for each of `wit/`.
//!
//! A host method parses, calls, returns: what is permitted is decided in `palisade-guard`, what is done in `palisade-store`.
//! Each file has the same shape: a `View` that borrows from the invocation only what its interface needs, `link`, which
//! puts its functions into a linker, and one door for errors, `convert_error`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

/// What is the same in every interface's file: its view as wasmtime asks for it, and `link`.
macro_rules! interface {
    ($($link:ident: $interface:ident),+) => {
        impl wasmtime::component::HasData for View<'static> {
            type Data<'a> = View<'a>;
        }

        $(pub(super) fn $link(
            linker: &mut wasmtime::component::Linker<$crate::state::State>,
        ) -> wasmtime::Result<()> {
            $crate::api::contract::$interface::add_to_linker::<_, View<'static>>(linker, |state| View::of(state))
        })+
    };
}

pub(crate) mod bindings;
pub(crate) mod wasi;

mod cache;
mod clock;
mod db;
mod http;
pub(crate) mod item;
mod logging;
mod random;
mod request_context;
mod user;
mod variables;

use crate::state::State;
use bindings::palisade::plugin::limits;
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use wasmtime::component::Linker;

pub(crate) use bindings::palisade::plugin as contract;

/// Puts the functions of one interface into a linker.
type Link = fn(&mut Linker<State>) -> wasmtime::Result<()>;

/// The interfaces that plugins import, and how each is linked. Which kinds have it is in [`palisade_guard::kind`].
pub(crate) const INTERFACES: [(&str, Link); 13] = [
    ("db", db::link),
    ("db-write", db::link_write),
    ("user", user::link),
    ("cache", cache::link),
    ("variables", variables::link),
    ("variables-write", variables::link_write),
    ("item", item::link),
    ("item-write", item::link_write),
    ("logging", logging::link),
    ("request-context", request_context::link),
    ("clock", clock::link),
    ("random", random::link),
    ("http", http::link),
];

/// An argument or a sum over its limit, as the guest is told. What a guard refused counts as refused, too.
fn refused(ledger: &mut Ledger, exceeded: Exceeded) -> limits::Usage {
    ledger.refuse(exceeded);
    exceeded.0.into()
}

impl From<Usage> for limits::Usage {
    fn from(Usage { limit, used, max }: Usage) -> Self {
        Self { which: limit.name().to_owned(), used, max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_interface_that_has_functions_is_linked() {
        let linked: BTreeSet<&str> = INTERFACES.iter().map(|(name, _)| *name).collect();
        let known = palisade_guard::kind::INTERFACES.iter().map(|(name, _)| *name);
        // These two have types alone.
        let known: BTreeSet<&str> = known.filter(|name| !["limits", "tap-types"].contains(name)).collect();
        assert_eq!(linked, known);
    }
}
