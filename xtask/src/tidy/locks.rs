//! Every dependency is locked: to one version, from a registry that `deny.toml` allows, with the hash of its content. None is
//! banned in `deny.toml`.
//!
//! Cargo rejects content with another hash. `cargo deny check` checks advisories and licences, which need the network or the
//! crates' own files.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Finding, Tree};

const RULES: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// Finds workspaces without a lock file, and locked packages that break a rule.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = |path: &str| tree.files.iter().find(|(known, _)| known == path).map(|(_, text)| text);
    let rules: Table = file(RULES).and_then(|text| text.parse().ok()).unwrap_or_default();
    let allowed = texts(rules.get("sources").and_then(|sources| sources.get("allow-registry")));
    let banned = rules.get("bans").and_then(|bans| bans.get("deny")).and_then(Value::as_array);
    let banned = banned.into_iter().flatten().filter_map(|ban| ban.get("name")?.as_str()).collect();
    for (path, text) in &tree.files {
        let Some(folder) = path.strip_suffix("Cargo.toml") else { continue };
        if !text.lines().any(|line| line.trim() == "[workspace]") {
            continue;
        }
        let lock = format!("{folder}{LOCK}");
        match file(&lock).map(|text| text.parse::<Table>()) {
            Some(Ok(locked)) => findings.extend(packages(&lock, &locked, &allowed, &banned)),
            _ => findings.push(Finding::new(
                path,
                1,
                format!("{lock} is missing or does not parse: run `cargo generate-lockfile`, and commit it."),
            )),
        }
    }
    findings
}

fn packages(lock: &str, locked: &Table, allowed: &[&str], banned: &BTreeSet<&str>) -> Vec<Finding> {
    let packages = locked.get("package").and_then(Value::as_array).into_iter().flatten();
    let broken = packages.filter_map(|package| {
        let text = |key| package.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        if banned.contains(name) {
            return Some(format!("{name} is banned in {RULES}: do without it."));
        }
        // A package without a source is a folder of this repository.
        let source = text("source")?;
        let is_allowed = source.strip_prefix("registry+").is_some_and(|from| allowed.contains(&from));
        if !is_allowed {
            return Some(format!(
                "{name} comes from {source}, which {RULES} does not allow: use a registry that it allows."
            ));
        }
        text("checksum").is_none().then(|| format!("{name} has no checksum: run `cargo update -p {name}`."))
    });
    broken.map(|fix| Finding::new(lock, 1, fix)).collect()
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::findings;

    const DENY: &str =
        "[bans]\ndeny = [{ name = \"openssl-sys\" }]\n[sources]\nallow-registry = [\"https://good\"]\n";
    const WORKSPACE: &str = "[workspace]\nmembers = []\n";

    fn found(package: &str) -> Vec<String> {
        let lock =
            format!("version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\n{package}");
        findings(check, &[("deny.toml", DENY), ("guest/Cargo.toml", WORKSPACE), ("guest/Cargo.lock", &lock)])
    }

    #[test]
    fn dependency_that_is_banned_or_unlocked_or_from_elsewhere_is_found() {
        for (package, words) in [
            ("name = \"a\"\nsource = \"git+https://good/a#1\"", "comes from git+https://good/a#1"),
            (
                "name = \"a\"\nsource = \"registry+https://bad\"\nchecksum = \"00\"",
                "comes from registry+https://bad",
            ),
            ("name = \"a\"\nsource = \"registry+https://good\"", "no checksum"),
            ("name = \"openssl-sys\"\nsource = \"registry+https://good\"\nchecksum = \"00\"", "banned"),
        ] {
            let found = found(package);
            assert!(found.len() == 1 && found[0].contains(words), "{package}: {found:?}");
        }
        let good = found("name = \"a\"\nsource = \"registry+https://good\"\nchecksum = \"00\"");
        assert_eq!(good, Vec::<String>::new());
    }

    #[test]
    fn workspace_without_a_lock_file_is_found_and_a_member_without_one_is_allowed() {
        let found =
            findings(check, &[("guest/Cargo.toml", WORKSPACE), ("guest/a/Cargo.toml", "[package]\n")]);
        assert!(found.len() == 1 && found[0].contains("guest/Cargo.lock"), "{found:?}");
    }
}
