//! Which crate of the host may depend on which, as cargo resolves it. Dependencies of tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;
use crate::{repo, step};

/// The host's crates, from the floor up, and the ones that each may depend on.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("palisade-guard", &[]),
    ("palisade-store", &["palisade-guard"]),
    ("palisade", &["palisade-guard", "palisade-store"]),
    ("palisade-server", &["palisade-guard", "palisade"]),
    ("palisade-test-macros", &[]),
    ("palisade-test", &["palisade", "palisade-test-macros"]),
    ("palisade-cli", &["palisade-guard", "palisade-store", "palisade", "palisade-server", "palisade-test"]),
];
/// What a guard does without, also behind another crate: it parses, and its tests run without a server.
const PURE: &str = "palisade-guard";
const IMPURE: [&str; 4] = ["tokio", "wasmtime", "tokio-postgres", "reqwest"];

/// What cargo resolves for this machine: what is only for other systems need not be downloaded.
pub fn metadata(root: &Path) -> Result<Value> {
    let rustc = step::ask(Command::new("rustc").arg("-vV"))?;
    let host =
        rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let mut cargo = repo::cargo(root);
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    Ok(serde_json::from_str(&step::ask(&mut cargo)?)?)
}

/// Finds dependencies that are not allowed.
pub fn check(metadata: &Value) -> Vec<Finding> {
    let crates = Crates::read(metadata);
    let mut findings = Vec::new();
    let own: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ALLOWED {
        for &id in crates.members.iter().filter(|id| crates.name(id) == name) {
            let direct = crates.direct(id).into_iter().map(|id| crates.name(id));
            for other in direct.filter(|other| own.contains(other) && !allowed.contains(other)) {
                let fix = format!(
                    "{name} depends on {other}: remove the dependency, and move what both need to a crate that both may use."
                );
                findings.push(Finding::new(crates.manifest(id), 1, fix));
            }
        }
    }
    for &id in crates.members.iter().filter(|id| crates.name(id) == PURE) {
        for way in crates.ways(id) {
            let Some(last) = way.last().filter(|last| IMPURE.contains(last)) else { continue };
            let through = way.join(" → ");
            let fix = format!(
                "{PURE} depends on {last} ({through}): a guard is pure, so move what needs {last} to palisade-store or palisade."
            );
            findings.push(Finding::new(crates.manifest(id), 1, fix));
        }
    }
    findings
}

/// The packages that cargo resolved, by their ids.
struct Crates<'a> {
    members: BTreeSet<&'a str>,
    packages: BTreeMap<&'a str, &'a Value>,
    nodes: BTreeMap<&'a str, &'a Value>,
    root: &'a str,
}

impl<'a> Crates<'a> {
    fn read(metadata: &'a Value) -> Self {
        let by_id = |list: &'a Value| {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(|entry| Some((entry["id"].as_str()?, entry))).collect::<BTreeMap<_, _>>()
        };
        let members = metadata["workspace_members"].as_array().into_iter().flatten();
        Self {
            members: members.filter_map(Value::as_str).collect(),
            packages: by_id(&metadata["packages"]),
            nodes: by_id(&metadata["resolve"]["nodes"]),
            root: metadata["workspace_root"].as_str().unwrap_or_default(),
        }
    }

    fn name(&self, id: &str) -> &'a str {
        self.packages.get(id).and_then(|package| package["name"].as_str()).unwrap_or_default()
    }

    /// The manifest's path from the root.
    fn manifest(&self, id: &str) -> &'a str {
        let path = self.packages.get(id).and_then(|package| package["manifest_path"].as_str());
        path.and_then(|path| path.strip_prefix(self.root)?.strip_prefix('/')).unwrap_or("Cargo.toml")
    }

    /// What a package or its build script depends on.
    fn direct(&self, id: &str) -> Vec<&'a str> {
        let deps = self.nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let is_built = |dep: &&Value| {
            let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
            kinds.into_iter().any(|kind| kind["kind"] != "dev")
        };
        deps.filter(is_built).filter_map(|dep| dep["pkg"].as_str()).collect()
    }

    /// The shortest way to each package that one depends on, by names; the package itself is left out.
    fn ways(&self, from: &'a str) -> Vec<Vec<&'a str>> {
        let mut ways: Vec<(&str, Vec<&str>)> = vec![(from, Vec::new())];
        let mut seen = BTreeSet::from([from]);
        let mut at = 0;
        while let Some((id, way)) = ways.get(at).cloned() {
            at += 1;
            for next in self.direct(id) {
                if seen.insert(next) {
                    ways.push((next, [way.clone(), vec![self.name(next)]].concat()));
                }
            }
        }
        ways.into_iter().map(|(_, way)| way).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Metadata of packages that depend on each other: from, to, kind.
    fn found(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let names: BTreeSet<&str> = edges.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        let package =
            |name: &&str| json!({"id": name, "name": name, "manifest_path": format!("/r/{name}/Cargo.toml")});
        let node = |name: &&str| {
            let deps = edges.iter().filter(|(from, ..)| from == name);
            let deps: Vec<_> = deps
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind, "target": null}]}))
                .collect();
            json!({"id": name, "deps": deps})
        };
        let metadata = json!({
            "workspace_root": "/r",
            "workspace_members": names.iter().filter(|name| name.starts_with("palisade")).collect::<Vec<_>>(),
            "packages": names.iter().map(package).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()},
        });
        check(&metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn dependency_that_is_not_allowed_is_found_with_both_crates() {
        for (from, to) in [
            ("palisade-guard", "palisade-store"),
            ("palisade-guard", "palisade"),
            ("palisade-store", "palisade"),
            ("palisade-store", "palisade-server"),
            ("palisade", "palisade-server"),
            ("palisade", "palisade-cli"),
            ("palisade", "palisade-test"),
            ("palisade-test", "palisade-store"),
            ("palisade-test", "palisade-cli"),
            ("palisade-server", "palisade-store"),
            ("palisade-server", "palisade-cli"),
        ] {
            for kind in [None, Some("build")] {
                let found = found(&[(from, to, kind)]);
                let words = format!("{from}/Cargo.toml:1: {from} depends on {to}: remove the dependency");
                assert!(found.len() == 1 && found[0].contains(&words), "{from} → {to}: {found:?}");
            }
        }
    }

    #[test]
    fn guard_that_reaches_a_runtime_is_found_with_the_way() {
        let direct = found(&[("palisade-guard", "wasmtime", None)]);
        assert!(direct.len() == 1 && direct[0].contains("depends on wasmtime (wasmtime)"), "{direct:?}");
        let behind = found(&[("palisade-guard", "a", None), ("a", "b", Some("build")), ("b", "tokio", None)]);
        assert!(behind.len() == 1 && behind[0].contains("depends on tokio (a → b → tokio)"), "{behind:?}");
    }

    #[test]
    fn dependency_of_tests_or_of_another_crate_is_allowed() {
        let edges = [
            ("palisade-guard", "palisade-store", Some("dev")),
            ("palisade-guard", "tokio", Some("dev")),
            ("palisade-guard", "serde", None),
            ("serde", "tokio", Some("dev")),
            ("palisade-store", "tokio", None),
            ("palisade-store", "palisade-guard", None),
            ("palisade", "palisade-store", None),
            ("palisade", "wasmtime", None),
            ("palisade-server", "palisade", None),
            ("palisade-cli", "palisade-server", None),
            ("palisade-cli", "palisade-test", None),
            ("palisade-test", "palisade", None),
            ("palisade-tests", "palisade-cli", None),
        ];
        assert_eq!(found(&edges), Vec::<String>::new());
    }
}
