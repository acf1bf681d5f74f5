//! Whether a source in an interpreted language reaches the interfaces that it names.
//!
//! The world of such a plugin is made from the grants. What else a world or a component must fit is in `palisade_guard::surface`.

use std::collections::{BTreeMap, BTreeSet};

use palisade_guard::grant::cover::{self, Coverage};
use palisade_guard::kind::{self, PACKAGE, VERSION};
use palisade_guard::manifest::Manifest;
use palisade_guard::surface::{above, highest};

/// What keeps a source in an interpreted language from reaching the interfaces that it names: a sentence for each.
pub(crate) fn unreached(
    named: &BTreeSet<String>,
    contract: &BTreeMap<String, BTreeSet<String>>,
    manifest: &Manifest,
) -> Vec<String> {
    let mut found = Vec::new();
    let known = contract.iter().filter(|(name, _)| named.contains(*name));
    let known = known.map(|(name, functions)| (name.clone(), functions.clone())).collect();
    let refused = Coverage::of(&known, &manifest.grants).refused;
    for interface in named {
        if !contract.contains_key(interface) {
            found.push(format!(
                "the source imports `{PACKAGE}/{interface}`, which contract {VERSION} does not have: correct the name, one of {}",
                contract.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            ));
            continue;
        }
        let fixes = cover::fixes(refused.iter().filter(|one| one.interface == *interface), " or ");
        if !fixes.is_empty() {
            found.push(format!(
                "the source imports `{interface}` without a grant: add {fixes} in palisade.toml"
            ));
        }
        if let (Some(lowest), Some(highest)) = (kind::lowest(interface), highest(manifest))
            && lowest > highest
        {
            found.push(above(interface, lowest, highest, "the source"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn manifest(rest: &str) -> Manifest {
        let head = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";
        Manifest::parse(&format!("{head}{rest}"), Path::new("palisade.toml")).unwrap()
    }

    #[test]
    fn interface_that_a_source_names_and_cannot_reach_is_found() {
        let contract = |rows: &[(&str, &[&str])]| {
            let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            rows.iter().map(|(name, functions)| ((*name).to_owned(), set(functions))).collect()
        };
        let contract =
            contract(&[("clock", &["now"]), ("db-write", &["insert", "update"]), ("http", &["fetch"])]);
        let named = ["clock", "db-write", "htp", "http"].map(str::to_owned).into();
        assert_eq!(
            unreached(&named, &contract, &manifest("[exports]\n\"a:b/c\" = \"mutation\"\n")),
            [
                "the source imports `db-write` without a grant: add `TABLE = [\"insert\"]` to [grants.db.tables] or \
                 `TABLE = [\"update\"]` to [grants.db.tables] in palisade.toml",
                "the source imports `palisade:plugin/htp`, which contract 0.1.0 does not have: correct the name, one of clock, \
                 db-write, http",
                "the source imports `http` without a grant: add `http = [{ url = \"https://HOST/\" }]` to [grants] in palisade.toml",
                "the source imports `http`, which only an action has, and none of its exports is more than a mutation: declare the \
                 interface that needs it as \"action\" in [exports] of palisade.toml, or remove the import",
            ]
        );
    }
}
