//! Installs a plugin: its login role, its schema, its tables and its rights, and nothing of any other plugin.
//!
//! Everything happens in one transaction under a lock, so a plugin is installed as a whole or not at all. The role's
//! rights are made from the grants each time a host loads the plugin: what is no longer granted is revoked.
//!
//! Each plugin has two roles. The login owns nothing, and a plugin's statements run as no other role. The owner cannot
//! log in; it owns the schema and runs its migrations. This file makes the roles; the schema is in [`super::schema`],
//! the rights are in [`super::rights`], and rows of users in [`super::owned`]. Tests: `tests/rights/`.

use super::Database;
use super::harden;
use super::migrate;
use super::pool::{Connection, Pool};
use super::settings::Settings;
use super::storage::Storage;
use crate::error::InstallError;
use crate::postgres::claim::Signer;
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::grant::Grants;
use palisade_guard::limits::{
    ANSWER_MS, IDLE_IN_TRANSACTION_MS, LOCK_MS, MIGRATION_MS, PLUGIN_CONNECTIONS_MAX,
    PLUGIN_NESTED_CONNECTIONS_MAX, ROLE_POOLS_MAX, STATEMENT_MS,
};
use palisade_guard::name::PluginName;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

/// What to install.
pub struct Plan<'a> {
    pub name: &'a PluginName,
    pub version: &'a str,
    pub grants: &'a Grants,
    /// Bytes that the plugin's tables may take.
    pub storage: u64,
    /// Names and texts of the migration files, in the order of the names.
    pub migrations: &'a [(String, String)],
}

/// A plugin's handle on the database.
pub struct Installed {
    pub role: String,
    pub pool: Arc<Pool>,
    /// For invocations that another one waits for.
    pub nested_pool: Arc<Pool>,
    pub catalogue: Catalogue,
    /// The signer of callers' proofs, if rows of the plugin's tables belong to users.
    pub signer: Option<Arc<Signer>>,
}

impl Database {
    /// Installs a plugin, or brings it up to date.
    pub async fn install(&self, plan: &Plan<'_>) -> Result<Installed, InstallError> {
        let refuse = |sentence: String| InstallError::Migration { plugin: plan.name.to_string(), sentence };
        let role = format!("pal_{}_{}", self.tag, plan.name.snake());
        // A tag has no `w`, so no plugin's login has this name. With the longest plugin name it has 59 bytes;
        // PostgreSQL allows 63.
        let owner = format!("pal_owner_{}_{}", self.tag, plan.name.snake());
        let connection = self.connection().await.map_err(|refusal| refuse(refusal.to_string()))?;
        // Never pooled again: if this future is dropped, the connection is in the middle of something.
        let connection = Once(Some(connection));
        let client =
            connection.0.as_ref().map(Connection::client).ok_or_else(|| refuse("no connection".into()))?;
        let work = Work { client, plan, role: &role, owner: &owner, schema: schema(plan.name) };
        let password = self.password(&role);
        let longest = Duration::from_millis(MIGRATION_MS.saturating_add(ANSWER_MS));
        let installed = timeout(longest, work.transaction(&password)).await;
        let installed = installed.unwrap_or_else(|_| {
            Err(InstallFailure::Sentence("the database does not answer any more; start again".to_owned()))
        });
        let catalogue = installed.map_err(|failure| match failure {
            InstallFailure::Server(error) => InstallError::Database {
                sentence: format!("plugin `{}` could not be installed; the cause is below", plan.name),
                source: anyhow::anyhow!("{}", migrate::describe(&error)),
            },
            InstallFailure::Sentence(sentence) => refuse(sentence),
        })?;
        let mut url = self.url.clone();
        url.config.user(&role).password(password).application_name(format!("palisade/{}", plan.name));
        let storage = Arc::new(Storage::new(&role, plan.storage));
        self.watch.store(&role, Arc::clone(&storage));
        let settings = Settings::of_plugin(&schema(plan.name));
        let nested_pool = Pool::budgeted(
            url.clone(),
            &settings,
            PLUGIN_NESTED_CONNECTIONS_MAX,
            &self.budget,
            &self.watch,
            Arc::clone(&storage),
        );
        let pool = Pool::budgeted(url, &settings, PLUGIN_CONNECTIONS_MAX, &self.budget, &self.watch, storage);
        let has_users_rows = plan.grants.db.tables.values().any(|table| table.owner.is_some());
        let signer = has_users_rows.then(|| Arc::clone(&self.signer));
        Ok(Installed { role, pool, nested_pool, catalogue, signer })
    }

    /// A role's password. Every host of this database derives the same one, and nobody stores it.
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

/// A connection that is closed on drop.
struct Once(Option<Connection>);

impl Drop for Once {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.retire();
        }
    }
}

/// The schema of a plugin. A plugin's name has no `_`, so no two plugins share a schema.
fn schema(name: &PluginName) -> String {
    format!("plugin_{}", name.snake())
}

/// Why an installation failed.
pub(super) enum InstallFailure {
    Server(tokio_postgres::Error),
    Sentence(String),
}

impl From<tokio_postgres::Error> for InstallFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

/// One installation. Its SQL needs no escaping for names that are made from a plugin's name.
pub(super) struct Work<'a> {
    pub client: &'a Client,
    pub plan: &'a Plan<'a>,
    /// The login.
    pub role: &'a str,
    /// The role that owns the schema.
    pub owner: &'a str,
    pub schema: String,
}

impl Work<'_> {
    async fn transaction(&self, password: &str) -> Result<Catalogue, InstallFailure> {
        self.client.batch_execute(&migrate::begin()).await?;
        let result = self.install(password).await;
        self.client.batch_execute(migrate::end(result.is_ok())).await?;
        result
    }

    /// The catalogue is read in the same transaction: it needs named statements, and behind a PgBouncer only a
    /// transaction stays on the server connection that knows the names. Also, nobody changes the tables in between.
    async fn install(&self, password: &str) -> Result<Catalogue, InstallFailure> {
        self.login(password).await?;
        self.owner().await?;
        self.take_schema().await?;
        self.migrate().await?;
        self.bound_values().await?;
        self.rights().await?;
        self.own_rows().await?;
        self.catalogue().await
    }

    /// Makes the login: it owns nothing and inherits nothing, and its defaults are the limits.
    async fn login(&self, password: &str) -> Result<(), InstallFailure> {
        let Self { role, schema, .. } = self;
        self.make(role).await?;
        let connections = PLUGIN_CONNECTIONS_MAX
            .saturating_add(PLUGIN_NESTED_CONNECTIONS_MAX)
            .saturating_mul(ROLE_POOLS_MAX);
        let settings = Settings::of_plugin(schema).of_role(role, &self.database().await?);
        let text = format!(
            "ALTER ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT {connections} PASSWORD '{password}'; \
             ALTER ROLE {role} SET default_transaction_read_only = on; \
             ALTER ROLE {role} SET statement_timeout = {STATEMENT_MS}; \
             ALTER ROLE {role} SET lock_timeout = {LOCK_MS}; \
             ALTER ROLE {role} SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; \
             {settings} GRANT {role} TO CURRENT_USER"
        );
        self.client.batch_execute(&text).await?;
        harden::bound_files(self.client, role).await?;
        let note = "INSERT INTO palisade.plugins (name, role, version) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET role = EXCLUDED.role, version = EXCLUDED.version, installed_at = now()";
        self.client.execute(note, &[&self.plan.name.as_str(), role, &self.plan.version]).await?;
        Ok(())
    }

    /// The quoted name of the database.
    async fn database(&self) -> Result<String, InstallFailure> {
        let name = "SELECT pg_catalog.quote_ident(pg_catalog.current_database())";
        Ok(self.client.query_one(name, &[]).await?.get(0))
    }

    /// Makes the schema's owner. The host becomes a member with the owner's rights: since version 16 the membership
    /// says so itself; before, it depended on the member's attribute `INHERIT`, which a login has unless it was made
    /// without.
    async fn owner(&self) -> Result<(), InstallFailure> {
        let owner = self.owner;
        self.make(owner).await?;
        // wire: PostgreSQL's, as it numbers its versions
        let version = "SELECT pg_catalog.current_setting('server_version_num')::integer >= 160000";
        let options = if self.client.query_one(version, &[]).await?.get(0) {
            " WITH INHERIT TRUE, SET TRUE"
        } else {
            ""
        };
        let text = format!("ALTER ROLE {owner} NOLOGIN NOINHERIT; GRANT {owner} TO CURRENT_USER{options}");
        Ok(self.client.batch_execute(&text).await?)
    }

    /// Makes a role without any attribute. An existing role loses its attributes, if the host may remove them: most
    /// attributes can be named only by a role that has them.
    async fn make(&self, role: &str) -> Result<(), InstallFailure> {
        let known = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_catalog.pg_roles \
             WHERE rolname = $1";
        let verb = match self.client.query_opt(known, &[&role]).await?.map(|row| row.get::<_, bool>(0)) {
            Some(false) => return Ok(()),
            Some(true) => "ALTER",
            None => "CREATE",
        };
        let text =
            format!("{verb} ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS");
        Ok(self.client.batch_execute(&text).await?)
    }
}

/// Quotes the name of a table or column: it comes from a manifest and may hold anything.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
