//! Installing a plugin: its login role, its schema, its tables, its rights, and nothing else's.
//!
//! Everything happens in one transaction under a lock, so a plugin is installed whole or not at all. The role is made
//! anew to the grants each time a host loads the plugin: what is no longer granted is revoked.

use super::Database;
use super::harden;
use super::migrate;
use super::pool::{Connection, Pool};
use crate::error::LoadError;
use crate::grant::{Grants, ItemPower, TableOperation, VariablePower};
use crate::guard::db::catalogue::{Catalogue, Column, Operations, Table};
use crate::guard::db::migration::Migration;
use crate::guard::name::PluginName;
use crate::limits::{IDLE_IN_TRANSACTION_MS, LOCK_MS, PLUGIN_CONNECTIONS_MAX, ROLE_POOLS_MAX, STATEMENT_MS};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_postgres::Client;

/// What is installed.
pub(crate) struct Plan<'a> {
    pub name: &'a PluginName,
    pub version: &'a str,
    pub grants: &'a Grants,
    /// File names and texts, in the order of the names.
    pub migrations: &'a [(String, String)],
}

/// A plugin's side of the database.
#[derive(Debug)]
pub(crate) struct Installed {
    pub role: String,
    pub pool: Arc<Pool>,
    pub catalogue: Catalogue,
}

impl Database {
    /// Installs a plugin, or brings it up to date.
    pub(crate) async fn install(&self, plan: &Plan<'_>) -> Result<Installed, LoadError> {
        let refuse = |sentence: String| LoadError::Migration { plugin: plan.name.to_string(), sentence };
        let role = format!("pal_{}_{}", self.tag, plan.name.snake());
        let connection = self.connection().await.map_err(|refusal| refuse(refusal.to_string()))?;
        // Never pooled again: whoever drops this future leaves it in the middle of something.
        let connection = Once(Some(connection));
        let client =
            connection.0.as_ref().map(Connection::client).ok_or_else(|| refuse("no connection".into()))?;
        let work = Work { client, plan, role: &role, schema: schema(plan.name) };
        let password = self.password(&role);
        work.transaction(&password).await.map_err(|fault| match fault {
            Fault::Server(error) => LoadError::Database {
                sentence: format!("plugin `{}` could not be installed; the cause is below", plan.name),
                source: anyhow::anyhow!("{}", migrate::describe(&error)),
            },
            Fault::Sentence(sentence) => refuse(sentence),
        })?;
        let catalogue = work.catalogue().await.map_err(|fault| match fault {
            Fault::Server(error) => migrate::failed(&error),
            Fault::Sentence(sentence) => refuse(sentence),
        })?;
        let mut url = self.url.clone();
        url.config.user(&role).password(password).application_name(format!("palisade/{}", plan.name));
        let pool = Pool::seated(url, PLUGIN_CONNECTIONS_MAX, &self.seats);
        Ok(Installed { role, pool, catalogue })
    }

    /// A role's password: every host of this database derives the same, and nobody stores it.
    fn password(&self, role: &str) -> String {
        match Hmac::<Sha256>::new_from_slice(&self.secret) {
            Ok(mut mac) => {
                mac.update(role.as_bytes());
                hex::encode(mac.finalize().into_bytes())
            }
            Err(never) => unreachable!("HMAC takes keys of any length: {never}"),
        }
    }
}

/// A connection that is closed when it is done with.
struct Once(Option<Connection>);

impl Drop for Once {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.close();
        }
    }
}

/// The schema of a plugin. A plugin's name has no `_`, so no two share one.
fn schema(name: &PluginName) -> String {
    format!("plugin_{}", name.snake())
}

enum Fault {
    Server(tokio_postgres::Error),
    Sentence(String),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

/// One installation. Names in its texts are made of a plugin's name, so they need no escaping.
struct Work<'a> {
    client: &'a Client,
    plan: &'a Plan<'a>,
    role: &'a str,
    schema: String,
}

impl Work<'_> {
    async fn transaction(&self, password: &str) -> Result<(), Fault> {
        self.client.batch_execute(&migrate::begin()).await?;
        let result = self.install(password).await;
        self.client.batch_execute(migrate::end(result.is_ok())).await?;
        result
    }

    async fn install(&self, password: &str) -> Result<(), Fault> {
        self.role(password).await?;
        let schema = &self.schema;
        self.client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await?;
        self.migrate().await?;
        self.rights().await
    }

    /// The login: owns nothing, inherits nothing, and its defaults are the limits.
    async fn role(&self, password: &str) -> Result<(), Fault> {
        let Self { role, schema, .. } = self;
        let exists =
            self.client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[role]).await?.is_some();
        let verb = if exists { "ALTER" } else { "CREATE" };
        let connections = PLUGIN_CONNECTIONS_MAX.saturating_mul(ROLE_POOLS_MAX);
        let text = format!(
            "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS \
                 CONNECTION LIMIT {connections} PASSWORD '{password}'; \
             ALTER ROLE {role} SET search_path = {schema}; \
             ALTER ROLE {role} SET statement_timeout = {STATEMENT_MS}; \
             ALTER ROLE {role} SET lock_timeout = {LOCK_MS}; \
             ALTER ROLE {role} SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; \
             GRANT {role} TO CURRENT_USER"
        );
        self.client.batch_execute(&text).await?;
        harden::bound_memory(self.client, role).await?;
        let note = "INSERT INTO palisade.plugins (name, role, version) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET role = EXCLUDED.role, version = EXCLUDED.version, installed_at = now()";
        self.client.execute(note, &[&self.plan.name.as_str(), role, &self.plan.version]).await?;
        Ok(())
    }

    /// Runs what has not run yet, and refuses a file that has changed since it ran.
    async fn migrate(&self) -> Result<(), Fault> {
        let plugin = self.plan.name.as_str();
        let known = "SELECT name, checksum FROM palisade.plugin_migrations WHERE plugin = $1 ORDER BY name";
        for row in self.client.query(known, &[&plugin]).await? {
            let (name, checksum): (String, Vec<u8>) = (row.get(0), row.get(1));
            match self.plan.migrations.iter().find(|(file, _)| *file == name) {
                Some((_, text)) if Sha256::digest(text.as_bytes()).as_slice() == checksum => {}
                Some(_) => {
                    return Err(Fault::Sentence(format!(
                        "migrations/{name} has changed since it ran here: restore it, and write the change as a new file"
                    )));
                }
                None => {
                    return Err(Fault::Sentence(format!(
                        "migrations/{name} ran here and is missing now: restore the file"
                    )));
                }
            }
        }
        self.client.batch_execute(&format!("SET LOCAL search_path = {}", self.schema)).await?;
        for (name, text) in self.plan.migrations {
            let insert = "INSERT INTO palisade.plugin_migrations (plugin, name, checksum) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING";
            let checksum = Sha256::digest(text.as_bytes()).to_vec();
            if self.client.execute(insert, &[&plugin, name, &checksum]).await? == 1 {
                self.run(name, text).await?;
            }
        }
        Ok(())
    }

    async fn run(&self, name: &str, text: &str) -> Result<(), Fault> {
        let file = format!("migrations/{name}");
        let migration = Migration::parse(&self.schema, &file, text)
            .map_err(|refusal| Fault::Sentence(refusal.to_string()))?;
        for statement in migration.statements() {
            self.client.batch_execute(statement).await.map_err(|error| {
                Fault::Sentence(format!(
                    "{file}: PostgreSQL refuses `{statement:.80}`: {}",
                    migrate::describe(&error)
                ))
            })?;
        }
        Ok(())
    }

    /// Takes all rights away, then gives those that are granted.
    async fn rights(&self) -> Result<(), Fault> {
        let Self { role, schema, plan, .. } = self;
        let mut statements = vec![
            format!("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"),
            format!("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role}"),
            format!("REVOKE ALL ON ALL TABLES IN SCHEMA palisade FROM {role}"),
            format!("GRANT USAGE ON SCHEMA {schema}, palisade TO {role}"),
            format!("GRANT SELECT ON palisade.plugins, palisade.item_grants, palisade.variables TO {role}"),
        ];
        let mut inserts = false;
        for (table, operations) in &plan.grants.db.tables {
            inserts |= operations.contains(&TableOperation::Insert);
            let exists = "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2";
            if self.client.query_opt(exists, &[schema, table]).await?.is_none() {
                return Err(Fault::Sentence(format!(
                    "[grants] db names the table `{table}`, which no migration makes: correct the name, or add a migration"
                )));
            }
            let rights: Vec<&str> = operations.iter().map(|operation| right(*operation)).collect();
            statements.push(format!("GRANT {} ON {schema}.{} TO {role}", rights.join(", "), quoted(table)));
        }
        if inserts {
            statements.push(format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"));
        }
        if plan.grants.variables.contains(&VariablePower::Write) {
            statements.push(format!("GRANT INSERT, UPDATE, DELETE ON palisade.variables TO {role}"));
        }
        self.client.batch_execute(&statements.join("; ")).await?;
        self.item_rights().await
    }

    async fn item_rights(&self) -> Result<(), Fault> {
        let Self { role, plan, .. } = self;
        self.client.execute("DELETE FROM palisade.item_grants WHERE role = $1", &[role]).await?;
        let mut writes = false;
        for (item_type, powers) in &plan.grants.item.types {
            let can_write = powers.contains(&ItemPower::Write);
            writes |= can_write;
            let insert = "INSERT INTO palisade.item_grants (role, item_type, can_write) VALUES ($1, $2, $3)";
            self.client.execute(insert, &[role, item_type, &can_write]).await?;
        }
        if !plan.grants.item.types.is_empty() {
            self.client.batch_execute(&format!("GRANT SELECT ON palisade.items TO {role}")).await?;
        }
        if writes {
            let text = format!(
                "GRANT INSERT, UPDATE, DELETE ON palisade.items TO {role}; GRANT INSERT ON palisade.item_revisions TO {role}"
            );
            self.client.batch_execute(&text).await?;
        }
        Ok(())
    }

    /// The granted tables as the server describes them.
    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        let grants = &self.plan.grants.db;
        let mut catalogue = Catalogue::new(&self.schema, grants.query, grants.execute);
        for (name, operations) in &self.plan.grants.db.tables {
            let text = format!("SELECT * FROM {}.{}", self.schema, quoted(name));
            let described = self.client.prepare(&text).await?;
            let nullable = "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 \
                 AND NOT a.attnotnull";
            let relation = format!("{}.{}", self.schema, quoted(name));
            let rows = self.client.query(nullable, &[&relation]).await?;
            let nullable: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
            let columns = described.columns().iter().map(|column| Column {
                name: column.name().to_owned(),
                data_type: column.type_().clone(),
                nullable: nullable.contains(column.name()),
            });
            catalogue = catalogue.with_table(Table::new(name, columns.collect(), allowed(operations)));
        }
        Ok(catalogue)
    }
}

fn right(operation: TableOperation) -> &'static str {
    match operation {
        TableOperation::Select => "SELECT",
        TableOperation::Insert => "INSERT",
        TableOperation::Update => "UPDATE",
        TableOperation::Delete => "DELETE",
    }
}

fn allowed(operations: &BTreeSet<TableOperation>) -> Operations {
    Operations {
        select: operations.contains(&TableOperation::Select),
        insert: operations.contains(&TableOperation::Insert),
        update: operations.contains(&TableOperation::Update),
        delete: operations.contains(&TableOperation::Delete),
    }
}

/// A table's name comes from a manifest: quoted, whatever it holds.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
