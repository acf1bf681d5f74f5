//! Kinds: query, mutation, action. A kind is a world, and a linker that holds exactly that world.
//!
//! The table below says, for each interface, the lowest kind that has it. An interface that a kind does not have is not
//! linked: where a component imports it all the same, because another of its exports needs it, the import is a trap
//! that says so.

use crate::api;
use crate::bindings::palisade::plugin as contract;
use crate::engine::Engine;
use crate::invocation::State;
use serde::{Deserialize, Serialize};
use std::fmt;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Reads, from one snapshot, deterministically.
    Query,
    /// Also writes, in one transaction.
    Mutation,
    /// Also reaches servers outside; each call is a transaction of its own.
    Action,
}

impl Kind {
    /// Every kind, lowest first.
    pub const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Action];

    /// What goes before its name.
    pub(crate) fn article(self) -> &'static str {
        if self == Self::Action { "an" } else { "a" }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Action => "action",
        })
    }
}

/// The package that the contract is.
pub(crate) const PACKAGE: &str = "palisade:plugin";
/// Its version. Later versions with the same first number add to it.
pub(crate) const VERSION: &str = "0.1.0";

/// The lowest kind that has each interface of the contract.
pub(crate) const INTERFACES: &[(&str, Kind)] = &[
    ("limits", Kind::Query),
    ("db", Kind::Query),
    ("user", Kind::Query),
    ("cache", Kind::Query),
    ("variables", Kind::Query),
    ("item", Kind::Query),
    ("logging", Kind::Query),
    ("request-context", Kind::Query),
    ("clock", Kind::Query),
    ("random", Kind::Query),
    ("tap-types", Kind::Query),
    ("db-write", Kind::Mutation),
    ("variables-write", Kind::Mutation),
    ("item-write", Kind::Mutation),
    ("http", Kind::Action),
];

/// The lowest kind that has an interface of the contract; `None` for one that it does not know.
pub(crate) fn lowest(interface: &str) -> Option<Kind> {
    INTERFACES.iter().find(|(name, _)| *name == interface).map(|(_, kind)| *kind)
}

/// The linkers of a host, one for each kind.
pub(crate) struct Linkers {
    by_kind: [Linker<State>; 3],
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let [query, mutation, action] = Kind::ALL;
        Ok(Self { by_kind: [linker(engine, query)?, linker(engine, mutation)?, linker(engine, action)?] })
    }

    /// The linker of a kind for one component: what the component imports of higher kinds is a trap in it, which says why
    /// its caller is of this kind.
    pub(crate) fn of(
        &self,
        kind: Kind,
        because: &str,
        component: &Component,
    ) -> wasmtime::Result<Linker<State>> {
        let [query, mutation, action] = &self.by_kind;
        let mut linker = match kind {
            Kind::Query => query,
            Kind::Mutation => mutation,
            Kind::Action => action,
        }
        .clone();
        let engine = linker.engine().clone();
        for (import, item) in component.component_type().imports(&engine) {
            let Some(interface) = interface_of(import) else { continue };
            let (Some(lowest), ComponentItem::ComponentInstance(instance)) = (lowest(interface), item.ty)
            else {
                continue;
            };
            if lowest > kind {
                trap(&mut linker.instance(import)?, &instance, &engine, interface, (kind, because))?;
            }
        }
        Ok(linker)
    }
}

/// `db` of `palisade:plugin/db@0.1.0`.
pub(crate) fn interface_of(import: &str) -> Option<&str> {
    import.strip_prefix(PACKAGE)?.strip_prefix('/')?.split('@').next()
}

/// An import of a higher kind than the running one, called all the same.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{interface}.{function}` does not exist in {} {kind}; {because}", kind.article())]
pub(crate) struct OutOfKind {
    interface: String,
    function: String,
    kind: Kind,
    /// Who says that it is of this kind.
    because: String,
}

fn trap(
    linker: &mut LinkerInstance<'_, State>,
    instance: &ComponentInstance,
    engine: &wasmtime::Engine,
    interface: &str,
    (kind, because): (Kind, &str),
) -> wasmtime::Result<()> {
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let out = OutOfKind {
                    interface: interface.to_owned(),
                    function: name.to_owned(),
                    kind,
                    because: because.to_owned(),
                };
                linker.func_new(name, move |_, _, _, _| Err(wasmtime::Error::new(out.clone())))?;
            }
            ComponentItem::Resource(_) => linker.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))?,
            _ => {}
        }
    }
    Ok(())
}

fn linker(engine: &Engine, kind: Kind) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.wasmtime());
    let to = &mut linker;
    contract::db::add_to_linker::<State, api::db::Face>(to, api::db::view)?;
    contract::user::add_to_linker::<State, api::user::Face>(to, api::user::view)?;
    contract::cache::add_to_linker::<State, api::cache::Face>(to, api::cache::view)?;
    contract::variables::add_to_linker::<State, api::variables::Face>(to, api::variables::view)?;
    contract::item::add_to_linker::<State, api::item::Face>(to, api::item::view)?;
    contract::logging::add_to_linker::<State, api::logging::Face>(to, api::logging::view)?;
    contract::request_context::add_to_linker::<State, api::request_context::Face>(
        to,
        api::request_context::view,
    )?;
    contract::clock::add_to_linker::<State, api::clock::Face>(to, api::clock::view)?;
    contract::random::add_to_linker::<State, api::random::Face>(to, api::random::view)?;
    if kind >= Kind::Mutation {
        contract::db_write::add_to_linker::<State, api::db::Face>(to, api::db::view)?;
        contract::variables_write::add_to_linker::<State, api::variables::Face>(to, api::variables::view)?;
        contract::item_write::add_to_linker::<State, api::item::Face>(to, api::item::view)?;
    }
    if kind >= Kind::Action {
        contract::http::add_to_linker::<State, api::http::Face>(to, api::http::view)?;
    }
    crate::wasi::add_to_linker(to)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wit_parser::{Resolve, WorldItem};

    /// The interfaces that each world of the contract imports.
    fn worlds() -> BTreeMap<String, Vec<String>> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
        let worlds = resolve.packages[package].worlds.iter().map(|(name, world)| {
            let imports = resolve.worlds[*world].imports.values().filter_map(|item| match item {
                WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
                _ => None,
            });
            (name.clone(), imports.collect())
        });
        worlds.collect()
    }

    #[test]
    fn interface_that_the_contract_does_not_have_has_no_kind() {
        assert_eq!(lowest("db"), Some(Kind::Query));
        assert_eq!(lowest("http"), Some(Kind::Action));
        assert_eq!(lowest("files"), None);
    }

    #[test]
    fn kind_is_named_with_its_article() {
        let named = Kind::ALL.map(|kind| format!("{} {kind}", kind.article()));
        assert_eq!(named, ["a query", "a mutation", "an action"]);
    }

    #[test]
    fn kind_of_each_interface_is_the_lowest_world_that_imports_it() {
        let worlds = worlds();
        for kind in Kind::ALL {
            for interface in &worlds[&kind.to_string()] {
                assert!(lowest(interface).is_some_and(|lowest| lowest <= kind), "{interface} in {kind}");
            }
        }
        for (interface, lowest) in INTERFACES.iter().filter(|(name, _)| *name != "tap-types") {
            for kind in Kind::ALL {
                let imported = worlds[&kind.to_string()].iter().any(|import| import == interface);
                assert_eq!(imported, kind >= *lowest, "{interface} in {kind}");
            }
        }
    }
}
