//! Hosts with guests whose manifests differ from the usual ones.

use super::{World, altered, guest};
use palisade::{Host, LoadError, Policy};
use tempfile::TempDir;

impl World {
    /// A host with a guest whose manifest is changed.
    pub async fn host_with(&self, name: &str, change: impl FnOnce(String) -> String) -> Host {
        self.try_host_with(name, change).await.unwrap()
    }

    /// The same, for a manifest that may be rejected.
    pub async fn try_host_with(
        &self,
        name: &str,
        change: impl FnOnce(String) -> String,
    ) -> Result<Host, LoadError> {
        let folder = altered(name, change);
        self.builder().plugin(folder.path(), Policy::as_asked()).build().await
    }

    /// A host with the same guest twice: under its own name and as `other`.
    pub async fn twins(&self, name: &str) -> Host {
        let folder =
            altered(name, |manifest| manifest.replace(&format!("name = \"{name}\""), "name = \"other\""));
        let builder = self.builder().plugin(guest(name), Policy::as_asked());
        builder.plugin(folder.path(), Policy::as_asked()).build().await.unwrap()
    }
}

/// Adds one limit to a manifest: `limited("db-rows = 5")`.
pub fn limited(line: &str) -> impl FnOnce(String) -> String {
    let section = format!("\n[limits]\n{line}\n");
    move |manifest| manifest + &section
}

/// A plugin named `odd` with this component and this rest of its manifest.
pub fn odd(component: &[u8], rest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!("[plugin]\nname = \"odd\"\nversion = \"0.1.0\"\ncomponent = \"odd.wasm\"\n{rest}");
    std::fs::write(folder.path().join("palisade.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("odd.wasm"), component).unwrap();
    folder
}

/// A component that exports `acme:odd/calls` with the function `f`. `body` is the function's core WebAssembly text,
/// and `before` comes first in the component.
pub fn component(before: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(component {before}
            (core module $m (func $f (export "f") {body}))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $calls (export "f" (func $f)))
            (export "acme:odd/calls" (instance $calls)))"#
    );
    wat::parse_str(text).unwrap()
}

/// The manifest's section for [`component`].
pub const CALLS: &str = "[exports]\n\"acme:odd/calls\" = \"query\"\n";
