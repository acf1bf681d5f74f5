//! Who may know whom: guards know no wasmtime, interfaces do not know each other, generated types stay where components
//! are linked, and `unsafe` stays in the one module that loads compiled code.

use super::rust::{Source, Token, starts};
use super::{Finding, Tree};

/// Where generated types may be named.
const BINDINGS_KNOWN: [&str; 6] = ["api", "plugin", "tap", "invocation", "kind", "bindings"];

/// Checks the host's imports.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let interfaces: Vec<_> = tree.interfaces().iter().map(|name| name.replace('-', "_")).collect();
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| source.is_in("host/src/")) {
        let code = source.code();
        guard(source, &code, &mut findings);
        bindings(source, &code, &mut findings);
        siblings(source, &code, &interfaces, &mut findings);
    }
    findings.extend(loader_alone(tree));
    findings
}

fn guard(source: &Source, code: &[&Token], findings: &mut Vec<Finding>) {
    if !source.is_in("host/src/guard/") {
        return;
    }
    for token in code.iter().filter(|token| token.text.starts_with("wasmtime") || token.text == "bindings") {
        let fix = format!("a guard knows no `{}`: take plain values, and convert in api/.", token.text);
        findings.push(Finding::new(&source.path, token.line, fix));
    }
}

/// `bindings` as part of a path, or taken from the crate in braces. Its declaration is neither.
fn bindings(source: &Source, code: &[&Token], findings: &mut Vec<Finding>) {
    let inner = source.path.trim_start_matches("host/src/");
    let owner = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
    if BINDINGS_KNOWN.contains(&owner) || owner == "guard" {
        return;
    }
    for (index, token) in code.iter().enumerate().filter(|(_, token)| token.text == "bindings") {
        let is_path = starts(&code[index + 1..], &[":", ":"]) || (index > 0 && code[index - 1].text != "mod");
        let is_field = index > 0 && code[index - 1].text == ".";
        if is_path && !is_field {
            let fix = format!(
                "generated types stay in {}: use a type of the host's own.",
                BINDINGS_KNOWN.join(", ")
            );
            findings.push(Finding::new(&source.path, token.line, fix));
        }
    }
}

/// `super::y`, `api::y`, and both with braces, in the files of another interface.
fn siblings(source: &Source, code: &[&Token], interfaces: &[String], findings: &mut Vec<Finding>) {
    let Some(inner) = source.path.strip_prefix("host/src/api/") else { return };
    let own = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
    if !interfaces.iter().any(|name| name == own) {
        return;
    }
    let is_nested = inner.contains('/') && !inner.ends_with("/mod.rs");
    for index in 0..code.len() {
        let rest = &code[index..];
        let reached: &[&str] =
            if is_nested { &["super", ":", ":", "super", ":", ":"] } else { &["super", ":", ":"] };
        let after = [reached, &["api", ":", ":"][..]].into_iter().find(|path| starts(rest, path));
        for token in after.map_or(Vec::new(), |path| named(&rest[path.len()..])) {
            if token.text != own && interfaces.contains(&token.text) {
                let fix = format!(
                    "api/{own} imports api/{}: move what both need to guard/ or backend/.",
                    token.text
                );
                findings.push(Finding::new(&source.path, token.line, fix));
            }
        }
    }
}

/// The modules a path names next: one, or each in its braces.
fn named<'a>(rest: &[&'a Token]) -> Vec<&'a Token> {
    let Some(first) = rest.first() else { return Vec::new() };
    if first.text != "{" {
        return vec![*first];
    }
    let mut names = Vec::new();
    let (mut depth, mut is_start) = (0_usize, false);
    for token in rest {
        match token.text.as_str() {
            "{" => (depth, is_start) = (depth + 1, depth == 0),
            "}" => depth = depth.saturating_sub(1),
            "," => is_start = depth == 1,
            _ if depth == 1 && is_start => {
                names.push(*token);
                is_start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Loading a compiled component is the one thing the compiler cannot check for us.
fn loader_alone(tree: &Tree) -> Vec<Finding> {
    let mut first: Option<&str> = None;
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| source.is_in("host/src/") || source.is_in("xtask/")) {
        for token in
            source.code().into_iter().filter(|token| ["unsafe", "unsafe_code"].contains(&token.text.as_str()))
        {
            let is_loader = source.path == "host/src/plugin.rs" || source.is_in("host/src/plugin/");
            if is_loader && first.is_none_or(|path| path == source.path) {
                first = Some(&source.path);
                continue;
            }
            let fix = "unsafe code is allowed in one file, under host/src/plugin/, which loads compiled components: do without.";
            findings.push(Finding::new(&source.path, token.line, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, findings, finds};

    #[test]
    fn guard_that_knows_wasmtime_or_generated_types_is_found() {
        finds(check, "host/src/guard/db.rs", "use wasmtime::Result;", "a guard knows no `wasmtime`");
        finds(
            check,
            "host/src/guard/db.rs",
            "fn a(b: wasmtime_wasi::Ctx) {}",
            "a guard knows no `wasmtime_wasi`",
        );
        finds(check, "host/src/guard/db.rs", "use crate::bindings::db;", "a guard knows no `bindings`");
        allows(check, "host/src/guard/db.rs", "//! Knows no wasmtime.\nconst A: &str = \"bindings\";");
    }

    #[test]
    fn generated_types_outside_their_place_are_found() {
        for text in ["use crate::bindings::x;", "use crate::{a, bindings};", "fn a(b: super::bindings::X) {}"]
        {
            finds(check, "host/src/manifest.rs", text, "generated types stay in");
        }
    }

    #[test]
    fn generated_types_in_their_place_are_allowed() {
        for path in ["host/src/api/db.rs", "host/src/plugin/link.rs", "host/src/kind.rs", "host/src/tap.rs"] {
            allows(check, path, "use crate::bindings::x;");
        }
        allows(check, "host/src/lib.rs", "mod bindings;");
    }

    #[test]
    fn interface_that_imports_another_is_found() {
        let texts = [
            "use super::item::Item;",
            "use crate::api::item;",
            "use super::{error, item::Item};",
            "use crate::api::{self, item};",
        ];
        for text in texts {
            let files = [("wit/db.wit", ""), ("wit/item.wit", ""), ("host/src/api/db.rs", text)];
            let found = findings(check, &files);
            assert!(found.len() == 1 && found[0].contains("api/db imports api/item"), "{text}: {found:?}");
        }
    }

    #[test]
    fn interface_that_imports_its_own_parts_is_allowed() {
        let files = [
            ("wit/db.wit", ""),
            ("wit/item.wit", ""),
            ("host/src/api/db/rows.rs", "use super::item; use crate::api::db::rows; use crate::guard::item;"),
            ("host/src/api/item.rs", "use super::error;"),
            ("host/src/api/mod.rs", "use self::item; pub mod item;"),
        ];
        assert_eq!(findings(check, &files), Vec::<String>::new());
    }

    #[test]
    fn unsafe_code_outside_the_loader_is_found() {
        finds(check, "host/src/engine.rs", "fn a() { unsafe { b() } }", "do without");
        finds(check, "host/src/lib.rs", "#![allow(unsafe_code)]", "do without");
        allows(check, "host/src/plugin/load.rs", "#![allow(unsafe_code)] fn a() { unsafe { b() } }");
    }

    #[test]
    fn second_file_with_unsafe_code_is_found() {
        let files =
            [("host/src/plugin/a.rs", "unsafe fn a() {}"), ("host/src/plugin/b.rs", "unsafe fn b() {}")];
        assert_eq!(findings(check, &files).len(), 1);
    }
}
