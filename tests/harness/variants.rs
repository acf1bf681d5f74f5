//! Hosts with guests whose manifests say something else than usual.

use super::{World, altered, guest};
use palisade::{Host, LoadError, Policy};

impl World {
    /// A host with a guest whose manifest has been changed.
    pub async fn host_with(&self, name: &str, change: impl FnOnce(String) -> String) -> Host {
        self.try_host_with(name, change).await.unwrap()
    }

    /// The same, for a manifest that may be refused.
    pub async fn try_host_with(&self, name: &str, change: impl FnOnce(String) -> String) -> Result<Host, LoadError> {
        let folder = altered(name, change);
        self.builder().plugin(folder.path(), Policy::as_asked()).build().await
    }

    /// A host with a guest twice: under its own name and as `other`.
    pub async fn twins(&self, name: &str) -> Host {
        let folder = altered(name, |manifest| manifest.replace(&format!("name = \"{name}\""), "name = \"other\""));
        let builder = self.builder().plugin(guest(name), Policy::as_asked());
        builder.plugin(folder.path(), Policy::as_asked()).build().await.unwrap()
    }
}

/// A manifest with one limit: `limited("db-rows = 5")`.
pub fn limited(line: &str) -> impl FnOnce(String) -> String {
    let section = format!("\n[limits]\n{line}\n");
    move |manifest| manifest + &section
}
