//! Builds a host from a folder.

use crate::folder::Folder;
use crate::output;
use anyhow::Result;
use palisade::Host;
use palisade::HostBuilder;
use palisade_store::private::{DataDir, PrivateOptions};
use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// Builds the host of a folder: on `DATABASE_URL`, or on a private database of that folder.
pub(super) async fn open(folder: &Folder) -> Result<Host> {
    build(folder, at_once()).await
}

/// Builds the host of a folder with the audit log in this file, or in the folder's default file.
pub(super) async fn audited(folder: &Folder, file: Option<PathBuf>) -> Result<Host> {
    build(folder, with_audit(folder, at_once(), file)).await
}

/// The builder of a host for one command: whoever types it sees at once that there is no database.
fn at_once() -> HostBuilder {
    Host::builder().database_wait(Duration::ZERO)
}

/// Adds the audit log to the builder of a host.
pub(super) fn with_audit(folder: &Folder, builder: HostBuilder, file: Option<PathBuf>) -> HostBuilder {
    if let Some(file) = file.or_else(|| audit_log(folder)) {
        return builder.audit_log(file);
    }
    tracing::warn!("there is no audit log: set HOME or XDG_STATE_HOME, or name a file with --audit-log");
    builder
}

/// The default file of a folder's audit log. It is beside the folder's data, even if the database is elsewhere.
pub(super) fn audit_log(folder: &Folder) -> Option<PathBuf> {
    match DataDir::of_project(&folder.path) {
        Ok(DataDir::Persistent(folder)) => Some(folder.join("audit.jsonl")),
        Ok(DataDir::Temporary) | Err(_) => None,
    }
}

/// Builds the host of a folder from a builder.
pub(super) async fn build(folder: &Folder, builder: HostBuilder) -> Result<Host> {
    let mut builder = builder.secrets(folder.secrets.clone());
    match env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => builder = builder.database(url),
        _ => builder = builder.private_database(PrivateOptions::of_project(&folder.path)?),
    }
    if let Some(folder) = compiled_code() {
        builder = builder.compiled_code(folder);
    }
    for (path, policy) in &folder.plugins {
        builder = builder.plugin(path, policy.clone());
    }
    builder.build().await.map_err(output::of_load)
}

/// The folder for compiled code, if it can be written. Without it, every start compiles.
fn compiled_code() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?.join("palisade");
    match std::fs::create_dir_all(&cache) {
        Ok(()) => Some(cache.join("compiled")),
        Err(error) => {
            tracing::warn!(path = %cache.display(), %error, "compiled code is not kept: set XDG_CACHE_HOME to a folder that you can write");
            None
        }
    }
}
