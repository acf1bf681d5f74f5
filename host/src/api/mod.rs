//! The host side of the contract: one file implements each interface of `wit/`.
//!
//! A host method parses, calls and returns. It contains no rule and no I/O: the guards in `palisade-guard` decide what is
//! permitted, the stores in `palisade-store` do it. Each file has the same shape: a `View` that borrows from the invocation
//! only what its interface needs, `link`, which adds the interface's functions to a linker, and `convert_error`, the only
//! place where a refusal becomes the guest's error. Each file's head names its contract and its guard; its tests are in
//! `tests/`, under the interface's name.
//!
//! The rule for limits: `api/` spends from the [`Ledger`] before it calls. A store spends only what it alone can know, such as
//! the bytes of the rows that a statement returns. What a method copies or checks, it counts with [`Ledger::handled`], before
//! anything can be refused, so that no loop of refused calls is free.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

/// The code that is the same for every interface: `HasData` for its `View`, and its `link` function.
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
pub(crate) mod routes;
mod user;
mod variables;

use crate::state::State;
use bindings::palisade::plugin::limits;
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use wasmtime::component::Linker;

pub(crate) use bindings::palisade::plugin as contract;

/// Adds the functions of one interface to a linker.
type Link = fn(&mut Linker<State>) -> wasmtime::Result<()>;

/// The interfaces that plugins import, with their `link` functions. [`palisade_guard::kind`] says which kinds have them.
pub(crate) const INTERFACES: &[(&str, Link)] = &[
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
    ("route-types", routes::link),
];

/// The guest's error for an argument or a sum over its limit. The ledger counts the refusal even if a guard made it.
fn refused(ledger: &mut Ledger, exceeded: Exceeded) -> limits::Usage {
    ledger.refuse(exceeded);
    exceeded.0.into()
}

/// Bytes of a text and of a list of texts that a guest passed, with what each text of a list costs by itself.
fn size<'a>(text: &str, list: impl IntoIterator<Item = &'a String>) -> usize {
    list.into_iter()
        .fold(text.len(), |sum, text| sum.saturating_add(text.len()).saturating_add(size_of::<String>()))
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
        // These two have only types.
        let known: BTreeSet<&str> = known.filter(|name| !["limits", "tap-types"].contains(name)).collect();
        assert_eq!(linked, known);
    }
}
