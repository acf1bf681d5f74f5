//! A host made of a folder.

use super::place::Place;
use super::say;
use crate::backend::private::{DataDir, PrivateOptions};
use crate::builder::HostBuilder;
use crate::host::Host;
use anyhow::Result;
use std::env;
use std::path::PathBuf;

/// Builds the host of a folder: on `DATABASE_URL`, or on a private database that is the folder's own.
pub(super) async fn open(place: &Place) -> Result<Host> {
    build(place, Host::builder()).await
}

/// The same, with the audit log in this file, or in the folder's own place.
pub(super) async fn audited(place: &Place, file: Option<PathBuf>) -> Result<Host> {
    build(place, with_audit(place, Host::builder(), file)).await
}

/// A host that is begun, with its audit log.
pub(super) fn with_audit(place: &Place, builder: HostBuilder, file: Option<PathBuf>) -> HostBuilder {
    if let Some(file) = file.or_else(|| audit_log(place)) {
        return builder.audit_log(file);
    }
    tracing::warn!("there is no audit log: set HOME or XDG_STATE_HOME, or name a file with --audit-log");
    builder
}

/// Where the audit log of a folder is: with its data, whether or not its database is there.
pub(super) fn audit_log(place: &Place) -> Option<PathBuf> {
    match DataDir::of_project(&place.folder) {
        Ok(DataDir::Persistent(folder)) => Some(folder.join("audit.jsonl")),
        Ok(DataDir::Temporary) | Err(_) => None,
    }
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
