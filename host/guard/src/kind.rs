//! The kinds of functions: query, mutation and action. Each kind has a world, and a linker with exactly that world's
//! imports.
//!
//! The table [`INTERFACES`] names the lowest kind that has each interface. The linker of a kind contains no interface
//! that the kind does not have. A component may still import one because another of its exports needs it; a call to
//! such an import traps and names the reason.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a function: what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Reads from one snapshot, deterministically.
    Query,
    /// Reads and writes in one transaction.
    Mutation,
    /// Reads, writes and sends requests to other servers. Each of its database calls is a transaction of its own.
    Action,
}

impl Kind {
    /// Every kind, lowest first.
    pub const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Action];

    /// The English article for the kind's name: "a" or "an".
    pub fn article(self) -> &'static str {
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

/// The WIT package of the contract.
pub const PACKAGE: &str = "palisade:plugin";
/// The section of a component in which `palisade build` keeps what the WIT says of exported interfaces. It is not the one that tools for
/// WIT have for the docs of a package: they refuse a component that has that one.
pub const DOCS_SECTION: &str = "palisade-docs";
/// The contract's version. Later versions with the same first number only add to it.
pub const VERSION: &str = "0.1.0";

/// The lowest kind that has each interface of the contract.
pub const INTERFACES: &[(&str, Kind)] = &[
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
    ("route-types", Kind::Query),
    ("db-write", Kind::Mutation),
    ("variables-write", Kind::Mutation),
    ("item-write", Kind::Mutation),
    ("http", Kind::Action),
];

/// The lowest kind that has an interface of the contract; `None` for an interface that is not in the contract.
pub fn lowest(interface: &str) -> Option<Kind> {
    INTERFACES.iter().find(|(name, _)| *name == interface).map(|(_, kind)| *kind)
}

/// The interface's name in an import of the contract: `db` for `palisade:plugin/db@0.1.0`.
pub fn interface_of(import: &str) -> Option<&str> {
    import.strip_prefix(PACKAGE)?.strip_prefix('/')?.split('@').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wit_parser::{Resolve, WorldItem};

    /// Interfaces that only the exports of a world bring along.
    const OF_EXPORTS: [&str; 2] = ["tap-types", "route-types"];

    /// The interfaces that each world of the contract imports.
    fn worlds() -> BTreeMap<String, Vec<String>> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
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
    fn interface_outside_of_the_contract_has_no_kind() {
        assert_eq!(lowest("db"), Some(Kind::Query));
        assert_eq!(lowest("http"), Some(Kind::Action));
        assert_eq!(lowest("files"), None);
    }

    #[test]
    fn each_kind_has_its_english_article() {
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
        for (interface, lowest) in INTERFACES.iter().filter(|(name, _)| !OF_EXPORTS.contains(name)) {
            for kind in Kind::ALL {
                let imported = worlds[&kind.to_string()].iter().any(|import| import == interface);
                assert_eq!(imported, kind >= *lowest, "{interface} in {kind}");
            }
        }
    }
}
