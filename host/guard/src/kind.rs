//! Kinds: query, mutation, action. A kind is a world, and a linker that holds exactly that world.
//!
//! The table below says, for each interface, the lowest kind that has it. An interface that a kind does not have is not
//! linked: where a component imports it all the same, because another of its exports needs it, the import is a trap
//! that says so.

use serde::{Deserialize, Serialize};
use std::fmt;

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

/// The package that the contract is.
pub const PACKAGE: &str = "palisade:plugin";
/// Its version. Later versions with the same first number add to it.
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
    ("db-write", Kind::Mutation),
    ("variables-write", Kind::Mutation),
    ("item-write", Kind::Mutation),
    ("http", Kind::Action),
];

/// The lowest kind that has an interface of the contract; `None` for one that it does not know.
pub fn lowest(interface: &str) -> Option<Kind> {
    INTERFACES.iter().find(|(name, _)| *name == interface).map(|(_, kind)| *kind)
}

/// `db` of `palisade:plugin/db@0.1.0`.
pub fn interface_of(import: &str) -> Option<&str> {
    import.strip_prefix(PACKAGE)?.strip_prefix('/')?.split('@').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wit_parser::{Resolve, WorldItem};

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
