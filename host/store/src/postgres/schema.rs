//! A plugin's schema: how it is made, handed over to its owner, and migrated as that role.
//!
//! A plugin's author writes its migrations. The guard lets only statements about the schema pass, and the role that
//! runs them has no rights anywhere else, so a statement that slips through reaches nothing. The host records which
//! migrations ran in a table that this role cannot write.

use super::migrate;
use super::role::{InstallFailure, Work};
use palisade_guard::db::migration::Migration;
use sha2::{Digest, Sha256};

/// Finds everything in a schema that a migration can make and that another role owns, and returns the statements that
/// hand it over: an earlier version of the host owned schemas itself. What belongs to a table is handed over with the
/// table.
const HAND_OVER: &str = "\
    WITH owner AS (SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = $2), \
        schema AS (SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace WHERE nspname = $1) \
    SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, rolname) AS statement, 1 AS place FROM schema, owner \
        WHERE nspowner <> owner.oid \
    UNION ALL SELECT format('ALTER TABLE %I.%I OWNER TO %I', nspname, relname, rolname), 2 \
        FROM pg_catalog.pg_class AS class JOIN schema ON relnamespace = schema.oid, owner \
        WHERE relkind IN ('r', 'p') AND relowner <> owner.oid \
    UNION ALL SELECT format('ALTER TYPE %I.%I OWNER TO %I', nspname, typname, rolname), 3 \
        FROM pg_catalog.pg_type AS type JOIN schema ON typnamespace = schema.oid, owner \
        WHERE typtype = 'e' AND typowner <> owner.oid \
    ORDER BY place";

impl Work<'_> {
    /// Makes the schema, if it is missing, and gives it and everything in it to its owner.
    pub(super) async fn take_schema(&self) -> Result<(), InstallFailure> {
        let Self { client, schema, owner, .. } = self;
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}")).await?;
        for row in client.query(HAND_OVER, &[schema, owner]).await? {
            client.batch_execute(row.get(0)).await?;
        }
        Ok(())
    }

    /// Runs the migrations that have not run yet, and refuses a file that has changed since it ran.
    pub(super) async fn migrate(&self) -> Result<(), InstallFailure> {
        let plugin = self.plan.name.as_str();
        let known = "SELECT name, checksum FROM palisade.plugin_migrations WHERE plugin = $1 ORDER BY name";
        let known: Vec<(String, Vec<u8>)> =
            self.client.query(known, &[&plugin]).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
        for (name, checksum) in &known {
            match self.plan.migrations.iter().find(|(file, _)| file == name) {
                Some((_, text)) if Sha256::digest(text.as_bytes()).as_slice() == checksum => {}
                Some(_) => {
                    return Err(InstallFailure::Sentence(format!(
                        "migrations/{name} has changed since it ran here: restore it, and write the change as a new file"
                    )));
                }
                None => {
                    return Err(InstallFailure::Sentence(format!(
                        "migrations/{name} ran here and is missing now: restore the file"
                    )));
                }
            }
        }
        let new: Vec<&(String, String)> = self
            .plan
            .migrations
            .iter()
            .filter(|(file, _)| known.iter().all(|(name, _)| name != file))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        // A policy, and the bound on a row's values, would prevent a change of the columns that they name.
        self.disown_all().await?;
        self.unbound_values().await?;
        self.client.batch_execute(&format!("SET LOCAL search_path = {}", self.schema)).await?;
        for (name, text) in new {
            self.run(name, text).await?;
            let note = "INSERT INTO palisade.plugin_migrations (plugin, name, checksum) VALUES ($1, $2, $3)";
            let checksum = Sha256::digest(text.as_bytes()).to_vec();
            self.client.execute(note, &[&plugin, name, &checksum]).await?;
        }
        Ok(())
    }

    async fn run(&self, name: &str, text: &str) -> Result<(), InstallFailure> {
        let file = format!("migrations/{name}");
        let migration = Migration::parse(&self.schema, &file, text)
            .map_err(|refusal| InstallFailure::Sentence(refusal.to_string()))?;
        for statement in migration.statements() {
            self.as_owner(statement).await.map_err(|error| {
                InstallFailure::Sentence(format!(
                    "{file}: PostgreSQL refuses `{statement:.80}`: {}",
                    migrate::describe(&error)
                ))
            })?;
        }
        self.client.batch_execute("SET LOCAL ROLE NONE").await?;
        Ok(())
    }

    /// Runs exactly one statement: the extended protocol takes no second. The role is set before each statement, in
    /// case an earlier one has reset it.
    async fn as_owner(&self, statement: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("SET LOCAL ROLE {}", self.owner)).await?;
        self.client.execute(statement, &[]).await.map(drop)
    }
}
