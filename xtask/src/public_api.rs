//! The public API of the crate `palisade` names no type of wasmtime or of PostgreSQL's driver: either can change its
//! version without a change for those who embed the host.
//!
//! rustdoc writes what is public as JSON. From the crate's root, this follows modules, re-exports, signatures, fields and
//! trait implementations, also into `palisade-guard` and `palisade-store`, whose types `palisade` re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tidy::Finding;
use crate::{repo, step};

/// The crate whose API it is, and those whose types it re-exports.
const FACE: &str = "palisade";
const CRATES: [&str; 3] = ["palisade-guard", "palisade-store", FACE];
/// Crates whose types stay inside, by the beginning of their names.
const INSIDE: [&str; 4] = ["wasmtime", "tokio_postgres", "postgres_types", "postgres_protocol"];
/// JSON is an option of the nightly rustdoc. The variable is set for rustdoc alone: set for cargo, it would build every
/// dependency again.
const WRAPPER: &str = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"${PALISADE_RUSTDOC:-rustdoc}\" \"$@\"\n";
const OPTIONS: [&str; 5] = ["--", "-Zunstable-options", "--output-format", "json", "--document-hidden-items"];

/// Prints each public item that names such a type, and fails if there is one.
pub fn run() -> Result<()> {
    let findings = check(&document()?)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("public API of {FACE}: {} findings", findings.len());
    }
    Ok(())
}

/// What rustdoc writes of each crate, by the crate's name in code.
fn document() -> Result<BTreeMap<String, Value>> {
    let wrapper = repo::target().join("tools/rustdoc-json");
    fs::create_dir_all(repo::target().join("tools"))?;
    fs::write(&wrapper, WRAPPER)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let mut crates = BTreeMap::new();
    for package in CRATES {
        let mut cargo = repo::cargo(".");
        cargo.args(["rustdoc", "--package", package, "--lib"]).args(OPTIONS).env("RUSTDOC", &wrapper);
        if let Some(rustdoc) = std::env::var_os("RUSTDOC") {
            cargo.env("PALISADE_RUSTDOC", rustdoc);
        }
        step::quiet(&format!("documenting {package} as JSON"), &mut cargo)?;
        let name = package.replace('-', "_");
        let path = repo::target().join("doc").join(format!("{name}.json"));
        let json = fs::read(&path).with_context(|| format!("rustdoc left no {}", path.display()))?;
        crates.insert(name, serde_json::from_slice(&json)?);
    }
    Ok(crates)
}

fn check(crates: &BTreeMap<String, Value>) -> Result<Vec<Finding>> {
    let by_path = crates.iter().map(|(name, json)| (name.as_str(), own_paths(json))).collect();
    let mut walk = Walk { crates, by_path, seen: BTreeSet::new(), findings: Vec::new() };
    let root = crates.get(FACE).context("no documentation of palisade")?;
    walk.visit(FACE, &id(&root["root"]), "", &[]);
    if walk.seen.len() < 2 {
        bail!("rustdoc's JSON has a form that this does not know: it shows no public item of {FACE}");
    }
    walk.findings.sort();
    walk.findings.dedup();
    Ok(walk.findings)
}

/// Ids are numbers, or texts in older formats.
fn id(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The ids of a crate's own items, by their paths.
fn own_paths(json: &Value) -> BTreeMap<String, String> {
    let all = json["paths"].as_object().into_iter().flatten();
    let own = all.filter(|(_, summary)| summary["crate_id"] == 0);
    own.map(|(id, summary)| (summary["path"].to_string() + &summary["kind"].to_string(), id.clone()))
        .collect()
}

struct Walk<'a> {
    crates: &'a BTreeMap<String, Value>,
    by_path: BTreeMap<&'a str, BTreeMap<String, String>>,
    seen: BTreeSet<(String, String)>,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    /// Visits an item that a crate's documentation has or names, and all that is public through it. The way is the items
    /// that lead to its type, each by naming the next.
    fn visit(&mut self, of: &str, id: &str, parent: &str, way: &[String]) {
        if !self.seen.insert((of.to_owned(), id.to_owned())) {
            return;
        }
        let Some((of, json)) = self.crates.get_key_value(of) else { return };
        let Some(item) = json["index"].get(id) else {
            self.visit_elsewhere(&json["paths"][id], parent, way);
            return;
        };
        // Implementations that the compiler derives for every type.
        let implementation = &item["inner"]["impl"];
        if implementation["is_synthetic"] == true || implementation["blanket_impl"].is_object() {
            return;
        }
        let own = item["name"].as_str().or_else(|| item["inner"]["use"]["name"].as_str()).unwrap_or_default();
        let shown = match (parent, own) {
            (parent, "") => parent.to_owned(),
            ("", own) => own.to_owned(),
            (parent, own) => format!("{parent}::{own}"),
        };
        let mut ids = Ids::default();
        ids.read(&item["inner"]);
        let way = [way, std::slice::from_ref(&shown)].concat();
        for named in ids.named {
            let path = path(json, &named, &item["inner"]);
            if INSIDE.iter().any(|inside| path.starts_with(inside)) {
                let file = item["span"]["filename"].as_str().unwrap_or("host/src/lib.rs");
                let line =
                    item["span"]["begin"][0].as_u64().and_then(|line| line.try_into().ok()).unwrap_or(1);
                let way = way.join(" → ");
                let fix =
                    format!("the public API names {path} ({way}): take or return a type of the host's own.");
                self.findings.push(Finding::new(file, line, fix));
                continue;
            }
            // A type is shown by its own name, wherever it is named.
            self.visit(of, &named, "", &way);
        }
        for part in ids.parts {
            self.visit(of, &part, &shown, &way[..way.len() - 1]);
        }
    }

    /// Visits an item of another crate that is documented too.
    fn visit_elsewhere(&mut self, summary: &'a Value, parent: &str, way: &[String]) {
        let Some(owner) = summary["path"][0].as_str() else { return };
        let key = summary["path"].to_string() + &summary["kind"].to_string();
        if let Some(id) = self.by_path.get(owner).and_then(|paths| paths.get(&key)).cloned() {
            self.visit(owner, &id, parent, way);
        }
    }
}

/// The path of an item that another one names.
fn path(json: &Value, id: &str, inner: &Value) -> String {
    let segments = json["paths"][id]["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let path = segments.collect::<Vec<_>>().join("::");
    if path.is_empty() { inner["use"]["source"].as_str().unwrap_or_default().to_owned() } else { path }
}

/// The ids in an item.
#[derive(Default)]
struct Ids {
    /// Of types, traits and re-exported items that it names.
    named: BTreeSet<String>,
    /// Of its fields, variants, functions and implementations.
    parts: BTreeSet<String>,
}

impl Ids {
    fn read(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                let names = fields.contains_key("path") || fields.contains_key("source");
                if let Some(named) = fields.get("id").filter(|_| names) {
                    self.named.insert(id(named));
                }
                for (key, value) in fields {
                    // Who implements a trait is not part of the trait.
                    if key != "implementations" {
                        self.read(value);
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    if value.is_number() {
                        self.parts.insert(id(value));
                    } else {
                        self.read(value);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A crate whose root has the item 1, which names the type 9.
    fn found(item: &Value, path: &[&str], store: &Value) -> Vec<String> {
        let named = json!({"crate_id": 5, "path": path, "kind": "struct"});
        let face = json!({
            "root": 0,
            "index": {
                "0": {"name": "palisade", "inner": {"module": {"items": [1]}}},
                "1": item,
                "2": {"name": "field", "span": {"filename": "a.rs", "begin": [7, 1]}, "inner": {"struct_field": {"resolved_path": {"path": "X", "id": 9, "args": null}}}},
                "3": {"name": null, "inner": {"impl": {"is_synthetic": false, "trait": {"path": "From", "id": 8, "args": {"angle_bracketed": {"args": [{"type": {"resolved_path": {"path": "X", "id": 9}}}]}}}, "items": []}}},
                "4": {"name": null, "inner": {"impl": {"is_synthetic": true, "trait": {"path": "X", "id": 9}, "items": []}}},
            },
            "paths": {"8": {"crate_id": 2, "path": ["core", "From"], "kind": "trait"}, "9": named},
        });
        let crates =
            BTreeMap::from([("palisade".to_owned(), face), ("palisade_store".to_owned(), store.clone())]);
        check(&crates).expect("a known form").iter().map(ToString::to_string).collect()
    }

    fn function() -> Value {
        let output = json!({"resolved_path": {"path": "Option", "id": 8, "args": {"angle_bracketed": {"args": [{"type": {"resolved_path": {"path": "X", "id": 9}}}]}}}});
        json!({
            "name": "engine", "span": {"filename": "host/src/host/mod.rs", "begin": [40, 5]},
            "inner": {"function": {"sig": {"inputs": [], "output": output}}},
        })
    }

    #[test]
    fn function_that_returns_such_a_type_is_found_where_it_is() {
        for path in [
            &["wasmtime", "Engine"][..],
            &["wasmtime_wasi", "Ctx"],
            &["tokio_postgres", "Error"],
            &["postgres_types", "Type"],
        ] {
            let found = found(&function(), path, &Value::Null);
            let words = format!(
                "host/src/host/mod.rs:40: the public API names {} (palisade::engine):",
                path.join("::")
            );
            assert!(found.len() == 1 && found[0].contains(&words), "{found:?}");
        }
        assert_eq!(found(&function(), &["serde_json", "Value"], &Value::Null), Vec::<String>::new());
    }

    #[test]
    fn field_implementation_and_re_export_are_found() {
        for inner in [
            json!({"struct": {"kind": {"plain": {"fields": [2]}}, "impls": []}}),
            json!({"enum": {"variants": [2]}}),
            json!({"struct": {"kind": "unit", "impls": [3]}}),
            json!({"use": {"source": "wasmtime::Engine", "name": "Engine", "id": 9}}),
            json!({"use": {"source": "wasmtime", "name": "wasmtime", "id": 77, "is_glob": true}}),
        ] {
            let found =
                found(&json!({"name": "Host", "inner": inner}), &["wasmtime", "Engine"], &Value::Null);
            assert!(found.len() == 1 && found[0].contains("names wasmtime"), "{inner}: {found:?}");
        }
    }

    #[test]
    fn type_of_another_crate_is_followed_into_that_crate() {
        let store = json!({
            "root": 0,
            "index": {"6": {"name": "At", "inner": {"struct": {"kind": "unit", "impls": [7]}}}, "7": function()},
            "paths": {
                "6": {"crate_id": 0, "path": ["palisade_store", "At"], "kind": "struct"},
                "9": {"crate_id": 3, "path": ["tokio_postgres", "Client"], "kind": "struct"},
            },
        });
        let found = found(&function(), &["palisade_store", "At"], &store);
        assert!(
            found.len() == 1
                && found[0].contains("names tokio_postgres::Client (palisade::engine → At::engine)"),
            "{found:?}"
        );
    }

    #[test]
    fn implementation_of_the_compiler_is_not_followed() {
        let item = json!({"name": "Host", "inner": {"struct": {"kind": "unit", "impls": [4]}}});
        assert_eq!(found(&item, &["wasmtime", "Engine"], &Value::Null), Vec::<String>::new());
    }

    #[test]
    fn unknown_form_is_an_error() {
        let crates = BTreeMap::from([("palisade".to_owned(), json!({"root": 0, "index": {}}))]);
        assert!(check(&crates).is_err());
    }
}
