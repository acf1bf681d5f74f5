//! What a world or a component imports and exports, against the plugin's manifest.
//!
//! There is one judge for all who ask: `palisade check` and `palisade build` ask it about the author's WIT, before anything is
//! compiled, and about a component that is there; a host asks it when it loads a component (`host/src/plugin/passport`). It finds
//! everything at once. Grants are in [`crate::grant::cover`], kinds in [`crate::kind`].

use crate::grant::Grants;
use crate::grant::cover::{self, Coverage};
use crate::kind::{self, Kind, PACKAGE, VERSION};
use crate::manifest::{HANDLER, Manifest, TAPS, is_interface, tap_line};
use crate::mistakes::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// What a world or a component imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// Functions by full interface name, such as `palisade:plugin/db@0.1.0`. An interface with types alone has none, and anything
    /// else than an interface has its own name.
    pub imports: BTreeMap<String, BTreeSet<String>>,
    /// Interfaces by full name.
    pub exports: BTreeSet<String>,
    /// Functions outside of any interface.
    pub bare: BTreeSet<String>,
}

/// Whether a component imports only the functions that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imports {
    /// Only those: each needs its grant.
    Called,
    /// All of an interface. Functions without a grant answer `access-denied`.
    Whole,
}

/// Something that keeps a host from loading the component, or that its author certainly did not mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What is wrong, and what to change.
    pub sentence: String,
    /// Where to change it.
    pub about: About,
}

/// Where a misfit is to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A key of the manifest, by its path.
    Manifest(Vec<String>),
    /// An import of the world, by its full name.
    Import(String),
    /// A function that the world exports outside of any interface.
    Function(String),
}

impl Surface {
    /// The functions of the contract among the imports, by the short name of their interface.
    pub fn contract(&self) -> BTreeMap<String, BTreeSet<String>> {
        let interfaces = self.imports.iter().filter(|(_, functions)| !functions.is_empty());
        let ours = interfaces
            .filter_map(|(name, functions)| Some((kind::interface_of(name)?.to_owned(), functions.clone())));
        ours.collect()
    }
}

/// The highest kind of an export, a tap or a route that a manifest lists.
pub fn highest(manifest: &Manifest) -> Option<Kind> {
    let taps = TAPS.iter().filter(|(_, _, listed)| listed(&manifest.taps)).map(|(_, kind, _)| *kind);
    let routes = manifest.grants.routes.iter().flat_map(|route| route.methods.values().copied());
    manifest.exports.values().copied().chain(taps).chain(routes).max()
}

/// Everything that does not fit between a surface, its manifest, and the grants that the plugin has.
pub fn misfits(surface: &Surface, manifest: &Manifest, grants: &Grants, imports: Imports) -> Vec<Misfit> {
    let mut found = Vec::new();
    for (name, functions) in &surface.imports {
        let sentence = match unknown(name) {
            // Only types, which the component's own interfaces share: nothing to reach.
            Some(_) if functions.is_empty() && kind::interface_of(name).is_none() => continue,
            Some(sentence) => sentence,
            None => continue,
        };
        found.push(Misfit { sentence, about: About::Import(name.clone()) });
    }
    let mut ours = surface.contract();
    ours.retain(|interface, _| kind::lowest(interface).is_some());
    let Coverage { mut refused, denied } = Coverage::of(&ours, grants);
    if imports == Imports::Called {
        refused.extend(denied);
    }
    if !refused.is_empty() {
        found.push(Misfit { sentence: cover::sentence(&refused), about: About::of(&["grants"]) });
    }
    exports(surface, manifest, &mut found);
    handler(surface, manifest, grants, &mut found);
    let Some(highest) = highest(manifest) else {
        let sentence = "nothing could be called: name an interface that it exports in [exports] of palisade.toml, a tap in [taps], or `routes` \
                        in [grants]";
        found.push(Misfit { sentence: sentence.to_owned(), about: About::of(&["exports"]) });
        return found;
    };
    for (interface, lowest) in ours.keys().filter_map(|name| Some((name, kind::lowest(name)?))) {
        if lowest > highest {
            let full = surface.imports.keys().find(|name| kind::interface_of(name) == Some(interface));
            let about = full.map_or_else(|| About::of(&["exports"]), |name| About::Import(name.clone()));
            found.push(Misfit { sentence: above(interface, lowest, highest, "it"), about });
        }
    }
    found
}

/// The sentence for an interface that no export's kind has.
pub fn above(interface: &str, lowest: Kind, highest: Kind, who: &str) -> String {
    format!(
        "{who} imports `{interface}`, which only {} {lowest} has, and none of its exports is more than {} {highest}: declare the \
         interface that needs it as \"{lowest}\" in [exports] of palisade.toml, or remove the import",
        lowest.article(),
        highest.article(),
    )
}

impl About {
    /// A key of the manifest.
    pub fn of(path: &[&str]) -> Self {
        Self::Manifest(path.iter().map(|&name| name.to_owned()).collect())
    }
}

/// Why a host has no such import, if it has not.
fn unknown(name: &str) -> Option<String> {
    if name.starts_with("wasi:") && !name.starts_with("wasi:http/") {
        return None;
    }
    let Some(interface) = kind::interface_of(name) else {
        let mut sentence = format!(
            "it imports `{name}`, which no world of a host has: remove the import; a plugin reaches {PACKAGE} and closed WASI only"
        );
        if name.starts_with("wasi:http/") {
            sentence.push_str(", and other servers through `http` of the contract");
        }
        return Some(sentence);
    };
    if let Some(sentence) = other_version(name) {
        return Some(sentence);
    }
    kind::lowest(interface).is_none().then(|| {
        let near = nearest(interface, kind::INTERFACES.iter().map(|(name, _)| *name));
        let near = near.map_or_else(String::new, |near| format!(", or write `{near}`"));
        format!("it imports `{name}`, which contract {VERSION} does not have: remove the import{near}")
    })
}

/// Why the version in a name of the contract does not match `^VERSION`, where `VERSION` is this host's.
fn other_version(name: &str) -> Option<String> {
    let version = name.split('@').nth(1).and_then(|version| semver::Version::parse(version).ok());
    let ours = semver::VersionReq::parse(&format!("^{VERSION}")).unwrap_or_default();
    match version {
        Some(version) if ours.matches(&version) => None,
        Some(version) => Some(format!(
            "it is built for contract {version}, and this host speaks {VERSION}: build it with palisade-sdk {VERSION}"
        )),
        None => Some(format!("it names `{name}` without a version: build it with palisade-sdk {VERSION}")),
    }
}

/// What the exports of a surface lack in the manifest, and the other way round.
fn exports(surface: &Surface, manifest: &Manifest, found: &mut Vec<Misfit>) {
    for name in &surface.bare {
        let sentence = format!("it exports the function `{name}` outside any interface: put it into one");
        found.push(Misfit { sentence, about: About::Function(name.clone()) });
    }
    let plain = |name: &'_ String| name.split('@').next().unwrap_or(name).to_owned();
    let exported: BTreeSet<String> = surface.exports.iter().map(plain).collect();
    let missing: Vec<&str> =
        manifest.exports.keys().map(String::as_str).filter(|name| !exported.contains(*name)).collect();
    let mut meant = BTreeSet::new();
    for name in exported.iter().filter(|name| !name.starts_with(&format!("{PACKAGE}/"))) {
        if manifest.exports.contains_key(name) {
            continue;
        }
        if !is_interface(name) {
            // componentize-py adds one of its own.
            let sentence = format!(
                "it exports `{name}`, which is not an interface of a package, so nobody could call it: build it with `palisade build`, \
                 which takes away what tools add, or remove the export"
            );
            found.push(Misfit { sentence, about: About::of(&["exports"]) });
            continue;
        }
        let instead = nearest(name, missing.iter().copied());
        meant.extend(instead);
        let path = instead.map_or_else(|| About::of(&["exports"]), |other| About::of(&["exports", other]));
        let instead = instead.map_or_else(String::new, |other| format!(", instead of `{other}`"));
        let sentence = format!(
            "it exports `{name}`: give it a kind, `\"{name}\" = \"query\"`, in [exports] of palisade.toml{instead}"
        );
        found.push(Misfit { sentence, about: path });
    }
    for &name in missing.iter().filter(|name| !meant.contains(*name)) {
        let sentence = format!(
            "[exports] of palisade.toml lists `{name}`, which it does not export: export it from the world, or remove the line"
        );
        found.push(Misfit { sentence, about: About::of(&["exports", name]) });
    }
    taps(surface, manifest, &exported, found);
}

fn taps(surface: &Surface, manifest: &Manifest, exported: &BTreeSet<String>, found: &mut Vec<Misfit>) {
    let of_contract = |name: &str| name.strip_prefix(PACKAGE)?.strip_prefix('/').map(str::to_owned);
    for name in &surface.exports {
        let Some(interface) = of_contract(name) else { continue };
        let short = interface.split('@').next().unwrap_or_default();
        let sentence = other_version(name).or_else(|| {
            let known = TAPS.iter().map(|(tap, ..)| *tap);
            let is_tap = short == HANDLER || known.clone().any(|tap| tap == short);
            (!is_tap).then(|| {
                let near = nearest(short, known);
                let near =
                    near.map_or_else(String::new, |near| format!(": did you mean `{PACKAGE}/{near}`?"));
                format!("it exports `{name}`, which is not a tap of this host's contract{near}")
            })
        });
        found.extend(sentence.map(|sentence| Misfit { sentence, about: About::of(&["taps"]) }));
    }
    for (tap, _, listed) in TAPS {
        let (key, is_exported) =
            (tap.trim_start_matches("tap-"), exported.contains(&format!("{PACKAGE}/{tap}")));
        if is_exported && !listed(&manifest.taps) {
            let sentence =
                format!("it exports `{PACKAGE}/{tap}`: add `{}` to [taps] of palisade.toml", tap_line(tap));
            found.push(Misfit { sentence, about: About::of(&["taps"]) });
        } else if !is_exported && listed(&manifest.taps) {
            let sentence = format!(
                "[taps] of palisade.toml lists `{key}`, and it does not export `{PACKAGE}/{tap}`: export that from the world, \
                 or remove the line"
            );
            found.push(Misfit { sentence, about: About::of(&["taps", key]) });
        }
    }
}

/// The handler of routes, which the manifest has to list and the policy to allow.
fn handler(surface: &Surface, manifest: &Manifest, grants: &Grants, found: &mut Vec<Misfit>) {
    let name = format!("{PACKAGE}/{HANDLER}");
    let is_exported = surface.exports.iter().any(|export| export.split('@').next() == Some(name.as_str()));
    let sentence = match (is_exported, manifest.grants.routes.is_empty()) {
        (true, true) => format!(
            "it exports `{name}`: add `routes = [{{ path = \"/\", methods = {{ GET = \"query\" }} }}]` to [grants] of palisade.toml"
        ),
        (false, false) => format!(
            "[grants] of palisade.toml lists routes, and it does not export `{name}`: export that from the world, or remove them"
        ),
        (true, false) if grants.routes.is_empty() => {
            "the operator's policy allows none of its routes: copy `routes` from [grants] \
            of palisade.toml to its grants there"
                .to_owned()
        }
        _ => return,
    };
    found.push(Misfit { sentence, about: About::of(&["grants", "routes"]) });
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

    fn found(surface: &Surface, manifest: &Manifest, imports: Imports) -> Vec<String> {
        misfits(surface, manifest, &manifest.grants, imports)
            .into_iter()
            .map(|misfit| misfit.sentence)
            .collect()
    }

    const QUERY: &str = "[exports]\n\"acme:blog/posts\" = \"query\"\n";

    #[test]
    fn everything_is_found_at_once() {
        let surface = surface(
            &[
                ("palisade:plugin/db@0.1.0", &["query", "select"]),
                ("palisade:plugin/http@0.1.0", &["fetch"]),
                ("palisade:plugin/shell@0.1.0", &["run"]),
                ("palisade:plugin/clok@0.1.0", &["now"]),
                ("palisade:plugin/user@0.9.0", &["current"]),
                ("wasi:http/outgoing-handler@0.2.0", &["handle"]),
                ("wasi:cli/stdout@0.2.0", &["get-stdout"]),
                ("acme:other/types", &[]),
            ],
            &[
                "acme:blog/posts@1.0.0",
                "acme:blog/drafts",
                "exports",
                "palisade:plugin/tap-cron@0.1.0",
                "palisade:plugin/tap-corn@0.1.0",
            ],
        );
        let rest = format!("{QUERY}\"acme:notes/list\" = \"query\"\n[taps]\nitem-view = {{}}\n");
        let found = found(&surface, &manifest(&rest), Imports::Called);
        let starts = [
            "it imports `palisade:plugin/clok@0.1.0`, which contract 0.1.0 does not have: remove the import, or write `clock`",
            "it imports `palisade:plugin/shell@0.1.0`, which contract 0.1.0 does not have: remove the import",
            "it is built for contract 0.9.0, and this host speaks 0.1.0: build it with palisade-sdk 0.1.0",
            "it imports `wasi:http/outgoing-handler@0.2.0`, which no world of a host has: remove the import; a plugin reaches \
             palisade:plugin and closed WASI only, and other servers through `http` of the contract",
            "it imports `db.query`, `db.select`, `http.fetch` without a grant: add ",
            "it exports `acme:blog/drafts`: give it a kind, `\"acme:blog/drafts\" = \"query\"`, in [exports] of palisade.toml",
            "it exports `exports`, which is not an interface of a package, so nobody could call it: build it with `palisade build`",
            "[exports] of palisade.toml lists `acme:notes/list`, which it does not export: export it from the world, or \
             remove the line",
            "it exports `palisade:plugin/tap-corn@0.1.0`, which is not a tap of this host's contract: did you mean \
             `palisade:plugin/tap-cron`?",
            "[taps] of palisade.toml lists `item-view`, and it does not export `palisade:plugin/tap-item-view`: export that \
             from the world, or remove the line",
            "it exports `palisade:plugin/tap-cron`: add `cron = { every = \"5 min\" }` to [taps] of palisade.toml",
            "it imports `http`, which only an action has, and none of its exports is more than a query: declare the interface \
             that needs it as \"action\" in [exports] of palisade.toml, or remove the import",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (sentence, start) in found.iter().zip(starts) {
            assert!(sentence.starts_with(start), "{sentence}\n{start}");
        }
    }

    #[test]
    fn handler_without_routes_and_routes_without_a_handler_are_found() {
        let handler = surface(&[], &["palisade:plugin/routes@0.1.0"]);
        let routes = manifest("[grants]\nroutes = [{ path = \"/a\", methods = { POST = \"action\" } }]\n");
        assert_eq!(found(&handler, &routes, Imports::Called), [""; 0]);
        assert_eq!(highest(&routes), Some(Kind::Action));
        let without = found(&handler, &manifest(QUERY), Imports::Called);
        assert!(without.iter().any(|one| one.contains("add `routes = [{ path = \"/\"")), "{without:?}");
        let without = found(&surface(&[], &[]), &routes, Imports::Called);
        assert!(
            without.len() == 1 && without[0].contains("does not export `palisade:plugin/routes`"),
            "{without:?}"
        );
        let denied = misfits(&handler, &routes, &Grants::default(), Imports::Called);
        assert!(denied.len() == 1 && denied[0].sentence.contains("policy allows none"), "{denied:?}");
    }

    #[test]
    fn line_that_is_said_to_be_added_for_a_tap_is_valid_and_lists_it() {
        for (tap, _, listed) in TAPS {
            let bare = surface(&[], &["acme:blog/posts", &format!("{PACKAGE}/{tap}@{VERSION}")]);
            let said = found(&bare, &manifest(QUERY), Imports::Whole);
            let [sentence] = said.as_slice() else { panic!("{said:?}") };
            let line = sentence.split('`').nth(3).unwrap();
            let filled = manifest(&format!("{QUERY}[taps]\n{line}\n"));
            assert!(listed(&filled.taps), "{line}");
            assert_eq!(found(&bare, &filled, Imports::Whole), [""; 0], "{line}");
        }
    }

    #[test]
    fn function_without_a_grant_is_found_only_where_imports_are_calls() {
        let surface = surface(&[("palisade:plugin/db@0.1.0", &["query", "select"])], &["acme:blog/posts"]);
        let manifest =
            manifest(&format!("{QUERY}[grants]\ndb = {{ tables = {{ posts = [\"select\"] }} }}\n"));
        assert_eq!(found(&surface, &manifest, Imports::Whole), [""; 0]);
        let found = found(&surface, &manifest, Imports::Called);
        assert!(found.len() == 1 && found[0].contains("query = true"), "{found:?}");
    }

    #[test]
    fn misspelt_export_is_one_finding_at_its_key() {
        let surface = surface(&[], &["acme:blog/post"]);
        let manifest = manifest(QUERY);
        let found = misfits(&surface, &manifest, &manifest.grants, Imports::Called);
        let [Misfit { sentence, about }] = found.as_slice() else { panic!("{found:?}") };
        assert!(sentence.ends_with("instead of `acme:blog/posts`"), "{sentence}");
        assert_eq!(*about, About::of(&["exports", "acme:blog/posts"]));
    }

    #[test]
    fn function_outside_an_interface_and_nothing_to_call_are_found() {
        let mut bare = surface(&[], &[]);
        bare.bare.insert("greet".to_owned());
        let found = found(&bare, &manifest(""), Imports::Called);
        assert!(
            found.len() == 2 && found[0].contains("`greet`") && found[1].contains("nothing could be called"),
            "{found:?}"
        );
    }
}
