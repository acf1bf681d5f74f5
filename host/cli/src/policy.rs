//! `policy.toml`: what an operator lets each plugin have.
//!
//! ```toml
//! [blog]
//! grants = { db = { tables = { drafts = ["select"] } } }
//! limits = { memory = "128 MiB" }
//! wasi = false
//! floats = false
//! ```
//!
//! `extensions = ["pg_trgm", "vector"]` in `db` allows a plugin the extensions of PostgreSQL with these names, which the operator
//! has installed in a schema of their own: the functions, operators, types and operator classes in the lists of `docs/sql.md`.
//! An extension is allowed as a whole.
//!
//! `wasi = false` refuses a component that imports `wasi:*`; `floats = false` refuses one that computes with floats.
//! Grants have the same form as in a manifest. With a policy, a plugin that it does not name gets only what is
//! harmless; without one, every plugin gets what it asks for. The form of a table is in `host/guard/src/operator.rs`.

use crate::output;
use anyhow::{Context, Result};
use palisade_guard::grant::Policy;
use palisade_guard::limits::POLICY_BYTES_MAX;
use palisade_guard::mistakes::{self, Read};
use palisade_guard::operator::PolicyTable;
use palisade_store::files::{self, Others};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The name of a folder's own policy.
pub(super) const FILE: &str = "policy.toml";

/// Every plugin's policy.
pub(super) struct Policies {
    path: PathBuf,
    named: Option<BTreeMap<String, PolicyTable>>,
}

impl Policies {
    /// Reads the operator's file, if there is one. Nobody else may be able to change it.
    pub(super) fn read(path: Option<PathBuf>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { path: PathBuf::new(), named: None }) };
        let text =
            files::trusted(&path, Others::MayRead).and_then(|file| files::read_text(file, POLICY_BYTES_MAX));
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: PathBuf) -> Result<Self> {
        match mistakes::read(text, |_| None) {
            Read { value: Some(tables), mistakes } if mistakes.is_empty() => {
                Ok(Self { path, named: Some(tables) })
            }
            Read { mistakes, .. } => Err(output::usage(mistakes::lines(text, &path, &mistakes))),
        }
    }

    /// Rejects a table for a plugin that does not exist: the name is mistyped, and the plugin that was meant gets
    /// nothing. If some plugins have no name yet, because their manifests cannot be read, it may be for one of them.
    pub(super) fn check(&self, plugins: &[&str], are_some_unnamed: bool) -> Result<()> {
        let unknown =
            self.named.iter().flat_map(BTreeMap::keys).find(|name| !plugins.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) if are_some_unnamed => {
                let path = self.path.display();
                tracing::warn!(%path, "it names the plugin `{name}`, whose manifest is not among those that can be read");
                Ok(())
            }
            Some(name) => Err(output::usage(format!(
                "{} names a plugin `{name}`, which does not exist: correct the name, or remove the table",
                self.path.display()
            ))),
        }
    }

    /// What a plugin may have.
    pub(super) fn of(&self, plugin: &str) -> Policy {
        match self.named.as_ref().map(|named| named.get(plugin)) {
            None => Policy::as_asked(),
            Some(None) => Policy::harmless(),
            Some(Some(table)) => table.policy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::grant::Grants;
    use palisade_guard::limits::{Limit, MIB};

    fn parse(text: &str) -> Result<Policies> {
        Policies::parse(text, PathBuf::from("policy.toml"))
    }

    fn asked() -> Grants {
        toml::from_str("db = { query = true, execute = true }").unwrap()
    }

    #[test]
    fn malformed_policy_is_rejected_with_its_position() {
        for (text, expected) in [
            ("[blog]\ngrant = {}\n", "policy.toml:2:1: unknown key `grant`: did you mean `grants`?"),
            ("[blog]\nlimits = { memroy = \"1 MiB\" }\n", "unknown limit `memroy`"),
            ("[blog]\ngrants = { db = { tables = { t = [\"drop\"] } } }\n", "unknown word `drop`"),
            ("blog = 1\n", "policy.toml:1:"),
            ("[blog]\nwasi = \"no\"\n", "policy.toml:2:8: expected a boolean"),
        ] {
            let message = parse(text).err().expect("a refusal").to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn plugin_that_a_policy_does_not_name_gets_what_is_harmless() {
        let policies = parse("[blog]\ngrants = { db = { query = true } }\n").unwrap();
        assert_eq!(policies.of("greeter").grant(&asked()), Grants::default());
        assert_eq!(policies.of("blog").grant(&asked()), toml::from_str("db = { query = true }").unwrap());
    }

    #[test]
    fn plugin_without_any_policy_gets_what_it_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        let policies = Policies::read(None).unwrap();
        assert_eq!(policies.of("blog").grant(&asked()), asked());
        assert!(Policies::read(Some(folder.path().join("mine.toml"))).is_err());
    }

    #[test]
    fn policy_changes_only_the_limits_that_it_names() {
        let policies = parse("[blog]\nlimits = { memory = \"128 MiB\" }\n").unwrap();
        let limits = policies.of("blog").limits;
        assert_eq!(limits.get(Limit::Memory), 128 * MIB);
        assert_eq!(limits.get(Limit::DbRows), Limit::DbRows.default_max());
    }

    #[test]
    fn policy_refuses_wasi_and_floats_only_where_it_says_so() {
        let policies = parse("[a]\nwasi = false\n[b]\nfloats = false\n[c]\nwasi = true\n[d]\n").unwrap();
        for (plugin, wasi, floats) in
            [("a", false, true), ("b", true, false), ("c", true, true), ("d", true, true), ("e", true, true)]
        {
            let policy = policies.of(plugin);
            assert_eq!((policy.wasi, policy.floats), (wasi, floats), "{plugin}");
        }
    }
}
