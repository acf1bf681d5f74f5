//! A host made of a folder.

use super::place::Place;
use super::say;
use crate::backend::private::PrivateOptions;
use crate::builder::HostBuilder;
use crate::host::Host;
use anyhow::Result;
use std::env;
use std::path::PathBuf;

/// Builds the host of a folder: on `DATABASE_URL`, or on a private database that is the folder's own.
pub(super) async fn open(place: &Place) -> Result<Host> {
    build(place, Host::builder()).await
}

/// The same, of a host that is begun.
pub(super) async fn build(place: &Place, builder: HostBuilder) -> Result<Host> {
    let mut builder = builder.secrets(place.secrets.clone());
    match env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => builder = builder.database(url),
        _ => builder = builder.private_database(PrivateOptions::of_project(&place.folder)?),
    }
    if let Some(folder) = compiled_code() {
        builder = builder.compiled_code(folder);
    }
    for (path, policy) in &place.plugins {
        builder = builder.plugin(path, policy.clone());
    }
    builder.build().await.map_err(say::of_load)
}

/// Where compiled code is kept, if that can be written. Without it every start compiles.
fn compiled_code() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?.join("palisade");
    match std::fs::create_dir_all(&cache) {
        Ok(()) => Some(cache.join("compiled")),
        Err(error) => {
            tracing::warn!(path = %cache.display(), %error, "compiled code is not kept: set XDG_CACHE_HOME to a folder of yours");
            None
        }
    }
}
