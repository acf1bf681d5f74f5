//! Compares what a world or a component imports and exports with the plugin's manifest.
//!
//! It finds everything at once, and before anything is compiled, so that an author mends it in one go. A host checks again when it
//! loads the component (`host/src/plugin/passport`): what is found here is for the author.

use std::collections::{BTreeMap, BTreeSet};

use palisade_guard::grant::cover::{self, Coverage};
use palisade_guard::kind::{self, Kind, PACKAGE, VERSION};
use palisade_guard::manifest::{Manifest, TAPS};

use super::world::Surface;

/// Whether a component imports only the functions that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Imports {
    /// Only those: each needs its grant.
    Called,
    /// All of an interface. Functions without a grant answer `access-denied`.
    Whole,
}

/// The highest kind of an export or a tap that a manifest lists.
pub(super) fn highest(manifest: &Manifest) -> Option<Kind> {
    let taps = TAPS.iter().filter(|(_, _, listed)| listed(&manifest.taps)).map(|(_, kind, _)| *kind);
    manifest.exports.values().copied().chain(taps).max()
}

/// The functions of the contract among the imports, by interface.
pub(super) fn contract(surface: &Surface) -> BTreeMap<String, BTreeSet<String>> {
    let interfaces = surface.imports.iter().filter(|(_, functions)| !functions.is_empty());
    interfaces
        .filter_map(|(name, functions)| Some((kind::interface_of(name)?.to_owned(), functions.clone())))
        .collect()
}

/// Everything that keeps a host from loading a component with this surface, and what its author certainly did not mean; a
/// sentence for each.
pub(super) fn findings(surface: &Surface, manifest: &Manifest, imports: Imports) -> Vec<String> {
    let mut found = Vec::new();
    let mut ours = BTreeMap::new();
    for (name, functions) in surface.imports.iter().filter(|(_, functions)| !functions.is_empty()) {
        if name.starts_with("wasi:") && !name.starts_with("wasi:http/") {
            continue;
        }
        match kind::interface_of(name) {
            None => {
                found.push(format!("it imports `{name}`, which no world of a host has: remove the import"));
            }
            Some(interface) if kind::lowest(interface).is_none() => found.push(format!(
                "it imports `{name}`, which contract {VERSION} does not have: remove the import"
            )),
            Some(interface) => {
                ours.insert(interface.to_owned(), functions.clone());
            }
        }
    }
    let Coverage { mut refused, denied } = Coverage::of(&ours, &manifest.grants);
    if imports == Imports::Called {
        refused.extend(denied);
    }
    if !refused.is_empty() {
        found.push(cover::sentence(&refused));
    }
    found.extend(exports(surface, manifest));
    let Some(highest) = highest(manifest) else {
        found.push(
            "nothing could be called: name an interface that it exports in [exports] of palisade.toml, or a tap in [taps]"
                .to_owned(),
        );
        return found;
    };
    for (interface, lowest) in ours.keys().filter_map(|name| Some((name, kind::lowest(name)?))) {
        if lowest > highest {
            found.push(above(interface, lowest, highest, "it"));
        }
    }
    found
}

/// What keeps a source in an interpreted language from reaching the interfaces that it names: a sentence for each.
pub(super) fn unreached(
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

/// The sentence for an interface that no export's kind has.
fn above(interface: &str, lowest: Kind, highest: Kind, who: &str) -> String {
    format!(
        "{who} imports `{interface}`, which only {} {lowest} has, and none of its exports is more than {} {highest}: declare the \
         interface that needs it as \"{lowest}\" in [exports] of palisade.toml, or remove the import",
        lowest.article(),
        highest.article(),
    )
}

/// What the exports of a surface lack in the manifest, and the other way round.
fn exports(surface: &Surface, manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for name in &surface.bare {
        found.push(format!("it exports the function `{name}` outside any interface: put it into one"));
    }
    let exported: BTreeSet<&str> =
        surface.exports.iter().map(|name| name.split('@').next().unwrap_or(name)).collect();
    let listed = |name: &&str| manifest.exports.contains_key(*name);
    let missing: Vec<&str> = manifest.exports.keys().map(String::as_str).collect();
    let missing: Vec<&str> = missing.into_iter().filter(|name| !exported.contains(name)).collect();
    for name in exported.iter().copied().filter(|name| !name.starts_with(PACKAGE) && !listed(name)) {
        let instead = missing.iter().find(|other| near(other, name));
        let instead = instead.map_or_else(String::new, |other| format!(", instead of `{other}`"));
        found.push(format!(
            "it exports `{name}`: give it a kind, `\"{name}\" = \"query\"`, in [exports] of palisade.toml{instead}"
        ));
    }
    for name in missing.iter().filter(|name| !exported.iter().any(|other| near(name, other))) {
        found.push(format!(
            "[exports] of palisade.toml lists `{name}`, which it does not export: export it from the world, or remove the line"
        ));
    }
    for (tap, _, listed) in TAPS {
        let key = tap.trim_start_matches("tap-");
        let is_exported = exported.contains(format!("{PACKAGE}/{tap}").as_str());
        if is_exported && !listed(&manifest.taps) {
            let options = if *tap == "tap-cron" { "{ every = \"5 min\" }" } else { "{}" };
            found.push(format!(
                "it exports `{PACKAGE}/{tap}`: add `{key} = {options}` to [taps] of palisade.toml"
            ));
        } else if !is_exported && listed(&manifest.taps) {
            found.push(format!(
                "[taps] of palisade.toml lists `{key}`, and it does not export `{PACKAGE}/{tap}`: export that from the world, \
                 or remove the line"
            ));
        }
    }
    found
}

/// Whether one of two names is probably the other, misspelt.
fn near(one: &str, other: &str) -> bool {
    strsim::damerau_levenshtein(one, other) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn manifest(rest: &str) -> Manifest {
        let head = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";
        Manifest::parse(&format!("{head}{rest}"), Path::new("palisade.toml")).unwrap()
    }

    fn surface(imports: &[(&str, &[&str])], exports: &[&str]) -> Surface {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Surface {
            imports: imports.iter().map(|(name, functions)| ((*name).to_owned(), set(functions))).collect(),
            exports: set(exports),
            bare: BTreeSet::new(),
        }
    }

    const QUERY: &str = "[exports]\n\"acme:blog/posts\" = \"query\"\n";

    #[test]
    fn everything_is_found_at_once() {
        let surface = surface(
            &[
                ("palisade:plugin/db@0.1.0", &["query", "select"]),
                ("palisade:plugin/http@0.1.0", &["fetch"]),
                ("palisade:plugin/shell@0.1.0", &["run"]),
                ("wasi:http/outgoing-handler@0.2.0", &["handle"]),
                ("wasi:cli/stdout@0.2.0", &["get-stdout"]),
                ("acme:other/types", &[]),
            ],
            &["acme:blog/posts@1.0.0", "acme:blog/drafts", "palisade:plugin/tap-cron@0.1.0"],
        );
        let rest = format!("{QUERY}\"acme:notes/list\" = \"query\"\n[taps]\nitem-view = {{}}\n");
        let found = findings(&surface, &manifest(&rest), Imports::Called);
        assert_eq!(
            found,
            [
                "it imports `palisade:plugin/shell@0.1.0`, which contract 0.1.0 does not have: remove the import",
                "it imports `wasi:http/outgoing-handler@0.2.0`, which no world of a host has: remove the import",
                "it imports `db.query`, `db.select`, `http.fetch` without a grant: add `query = true` to [grants.db] and \
                 `TABLE = [\"select\"]` to [grants.db.tables] and `http = [{ url = \"https://HOST/\" }]` to [grants] in palisade.toml",
                "it exports `acme:blog/drafts`: give it a kind, `\"acme:blog/drafts\" = \"query\"`, in [exports] of palisade.toml",
                "[exports] of palisade.toml lists `acme:notes/list`, which it does not export: export it from the world, or \
                 remove the line",
                "[taps] of palisade.toml lists `item-view`, and it does not export `palisade:plugin/tap-item-view`: export that \
                 from the world, or remove the line",
                "it exports `palisade:plugin/tap-cron`: add `cron = { every = \"5 min\" }` to [taps] of palisade.toml",
                "it imports `http`, which only an action has, and none of its exports is more than a query: declare the interface \
                 that needs it as \"action\" in [exports] of palisade.toml, or remove the import",
            ]
        );
    }

    #[test]
    fn function_without_a_grant_is_found_only_where_imports_are_calls() {
        let surface = surface(&[("palisade:plugin/db@0.1.0", &["query", "select"])], &["acme:blog/posts"]);
        let manifest =
            manifest(&format!("{QUERY}[grants]\ndb = {{ tables = {{ posts = [\"select\"] }} }}\n"));
        assert_eq!(findings(&surface, &manifest, Imports::Whole), [""; 0]);
        let found = findings(&surface, &manifest, Imports::Called);
        assert!(found.len() == 1 && found[0].contains("add `query = true` to [grants.db]"), "{found:?}");
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

    #[test]
    fn misspelt_export_is_one_finding() {
        let found = findings(&surface(&[], &["acme:blog/post"]), &manifest(QUERY), Imports::Called);
        assert!(found.len() == 1 && found[0].ends_with("instead of `acme:blog/posts`"), "{found:?}");
    }

    #[test]
    fn function_outside_an_interface_and_nothing_to_call_are_found() {
        let mut bare = surface(&[], &[]);
        bare.bare.insert("greet".to_owned());
        let found = findings(&bare, &manifest(""), Imports::Called);
        assert!(
            found.len() == 2 && found[0].contains("`greet`") && found[1].contains("nothing could be called"),
            "{found:?}"
        );
    }
}
