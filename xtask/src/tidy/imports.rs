//! What the host's modules may import from each other: interfaces do not import each other, generated types stay where
//! components are linked, and `unsafe` stays in the one file that loads compiled code.
//!
//! Which crate may import which is in [`crates`](super::crates), and which floor of `palisade` in [`floors`](super::floors).

use super::paths::{CodePath, paths};
use super::rust::Source;
use super::{Finding, Tree};

/// Where generated types may be named: folders and files of the crate `palisade`.
const GENERATED_KNOWN: [&str; 3] = ["host/src/api/", "host/src/program/", "host/src/calls/tap.rs"];
/// The modules that lead to generated types: the file, and a shorter name for its only package.
const GENERATED: [&str; 2] = ["bindings", "contract"];
/// The only file with unsafe code.
const LOADER: &str = "host/src/engine/artifact.rs";

/// Checks the host's imports.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let interfaces: Vec<_> = tree.interfaces().iter().map(|name| name.replace('-', "_")).collect();
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| source.is_in("host/") || source.is_in("xtask/")) {
        let paths = paths(&source.code());
        generated(source, &paths, &mut findings);
        siblings(source, &paths, &interfaces, &mut findings);
        loader(source, &mut findings);
    }
    findings
}

/// `api::bindings` and `api::contract`, from wherever they are named.
fn generated(source: &Source, paths: &[CodePath], findings: &mut Vec<Finding>) {
    if !source.is_in("host/src/") || GENERATED_KNOWN.iter().any(|place| source.is_in(place)) {
        return;
    }
    for path in paths {
        let is_generated =
            path.segments.windows(2).any(|pair| pair[0] == "api" && GENERATED.contains(&pair[1].as_str()));
        if is_generated {
            let fix = format!(
                "generated types stay in {}: use a type of the host's own.",
                GENERATED_KNOWN.map(|place| place.trim_start_matches("host/src/")).join(", ")
            );
            findings.push(Finding::new(&source.path, path.line, fix));
        }
    }
}

/// `super::y`, `api::y`, and both with braces, in the files of another interface.
fn siblings(source: &Source, paths: &[CodePath], interfaces: &[String], findings: &mut Vec<Finding>) {
    let Some(inner) = source.path.strip_prefix("host/src/api/") else { return };
    let own = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
    if !interfaces.iter().any(|name| name == own) {
        return;
    }
    // From `api/db/rows.rs` the interfaces are two modules up.
    let ups = if inner.contains('/') && !inner.ends_with("/mod.rs") { 2 } else { 1 };
    for path in paths {
        let segments: Vec<_> = path.segments.iter().map(String::as_str).collect();
        let above = segments.iter().take_while(|segment| **segment == "super").count();
        let other = match segments.as_slice() {
            ["crate", "api", other, ..] => other,
            _ if above == ups => segments.get(ups).copied().unwrap_or_default(),
            _ => continue,
        };
        if other != own && interfaces.iter().any(|name| name == other) {
            let fix = format!(
                "api/{own} imports api/{other}: move what both need to palisade-guard or palisade-store."
            );
            findings.push(Finding::new(&source.path, path.line, fix));
        }
    }
}

/// Loading compiled code is the one thing that the compiler cannot check.
fn loader(source: &Source, findings: &mut Vec<Finding>) {
    if source.path == LOADER {
        return;
    }
    for token in source.code().into_iter().filter(|token| ["unsafe", "unsafe_code"].contains(&&*token.text)) {
        let fix = format!("unsafe code is allowed in {LOADER} alone: do without it.");
        findings.push(Finding::new(&source.path, token.line, fix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, findings, finds};

    #[test]
    fn generated_types_outside_their_place_are_found() {
        for text in [
            "use crate::api::bindings::x;",
            "use crate::{a, api::{bindings, b}};",
            "use super::api::contract::db;",
            "fn a(b: crate::api::bindings::X) {}",
        ] {
            for path in ["host/src/state/mod.rs", "host/src/calls/call.rs", "host/src/lib.rs"] {
                finds(check, path, text, "generated types stay in api/, program/, calls/tap.rs");
            }
        }
    }

    #[test]
    fn generated_types_in_their_place_are_allowed() {
        for path in ["host/src/api/db/mod.rs", "host/src/program/entry.rs", "host/src/calls/tap.rs"] {
            allows(check, path, "use crate::api::bindings::x;");
        }
        allows(check, "host/src/lib.rs", "use crate::api::item; let bindings = a.contract;");
    }

    #[test]
    fn interface_that_imports_another_is_found() {
        let texts = [
            "use super::item::Item;",
            "use crate::api::item;",
            "use super::{error, item::Item};",
            "use crate::api::{self, item};",
            "fn a(b: super::item::Item) {}",
        ];
        for text in texts {
            let files = [("wit/db.wit", ""), ("wit/item.wit", ""), ("host/src/api/db/mod.rs", text)];
            let found = findings(check, &files);
            assert!(found.len() == 1 && found[0].contains("api/db imports api/item"), "{text}: {found:?}");
        }
        let nested = ("host/src/api/db/rows.rs", "use super::super::item::Item;");
        assert_eq!(findings(check, &[("wit/db.wit", ""), ("wit/item.wit", ""), nested]).len(), 1);
    }

    #[test]
    fn interface_that_imports_its_own_parts_or_a_guard_is_allowed() {
        let files = [
            ("wit/db.wit", ""),
            ("wit/item.wit", ""),
            (
                "host/src/api/db/rows.rs",
                "use super::item; use crate::api::db::rows; use palisade_guard::item;",
            ),
            (
                "host/src/api/item.rs",
                "use super::error; use crate::api::bindings::palisade::plugin::item as wit;",
            ),
            ("host/src/api/mod.rs", "use self::item; pub mod item;"),
        ];
        assert_eq!(findings(check, &files), Vec::<String>::new());
    }

    #[test]
    fn unsafe_code_outside_the_loader_is_found() {
        for path in [
            "host/guard/src/text.rs",
            "host/store/src/log.rs",
            "host/src/engine/mod.rs",
            "host/server/src/lib.rs",
            "host/cli/src/main.rs",
            "xtask/src/main.rs",
        ] {
            finds(check, path, "fn a() { unsafe { b() } }", "do without");
            finds(check, path, "#![allow(unsafe_code)]", "do without");
        }
        allows(check, LOADER, "#![allow(unsafe_code)] fn a() { unsafe { b() } }");
        allows(check, "host/src/lib.rs", "// unsafe\nfn is_unsafe() {}");
    }
}
