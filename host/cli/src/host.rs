//! Builds a host from a folder.

use crate::folder::{Folder, Plugin};
use crate::output;
use anyhow::Result;
use palisade::Host;
use palisade::{HostBuilder, LoadError, Migrated};
use palisade_store::private::{DataDir, PrivateOptions};
use std::env;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Builds the host of a folder: on `DATABASE_URL`, or on a private database of that folder.
pub(super) async fn open(folder: Folder) -> Result<Host> {
    build(folder, at_once()).await
}

/// Builds the host of a folder with the audit log in this file, or in the folder's default file.
pub(super) async fn audited(folder: Folder, file: Option<PathBuf>) -> Result<Host> {
    let builder = with_audit(&folder, at_once(), file);
    build(folder, builder).await
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
pub(super) async fn build(folder: Folder, builder: HostBuilder) -> Result<Host> {
    prepared(folder, builder, false)?.build().await.map_err(output::of_load)
}

/// Builds the host of a folder that changes nothing.
pub(super) async fn look(folder: Folder) -> Result<Host> {
    let builder = at_once().serve_the_others().only_look();
    prepared(folder, builder, true)?.build().await.map_err(output::of_load)
}

/// Runs the migrations of a folder's plugins.
pub(super) async fn migrate(folder: Folder, allows_downgrade: bool) -> Result<Vec<Migrated>> {
    prepared(folder, migrating(allows_downgrade), false)?.migrate().await.map_err(output::of_load)
}

/// Tries the migrations of a folder's plugins: in a transaction that is rolled back or, where there is no database yet or a new
/// one is wanted, in a private database that is gone afterwards. There they run as they do anywhere, each file committed.
pub(super) async fn rehearse(folder: Folder, is_new: bool, allows_downgrade: bool) -> Result<Vec<Migrated>> {
    let has_database = named().is_some() || PrivateOptions::of_project(&folder.path)?.exists();
    let migrated = if has_database && !is_new {
        prepared(folder, migrating(allows_downgrade), true)?.rehearse().await
    } else {
        on(folder, at_once().private_database(PrivateOptions::temporary())).migrate().await
    };
    migrated.map_err(output::of_load)
}

/// Tries the migrations of one plugin where there is a database already: that of `DATABASE_URL`, or the folder's private one, unless
/// a host that runs has it. Returns a sentence for each refusal.
pub(super) async fn rehearse_one(dir: &Path) -> Result<Vec<String>> {
    let folder = Folder::of_plugin(dir)?;
    if named().is_none() && !PrivateOptions::of_project(&folder.path).is_ok_and(|private| private.exists()) {
        return Ok(Vec::new());
    }
    // Which version was installed last says nothing about the files.
    let tried = match prepared(folder, migrating(true), true)?.rehearse().await {
        Err(error) if output::is_in_use(&error) => return Ok(Vec::new()),
        tried => tried.map_err(output::of_load)?,
    };
    Ok(tried.into_iter().filter_map(|one| Some(whole(&one.files.err()?))).collect())
}

/// An error with its cause.
pub(super) fn whole(error: &LoadError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn migrating(allows_downgrade: bool) -> HostBuilder {
    if allows_downgrade { at_once().allow_downgrade() } else { at_once() }
}

/// Adds the folder to the builder of a host: on `DATABASE_URL`, or on a private database of that folder. A command that changes
/// nothing makes none: its private database is gone afterwards.
fn prepared(folder: Folder, builder: HostBuilder, changes_nothing: bool) -> Result<HostBuilder> {
    let builder = if let Some(url) = named() {
        builder.database(url)
    } else {
        let private = PrivateOptions::of_project(&folder.path)?;
        let is_temporary = changes_nothing && !private.exists();
        builder.private_database(if is_temporary { PrivateOptions::temporary() } else { private })
    };
    Ok(on(folder, builder))
}

/// Adds the folder to the builder of a host that has its database.
fn on(folder: Folder, builder: HostBuilder) -> HostBuilder {
    let mut builder = builder.secrets(folder.secrets);
    if let Some(compiled) = compiled_code() {
        builder = builder.compiled_code(compiled);
    }
    for Plugin { path, source, policy } in folder.plugins {
        builder = builder.source(path, source, policy);
    }
    builder
}

/// The database that the environment names.
pub(super) fn named() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// The folder for compiled code, if it can be written. Without it, every start compiles.
pub(super) fn compiled_code() -> Option<PathBuf> {
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
