//! Installing a plugin: its login role, its schema, its tables, its rights, and nothing else's.
//!
//! Everything happens in one transaction under a lock, so a plugin is installed whole or not at all. The role is made
//! anew to the grants each time a host loads the plugin: what is no longer granted is revoked.
//!
//! Two roles for each plugin: a login, which owns nothing and is all that a plugin ever speaks as, and an owner, which is
//! nobody's login, owns the schema and runs its migrations. Here are the roles; the schema is in [`super::schema`], the
//! rights in [`super::rights`], rows of users in [`super::owned`]. Tests: `tests/rights/`.

use super::Database;
use super::harden;
use super::migrate;
use super::pool::{Connection, Pool};
use crate::error::InstallError;
use crate::postgres::claim::Signer;
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::grant::Grants;
use palisade_guard::limits::{
    IDLE_IN_TRANSACTION_MS, LOCK_MS, PLUGIN_CONNECTIONS_MAX, ROLE_POOLS_MAX, STATEMENT_MS,
};
use palisade_guard::name::PluginName;
use sha2::Sha256;
use std::sync::Arc;
use tokio_postgres::Client;

/// What is installed.
pub struct Plan<'a> {
    pub name: &'a PluginName,
    pub version: &'a str,
    pub grants: &'a Grants,
    /// File names and texts, in the order of the names.
    pub migrations: &'a [(String, String)],
}

/// A plugin's side of the database.
pub struct Installed {
    pub role: String,
    pub pool: Arc<Pool>,
    pub catalogue: Catalogue,
    /// Where rows of its tables belong to users.
    pub signer: Option<Arc<Signer>>,
}

impl Database {
    /// Installs a plugin, or brings it up to date.
    pub async fn install(&self, plan: &Plan<'_>) -> Result<Installed, InstallError> {
        let refuse = |sentence: String| InstallError::Migration { plugin: plan.name.to_string(), sentence };
        let role = format!("pal_{}_{}", self.tag, plan.name.snake());
        // A tag has no `w`, so this is no plugin's login; of the longest name it is 59 bytes of the 63 that there may be.
        let owner = format!("pal_owner_{}_{}", self.tag, plan.name.snake());
        let connection = self.connection().await.map_err(|refusal| refuse(refusal.to_string()))?;
        // Never pooled again: whoever drops this future leaves it in the middle of something.
        let connection = Once(Some(connection));
        let client =
            connection.0.as_ref().map(Connection::client).ok_or_else(|| refuse("no connection".into()))?;
        let work = Work { client, plan, role: &role, owner: &owner, schema: schema(plan.name) };
        let password = self.password(&role);
        let catalogue = work.transaction(&password).await.map_err(|fault| match fault {
            Fault::Server(error) => InstallError::Database {
                sentence: format!("plugin `{}` could not be installed; the cause is below", plan.name),
                source: anyhow::anyhow!("{}", migrate::describe(&error)),
            },
            Fault::Sentence(sentence) => refuse(sentence),
        })?;
        let mut url = self.url.clone();
        url.config.user(&role).password(password).application_name(format!("palisade/{}", plan.name));
        let pool = Pool::seated(url, PLUGIN_CONNECTIONS_MAX, &self.seats);
        let has_users_rows = plan.grants.db.tables.values().any(|table| table.owner.is_some());
        let signer = has_users_rows.then(|| Arc::clone(&self.signer));
        Ok(Installed { role, pool, catalogue, signer })
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

/// Why an installation ended.
pub(super) enum Fault {
    Server(tokio_postgres::Error),
    Sentence(String),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

/// One installation. Names in its texts are made of a plugin's name, so they need no escaping.
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
    async fn transaction(&self, password: &str) -> Result<Catalogue, Fault> {
        self.client.batch_execute(&migrate::begin()).await?;
        let result = self.install(password).await;
        self.client.batch_execute(migrate::end(result.is_ok())).await?;
        result
    }

    /// The catalogue is read here, too: what it prepares is named, and behind a PgBouncer only a transaction keeps the
    /// server that knows the name. Nobody changes the tables in between, either.
    async fn install(&self, password: &str) -> Result<Catalogue, Fault> {
        self.login(password).await?;
        self.owner().await?;
        self.take_schema().await?;
        self.migrate().await?;
        self.rights().await?;
        self.own_rows().await?;
        self.catalogue().await
    }

    /// The login: owns nothing, inherits nothing, and its defaults are the limits.
    async fn login(&self, password: &str) -> Result<(), Fault> {
        let Self { role, schema, .. } = self;
        self.make(role).await?;
        let connections = PLUGIN_CONNECTIONS_MAX.saturating_mul(ROLE_POOLS_MAX);
        let text = format!(
            "ALTER ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT {connections} PASSWORD '{password}'; \
             ALTER ROLE {role} SET search_path = {schema}; \
             ALTER ROLE {role} SET default_transaction_read_only = on; \
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

    /// The schema's owner. The host is a member, with the owner's rights: since version 16 a membership says that itself,
    /// before it was the member's attribute, which logins have unless they were made without.
    async fn owner(&self) -> Result<(), Fault> {
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

    /// Makes a role without any attribute. One that is there and has some loses them, where the host may take them: most
    /// attributes can be named only by those who have them.
    async fn make(&self, role: &str) -> Result<(), Fault> {
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

/// A table's or column's name comes from a manifest: quoted, whatever it holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
