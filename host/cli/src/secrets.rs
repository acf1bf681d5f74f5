//! `secrets.toml`: headers that the host adds to a plugin's requests, and that the plugin only names.
//!
//! ```toml
//! [blog]
//! api-key = { header = "authorization", value = "Bearer …" }
//! ```
//!
//! No error repeats a value, and a file that others can read is refused.

use crate::output;
use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use palisade_guard::limits::POLICY_BYTES_MAX;
use palisade_guard::operator::SecretEntry;
use palisade_store::files::{self, Others};
use palisade_store::http::{Secret, SecretStore, Secrets};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The secrets as the operator's file had them when it was last read. All clones are replaced at once.
#[derive(Clone, Default)]
pub(super) struct Current(Arc<ArcSwap<Secrets>>);

impl Current {
    /// Secrets that were read.
    pub(super) fn of(secrets: Secrets) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(secrets)))
    }

    /// Replaces them by those that were read later.
    pub(super) fn replace(&self, later: &Self) {
        self.0.store(later.0.load_full());
    }
}

impl SecretStore for Current {
    fn get(&self, plugin: &str, name: &str) -> Option<Secret> {
        self.0.load().get(plugin, name)
    }
}

/// The name of a folder's own secrets.
pub(super) const FILE: &str = "secrets.toml";

/// Reads the operator's file, if there is one. Nobody else may be able to read or change it.
pub(super) fn read(path: Option<&Path>) -> Result<Secrets> {
    let Some(path) = path else { return Ok(Secrets::default()) };
    let text =
        files::trusted(path, Others::MayNothing).and_then(|file| files::read_text(file, POLICY_BYTES_MAX));
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).map_err(|sentence| output::usage(format!("{}: {sentence}", path.display())))
}

fn parse(text: &str) -> Result<Secrets, String> {
    let tables: BTreeMap<String, BTreeMap<String, SecretEntry>> = toml::from_str(text).map_err(|error| {
        // The parser's own message would quote the line, and with it the secret.
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        format!(
            "line {line} is malformed; write `NAME = {{ header = \"…\", value = \"…\" }}` under `[PLUGIN]`"
        )
    })?;
    let mut secrets = Secrets::default();
    for (plugin, entries) in &tables {
        for (name, SecretEntry { header, value }) in entries {
            let secret = Secret::new(header, value).map_err(|rule| format!("[{plugin}] {name}: {rule}"))?;
            secrets = secrets.with(plugin, name, secret);
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn malformed_secret_is_rejected_without_its_value() {
        for text in [
            "[blog]\nkey = { header = \"authorization\", value = \"hush\" \n",
            "[blog]\nkey = { header = \"authorization\", value = \"hush\", colour = 1 }\n",
            "[blog]\nkey = { header = \"not a header\", value = \"hush\" }\n",
            "[blog]\nkey = { header = \"authorization\", value = \"hush\\n\" }\n",
            "[blog]\nkey = \"hush\"\n",
        ] {
            let message = parse(text).expect_err("a refusal");
            assert!(!message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn file_that_others_can_read_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "[blog]\nkey = { header = \"authorization\", value = \"hush\" }\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(format!("{:#}", read(Some(&path)).expect_err("a refusal")).contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let secrets = read(Some(&path)).unwrap();
        assert!(secrets.get("blog", "key").is_some() && secrets.get("greeter", "key").is_none());
    }

    #[test]
    fn secrets_that_are_read_again_replace_those_that_a_host_has() {
        let named = |value: &str| {
            let text = format!("[blog]\nkey = {{ header = \"x-key\", value = \"{value}\" }}\n");
            Current::of(parse(&text).unwrap())
        };
        let current = named("one");
        let of_the_host = current.clone();
        current.replace(&named("two"));
        assert_eq!(of_the_host.get("blog", "key").unwrap().value(), "two");
        current.replace(&Current::default());
        assert!(of_the_host.get("blog", "key").is_none());
    }
}
