//! An index that is built while its table is in use: CREATE INDEX CONCURRENTLY, the only statement of its file.
//!
//! No transaction can hold it, so it leaves traces when it is cut off: an index that is not valid, which is dropped before the
//! next build, or one that is complete and not recorded, which the note that the build began explains. One host builds at a
//! time. The others ask for the lock again and again and do not wait in a statement, because the build waits for statements
//! that began before it.

use super::role::{InstallFailure, Work};
use super::schema;
use palisade_guard::limits::{MIGRATION_LOCK_MS, MIGRATION_MS, MIGRATION_RETRY_MS};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Drops what failed builds have left in a schema. No constraint has such an index.
const INVALID: &str = "SELECT format('DROP INDEX CONCURRENTLY %I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND NOT i.indisvalid";

/// The first byte of the note that a build began, before the file's checksum.
const BEGUN: u8 = 0;

/// What is already there with the name of the new index.
const EXISTS: &str = "42P07"; // wire: PostgreSQL, appendix A

/// The file of an index.
pub(super) struct Index {
    pub name: String,
    pub statement: String,
    pub checksum: Vec<u8>,
}

impl Work<'_> {
    /// Builds an index and records its file, unless another host does.
    pub(super) async fn build(&self, index: &Index) -> Result<(), InstallFailure> {
        if self.is_pooled {
            return Err(InstallFailure::Sentence(format!(
                "migrations/{}: CREATE INDEX CONCURRENTLY needs one connection from its begin to its end, and a PgBouncer gives \
                 none: run `palisade migrate` with a DATABASE_URL of the server itself",
                index.name
            )));
        }
        let lock = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('palisade index ' || $1::text, 0))";
        let plugin = self.plan.name.as_str();
        let began = Instant::now();
        while !self.client.query_one(lock, &[&plugin]).await?.get::<_, bool>(0) {
            if began.elapsed() >= Duration::from_millis(MIGRATION_MS) {
                let sentence = format!("migrations/{}: another host still builds its index", index.name);
                return Err(InstallFailure::Sentence(sentence));
            }
            sleep(Duration::from_millis(MIGRATION_RETRY_MS)).await;
        }
        let settings = format!(
            "SET statement_timeout = {MIGRATION_MS}; SET lock_timeout = {MIGRATION_MS}; SET search_path = {}; SET ROLE {}",
            self.schema, self.owner
        );
        let known = "SELECT checksum FROM palisade.plugin_migrations WHERE plugin = $1 AND name = $2";
        let known = self.client.query_opt(known, &[&plugin, &index.name]).await?;
        let known: Option<Vec<u8>> = known.map(|row| row.get(0));
        if known.as_ref() != Some(&index.checksum) {
            let marked: Vec<u8> = std::iter::once(BEGUN).chain(index.checksum.iter().copied()).collect();
            let record = "INSERT INTO palisade.plugin_migrations (plugin, name, checksum) VALUES ($1, $2, $3) \
                 ON CONFLICT (plugin, name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()";
            self.client.execute(record, &[&plugin, &index.name, &marked]).await?;
            // A hardened database shows its indexes to the host alone.
            let left = self.client.query(INVALID, &[&self.schema]).await?;
            self.client.batch_execute(&settings).await?;
            for row in left {
                self.client.execute(row.get::<_, &str>(0), &[]).await?;
            }
            match self.client.execute(&index.statement, &[]).await {
                Err(error)
                    if known.as_ref() == Some(&marked)
                        && error.code().is_some_and(|code| code.code() == EXISTS) =>
                {
                    tracing::info!(
                        plugin,
                        file = index.name,
                        "the index was complete before it was recorded"
                    );
                }
                built => {
                    let file = format!("migrations/{}", index.name);
                    built.map_err(|error| schema::refused(&file, &index.statement, error))?;
                }
            }
            self.client.batch_execute("RESET ROLE").await?;
            self.client.execute(record, &[&plugin, &index.name, &index.checksum]).await?;
        }
        let reset = format!(
            "SET statement_timeout = {MIGRATION_MS}; SET lock_timeout = {MIGRATION_LOCK_MS}; RESET search_path; \
             SELECT pg_catalog.pg_advisory_unlock_all()"
        );
        Ok(self.client.batch_execute(&reset).await?)
    }
}
