//! A plugin's tables as the host knows them: the catalogue of those that it is granted, read from the server, and read again
//! when they have changed.
//!
//! Another host of the database, or its owner, can change a table while this host serves. Three things tell: a structured
//! statement whose columns have other types than the catalogue says (`host/guard/src/db/shape.rs`), a statement that no longer
//! fits the tables, and the note that every installation leaves, for which hosts look once a second. Whoever hears of it calls
//! [`Tables::read_again`]. If the tables no longer have what the plugin is granted, this version of the plugin fits them no
//! more, and the error says why. Tests: `tests/hosts/`.

use super::pool::Pool;
use super::rights::{COLUMNS, KEYS};
use super::role::{InstallFailure, Once, quoted};
use super::{Database, extensions, migrate};
use crate::error::InstallError;
use palisade_guard::db::catalogue::{Catalogue, Column, Table};
use palisade_guard::db::extension::Extensions;
use palisade_guard::db::typmod::Typmod;
use palisade_guard::grant::{DbGrant, TableGrant};
use palisade_guard::limits::{ANSWER_MS, STATEMENT_MS, TABLES_DOUBT_MS};
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_postgres::Client;

/// A plugin's tables as the host knows them.
pub struct Tables {
    database: Database,
    plugin: PluginName,
    schema: String,
    grants: DbGrant,
    /// Connections that have prepared statements on the tables.
    pools: [Arc<Pool>; 2],
    catalogue: RwLock<Arc<Catalogue>>,
    /// The note of the installation that the host knows.
    stamp: AtomicI64,
    /// One task reads at a time, and the others take what it has read.
    reading: tokio::sync::Mutex<()>,
    /// When a statement last made the host look.
    doubted: Mutex<Option<Instant>>,
}

impl Tables {
    pub(super) fn new(
        database: &Database,
        plugin: &PluginName,
        grants: &DbGrant,
        pools: [Arc<Pool>; 2],
        (catalogue, stamp): (Catalogue, i64),
    ) -> Arc<Self> {
        Arc::new(Self {
            database: database.clone(),
            plugin: plugin.clone(),
            schema: catalogue.schema().to_owned(),
            grants: grants.clone(),
            pools,
            catalogue: RwLock::new(Arc::new(catalogue)),
            stamp: AtomicI64::new(stamp),
            reading: tokio::sync::Mutex::default(),
            doubted: Mutex::default(),
        })
    }

    /// The granted tables as the server described them last.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The plugin's schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether a statement that does not fit may make the host look at the tables now. A guest's SQL text can fail as often as
    /// it likes, so it may once in [`TABLES_DOUBT_MS`].
    pub fn may_doubt(&self) -> bool {
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        let may = doubted.is_none_or(|last| last.elapsed() >= Duration::from_millis(TABLES_DOUBT_MS));
        if may {
            *doubted = Some(Instant::now());
        }
        may
    }

    /// Reads the catalogue again, unless it is another one than `known` already. Returns whether it differs. An
    /// [`InstallError::Migration`] says why the plugin no longer fits its tables.
    pub async fn read_again(&self, known: &Arc<Catalogue>) -> Result<bool, InstallError> {
        let _reading = self.reading.lock().await;
        if !Arc::ptr_eq(known, &self.catalogue()) {
            return Ok(true);
        }
        let silent = |_| Err(self.unreadable(&"the database does not answer".to_owned()));
        let read = timeout(Duration::from_millis(STATEMENT_MS.saturating_add(ANSWER_MS)), self.read());
        let new = read.await.unwrap_or_else(silent)?;
        if new == **known {
            return Ok(false);
        }
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.pools.iter().for_each(|pool| pool.renew());
        tracing::info!(
            plugin = self.plugin.as_str(),
            "its tables have changed, and the host has read them again"
        );
        Ok(true)
    }

    /// Whether the plugin was installed since the host last heard of it, given the notes of all installations.
    pub fn is_installed_anew(&self, stamps: &BTreeMap<String, i64>) -> bool {
        let Some(stamp) = stamps.get(self.plugin.as_str()) else { return false };
        self.stamp.swap(*stamp, Ordering::Relaxed) != *stamp
    }

    /// Lets the next look at the notes find an installation: what it changed could not be read.
    pub fn look_again(&self) {
        self.stamp.store(0, Ordering::Relaxed);
    }

    async fn read(&self) -> Result<Catalogue, InstallError> {
        let connection = self.database.connection().await.map_err(|refusal| self.unreadable(&refusal))?;
        // Never pooled again: if this future is dropped, the connection is in the middle of something.
        let connection = Once::new(connection);
        let client = connection.client().ok_or_else(|| self.unreadable(&"there is no connection"))?;
        let read = async {
            client.batch_execute("BEGIN READ ONLY").await?;
            for (table, grant) in &self.grants.tables {
                check(client, &self.schema, table, grant).await?;
            }
            let extensions = extensions::place(client, &self.grants).await?;
            let catalogue = read(client, &self.schema, &self.grants, extensions).await?;
            client.batch_execute("ROLLBACK; DEALLOCATE ALL").await?;
            Ok(catalogue)
        };
        read.await.map_err(|failure: InstallFailure| match failure {
            InstallFailure::Server(error) => self.unreadable(&migrate::describe(&error)),
            InstallFailure::Sentence(sentence) | InstallFailure::Downgrade(sentence) => {
                InstallError::Migration {
                    plugin: self.plugin.to_string(),
                    sentence: format!(
                        "its tables have changed while it was served, and no longer fit it: {sentence}"
                    ),
                }
            }
        })
    }

    fn unreadable(&self, why: &dyn std::fmt::Display) -> InstallError {
        InstallError::Database {
            sentence: format!("the tables of plugin `{}` could not be read again", self.plugin),
            source: anyhow::anyhow!("{why}"),
        }
    }
}

impl Database {
    /// When each plugin was installed last, in microseconds since 1970.
    pub async fn installations(&self) -> Result<BTreeMap<String, i64>, Refusal> {
        let text = "SELECT name, (extract(epoch FROM installed_at) * 1000000)::bigint FROM palisade.plugins";
        let rows = self.watch.ask(text, &[], &[]).await?;
        let pair = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter()
            .map(|row| pair(row).map_err(|error: tokio_postgres::Error| Refusal::internal(error)))
            .collect()
    }
}

/// Refuses a grant on a table or column that does not exist.
pub(super) async fn check(
    client: &Client,
    schema: &str,
    table: &str,
    grant: &TableGrant,
) -> Result<(), InstallFailure> {
    let rows = client.query(COLUMNS, &[&schema, &table]).await?;
    let columns: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if columns.is_empty() {
        return Err(InstallFailure::Sentence(format!(
            "[grants] db names the table `{table}`, which no migration makes: correct the name, or add a migration"
        )));
    }
    if let Some(missing) = grant.columns().find(|named| columns.iter().all(|(name, _)| name != *named)) {
        return Err(InstallFailure::Sentence(format!(
            "[grants] db names the column `{missing}` of the table `{table}`, which has none of that name: correct it, or \
             add a migration"
        )));
    }
    match &grant.owner {
        Some(owner) if !columns.iter().any(|(name, is_uuid)| name == owner && *is_uuid) => {
            Err(InstallFailure::Sentence(format!(
                "[grants] db names `{owner}` as the owner of a row of `{table}`, and it is no `uuid`: name the column that \
                 holds a user's id"
            )))
        }
        _ => Ok(()),
    }
}

/// The granted tables as the server describes them.
pub(super) async fn read(
    client: &Client,
    schema: &str,
    grants: &DbGrant,
    extensions: Extensions,
) -> Result<Catalogue, InstallFailure> {
    let mut catalogue = Catalogue::new(schema, grants.query, grants.execute).with_extensions(extensions);
    for (name, grant) in &grants.tables {
        let text = format!("SELECT * FROM {schema}.{}", quoted(name));
        let described = client.prepare(&text).await?;
        let nullable = "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 \
             AND NOT a.attnotnull";
        let relation = format!("{schema}.{}", quoted(name));
        let rows = client.query(nullable, &[&relation]).await?;
        let nullable: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let columns = described.columns().iter().map(|column| Column {
            name: column.name().to_owned(),
            data_type: column.type_().clone(),
            nullable: nullable.contains(column.name()),
            typmod: Typmod::of(column.type_(), column.type_modifier()),
        });
        let keys = client.query(KEYS, &[&relation]).await?;
        let keys = keys.iter().map(|row| row.get::<_, Vec<String>>(0).into_iter().collect());
        let table = Table::new(name, columns.collect(), grant).with_keys(keys.collect());
        let table = table.with_owner(grant.owner.clone());
        catalogue = catalogue.with_table(table);
    }
    Ok(catalogue)
}
