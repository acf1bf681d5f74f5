//! Migrating without serving: the files of each plugin run, or are tried in a transaction that is rolled back. No component is
//! read, so an operator can migrate before the new version is built into an image.

use super::HostBuilder;
use super::builder::database;
use super::start::{Origin, Planned};
use crate::error::LoadError;
use crate::plugin::source::Source;
use palisade_guard::grant::Policy;
use palisade_guard::limits::{CONNECTION_BUDGET_MAX, DATABASE_WAIT_MS, Limit, Limits};
use palisade_store::postgres::Database;
use palisade_store::postgres::role::Plan;
use std::time::Duration;

/// What came of the migrations of one plugin.
#[derive(Debug)]
pub struct Migrated {
    /// The plugin's name; of one whose manifest cannot be read, its folder's.
    pub plugin: String,
    /// The names of the files that ran, or why they did not.
    pub files: Result<Vec<String>, LoadError>,
}

impl HostBuilder {
    /// Brings the database up to date, as [`build`](Self::build) does, and loads nothing: the host's tables first, then those of
    /// each plugin. A plugin that fails keeps no other from being migrated.
    pub async fn migrate(self) -> Result<Vec<Migrated>, LoadError> {
        self.migrated(false).await
    }

    /// Tries what [`migrate`](Self::migrate) would do, each plugin in a transaction that is rolled back. It takes the locks that
    /// the migrations take, for as long as they run. An index that is to be built concurrently is built in the transaction.
    pub async fn rehearse(self) -> Result<Vec<Migrated>, LoadError> {
        self.migrated(true).await
    }

    async fn migrated(self, is_rehearsal: bool) -> Result<Vec<Migrated>, LoadError> {
        let (url, private) = database(self.database, self.private).await?;
        let wait = self.database_wait.unwrap_or(Duration::from_millis(DATABASE_WAIT_MS));
        let database = if is_rehearsal {
            Database::look_within(wait, url, CONNECTION_BUDGET_MAX).await?
        } else {
            Database::connect_within(wait, url, CONNECTION_BUDGET_MAX).await?
        };
        let mut all = Vec::new();
        for Planned { origin, policy } in self.plugins {
            let (path, source) = match origin {
                Origin::Path(path) => (path.clone(), Source::open(&path).map(Box::new)),
                Origin::Opened(path, source) => (path, source),
            };
            let folder = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let plugin = source.as_ref().map_or(folder, |source| source.name().to_string());
            let files = match source {
                Ok(source) => one(&database, &source, &policy, self.allows_downgrade, is_rehearsal).await,
                Err(error) => Err(error),
            };
            all.push(Migrated { plugin, files });
        }
        database.close();
        if let Some(private) = private {
            private.stop().await;
        }
        Ok(all)
    }
}

async fn one(
    database: &Database,
    source: &Source,
    policy: &Policy,
    allows_downgrade: bool,
    is_rehearsal: bool,
) -> Result<Vec<String>, LoadError> {
    let manifest = source.manifest();
    let migrations = source.migrations()?;
    let limits = Limits::ceiling().lowered_to(&policy.limits).lowered_to(&manifest.limits);
    let plan = Plan {
        name: source.name(),
        version: &manifest.plugin.version.to_string(),
        allows_downgrade,
        grants: &policy.grant(&manifest.grants),
        storage: limits.get(Limit::Storage),
        migrations: &migrations,
    };
    Ok(database.migrate(&plan, is_rehearsal).await?)
}
