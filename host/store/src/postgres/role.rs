//! Installs a plugin: its login role, its schema, its tables and its rights, and nothing of any other plugin.
//!
//! Everything happens in one transaction under a lock, so a plugin is installed as a whole or not at all. Only a file of
//! migrations that must be committed before the next one, or that no transaction can hold, ends it early. The role's
//! rights are made from the grants each time a host loads the plugin: what is no longer granted is revoked.
//!
//! Each plugin has two roles. The login owns nothing, and a plugin's statements run as no other role. The owner cannot
//! log in; it owns the schema and runs its migrations. This file makes the roles; the schema is in [`super::schema`],
//! the rights are in [`super::rights`], and rows of users in [`super::owned`]. Tests: `tests/rights/`.

use super::Database;
use super::extensions;
use super::harden;
use super::migrate;
use super::pool::{Connection, Pool};
use super::schema::Migrated;
use super::settings::Settings;
use super::storage::Storage;
use super::tables::{self, Tables};
use crate::error::InstallError;
use crate::postgres::claim::Signer;
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::grant::Grants;
use palisade_guard::limits::{
    ANSWER_MS, IDLE_IN_TRANSACTION_MS, LOCK_MS, MIGRATION_LOCK_MS, MIGRATION_LOCKS_MS, MIGRATION_MS,
    MIGRATION_RETRY_MAX_MS, MIGRATION_RETRY_MS, MS_PER_S, PLUGIN_CONNECTIONS_MAX,
    PLUGIN_NESTED_CONNECTIONS_MAX, ROLE_POOLS_MAX, STATEMENT_MS,
};
use palisade_guard::manifest::may_follow;
use palisade_guard::name::PluginName;
use postgres_protocol::password::scram_sha_256;
use sha2::Sha256;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

/// What to install.
pub struct Plan<'a> {
    pub name: &'a PluginName,
    pub version: &'a str,
    /// Whether a version may be installed that is older than the one that was installed last.
    pub allows_downgrade: bool,
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
    /// The plugin's tables as the host knows them.
    pub tables: Arc<Tables>,
    /// The signer of callers' proofs, if rows of the plugin's tables belong to users.
    pub signer: Option<Arc<Signer>>,
}

impl Database {
    /// Installs a plugin, or brings it up to date.
    pub async fn install(&self, plan: &Plan<'_>) -> Result<Installed, InstallError> {
        let (read, _) = self.work(plan, false, async |work, password| work.installed(password).await).await?;
        Ok(self.known(plan, read))
    }

    /// A plugin's handle on the database, with what was read of its tables.
    fn known(&self, plan: &Plan<'_>, read: (Catalogue, i64)) -> Installed {
        let (role, password) = (self.login_of(plan.name), self.password(&self.login_of(plan.name)));
        let mut url = self.url.clone();
        url.config.user(&role).password(password).application_name(format!("palisade/{}", plan.name));
        let storage = Arc::new(Storage::new(&role, plan.storage));
        self.watch.store(&role, Arc::clone(&storage));
        let settings = Settings::of_plugin(&schema(plan.name), &plan.grants.db.extensions);
        let nested_pool = Pool::budgeted(
            url.clone(),
            &settings,
            PLUGIN_NESTED_CONNECTIONS_MAX,
            &self.budget,
            &self.watch,
            Arc::clone(&storage),
        );
        let pool = Pool::budgeted(url, &settings, PLUGIN_CONNECTIONS_MAX, &self.budget, &self.watch, storage);
        let pools = [Arc::clone(&pool), Arc::clone(&nested_pool)];
        let tables = Tables::new(self, plan.name, &plan.grants.db, pools, read);
        let has_users_rows = plan.grants.db.tables.values().any(|table| table.owner.is_some());
        let signer = has_users_rows.then(|| Arc::clone(&self.signer));
        Installed { role, pool, nested_pool, tables, signer }
    }

    /// Runs the migrations of a plugin that have not run yet, as [`install`](Self::install) does, and returns their names. A
    /// rehearsal does so in one transaction that is rolled back.
    pub async fn migrate(&self, plan: &Plan<'_>, is_rehearsal: bool) -> Result<Vec<String>, InstallError> {
        let ran = self.work(plan, is_rehearsal, async |work, password| work.installed(password).await).await;
        ran.map(|(_, files)| files)
    }

    /// Looks at a plugin and writes nothing. The handle can be used only if the plugin is installed and no migration is pending.
    pub async fn look(&self, plan: &Plan<'_>) -> Result<(Installed, Look), InstallError> {
        let look = self.work(plan, true, async |work, _| work.looked().await).await?;
        let nothing = Catalogue::new(schema(plan.name), false, false);
        Ok((self.known(plan, (nothing, 0)), look))
    }

    fn login_of(&self, plugin: &PluginName) -> String {
        format!("pal_{}_{}", self.tag, plugin.snake())
    }

    async fn work<T>(
        &self,
        plan: &Plan<'_>,
        is_rehearsal: bool,
        run: impl AsyncFnOnce(Work<'_>, &str) -> Result<T, InstallFailure>,
    ) -> Result<T, InstallError> {
        let refuse = |sentence: String| InstallError::Migration { plugin: plan.name.to_string(), sentence };
        let role = self.login_of(plan.name);
        // A tag has no `w`, so no plugin's login has this name. With the longest plugin name it has 59 bytes;
        // PostgreSQL allows 63.
        let owner = format!("pal_owner_{}_{}", self.tag, plan.name.snake());
        let connection = self.connection().await.map_err(|refusal| refuse(refusal.to_string()))?;
        // Never pooled again: if this future is dropped, the connection is in the middle of something.
        let connection = Once::new(connection);
        let client = connection.client().ok_or_else(|| refuse("no connection".into()))?;
        let (schema, is_pooled) = (schema(plan.name), self.url.is_pooled);
        let work = Work { client, plan, role: &role, owner: &owner, schema, is_pooled, is_rehearsal };
        let password = self.password(&role);
        let longest = Duration::from_millis(MIGRATION_MS.saturating_add(ANSWER_MS));
        let done = timeout(longest, run(work, &password)).await;
        let done = done.unwrap_or_else(|_| {
            Err(InstallFailure::Sentence("the database does not answer any more; start again".to_owned()))
        });
        done.map_err(|failure| match failure {
            InstallFailure::Server(error) => InstallError::Database {
                sentence: format!("plugin `{}` could not be installed; the cause is below", plan.name),
                source: anyhow::anyhow!("{}", migrate::describe(&error)),
            },
            InstallFailure::Sentence(sentence) => refuse(sentence),
            InstallFailure::Downgrade(sentence) => {
                InstallError::Downgrade { plugin: plan.name.to_string(), sentence }
            }
        })
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

/// What a look at a plugin in the database finds.
pub struct Look {
    /// Whether the plugin has a login there.
    pub is_installed: bool,
    /// The migrations that have not run yet, each of which the guard has checked.
    pub pending: Vec<String>,
}

/// A connection that is closed on drop.
pub(super) struct Once(Option<Connection>);

impl Once {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    pub(super) fn client(&self) -> Option<&Client> {
        self.0.as_ref().map(Connection::client)
    }
}

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

/// The catalogue and the note of the installation, unless another transaction has to follow, and what the migrations did.
type Step = (Option<(Catalogue, i64)>, Migrated);

/// Why an installation failed.
pub(super) enum InstallFailure {
    Server(tokio_postgres::Error),
    Sentence(String),
    /// The version is older than the installed one.
    Downgrade(String),
}

impl InstallFailure {
    /// Whether others hold the locks that the installation needs: 55P03, a lock that was not free in time; 40P01, a deadlock.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Server(error) => error.code().is_some_and(|code| matches!(code.code(), "55P03" | "40P01")),
            Self::Sentence(_) | Self::Downgrade(_) => false,
        }
    }
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
    /// Whether a PgBouncer is between the host and the server.
    pub is_pooled: bool,
    /// Whether everything is rolled back in the end.
    pub is_rehearsal: bool,
}

impl Work<'_> {
    /// Installs the plugin, in as many transactions as its migrations need. A transaction that cannot get a lock in time gives
    /// up those that it has, so that nobody waits behind it for long, and tries again later.
    async fn installed(&self, password: &str) -> Result<((Catalogue, i64), Vec<String>), InstallFailure> {
        let (mut began, mut wait) = (Instant::now(), MIGRATION_RETRY_MS);
        let mut files = Vec::new();
        loop {
            match self.transaction(password).await {
                Ok((read, done)) => {
                    files.extend(done.files);
                    if let Some(index) = &done.index {
                        self.build(index).await?;
                        files.push(index.name.clone());
                    }
                    if let Some(read) = read {
                        return Ok((read, files));
                    }
                    (began, wait) = (Instant::now(), MIGRATION_RETRY_MS);
                }
                Err(failure) if failure.is_busy() => {
                    let plugin = self.plan.name.as_str();
                    let left = Duration::from_millis(MIGRATION_LOCKS_MS).saturating_sub(began.elapsed());
                    if left < Duration::from_millis(wait) {
                        return Err(InstallFailure::Sentence(format!(
                            "its tables are in use: for {} s another session has held a lock that the migration needs, such as \
                             a backup, a long statement or a transaction that somebody left open. Nothing has changed: end that \
                             session, or start again later",
                            MIGRATION_LOCKS_MS / MS_PER_S
                        )));
                    }
                    tracing::warn!(plugin, ms = wait, "its tables are in use, so the migration tries again");
                    sleep(Duration::from_millis(wait)).await;
                    wait = wait.saturating_mul(2).min(MIGRATION_RETRY_MAX_MS);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn transaction(&self, password: &str) -> Result<Step, InstallFailure> {
        self.client.batch_execute(&migrate::begin()).await?;
        let result = self.install(password).await;
        let keeps = result.is_ok() && !self.is_rehearsal;
        self.client.batch_execute(migrate::end(keeps)).await?;
        result
    }

    /// The catalogue is read in the same transaction: it needs named statements, and behind a PgBouncer only a
    /// transaction stays on the server connection that knows the names. Also, nobody changes the tables in between.
    async fn install(&self, password: &str) -> Result<Step, InstallFailure> {
        if self.is_rehearsal {
            migrate::rehearse(self.client).await?;
        }
        // The lock of all installations is held now, and nobody who serves waits for that.
        self.client.batch_execute(&format!("SET LOCAL lock_timeout = {MIGRATION_LOCK_MS}")).await?;
        self.not_older().await?;
        let extensions = extensions::place(self.client, &self.plan.grants.db).await?;
        let stamp = self.login(password).await?;
        self.owner().await?;
        self.extension_rights(&extensions).await?;
        self.take_schema().await?;
        let done = self.migrate(&extensions).await?;
        self.bound_values().await?;
        if done.is_partial {
            // The version that serves keeps its rights; only the policies have been dropped.
            self.own_rows(true).await?;
            return Ok((None, done));
        }
        self.rights().await?;
        self.own_rows(false).await?;
        let catalogue = tables::read(self.client, &self.schema, &self.plan.grants.db, extensions).await?;
        Ok((Some((catalogue, stamp)), done))
    }

    /// Refuses a version that is older than the one that was installed last: the tables may not fit it any more. The version is
    /// noted in the transaction that runs its migrations, and all hosts of the database see it.
    async fn not_older(&self) -> Result<(), InstallFailure> {
        let known = "SELECT version FROM palisade.plugins WHERE name = $1";
        let installed = self.client.query_opt(known, &[&self.plan.name.as_str()]).await?;
        let installed: Option<String> = installed.map(|row| row.get(0));
        let version = self.plan.version;
        match installed {
            Some(installed) if !self.plan.allows_downgrade && !may_follow(&installed, version) => {
                Err(InstallFailure::Downgrade(format!(
                    "version {version} is older than {installed}, which was installed in this database last and may have changed its \
                     tables: load {installed} or a newer version, or go back with `--allow-downgrade` \
                     (`HostBuilder::allow_downgrade`)"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Makes the login: it owns nothing and inherits nothing, and its defaults are the limits. Returns the note that tells other
    /// hosts of the installation.
    async fn login(&self, password: &str) -> Result<i64, InstallFailure> {
        let Self { role, schema, .. } = self;
        self.make(role).await?;
        let connections = PLUGIN_CONNECTIONS_MAX
            .saturating_add(PLUGIN_NESTED_CONNECTIONS_MAX)
            .saturating_mul(ROLE_POOLS_MAX);
        let granted = &self.plan.grants.db.extensions;
        let settings = Settings::of_plugin(schema, granted).of_role(role, &self.database().await?);
        // What the server would make of it: the password itself is in no statement, and so in nobody's log.
        let verifier = scram_sha_256(password.as_bytes());
        let text = format!(
            "ALTER ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT {connections} PASSWORD '{verifier}'; \
             ALTER ROLE {role} SET default_transaction_read_only = on; \
             ALTER ROLE {role} SET statement_timeout = {STATEMENT_MS}; \
             ALTER ROLE {role} SET lock_timeout = {LOCK_MS}; \
             ALTER ROLE {role} SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; \
             {settings} GRANT {role} TO CURRENT_USER"
        );
        self.client.batch_execute(&text).await?;
        harden::bound_files(self.client, role).await?;
        let note = "INSERT INTO palisade.plugins (name, role, version) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET role = EXCLUDED.role, version = EXCLUDED.version, installed_at = now() \
             RETURNING (extract(epoch FROM installed_at) * 1000000)::bigint";
        let noted =
            self.client.query_one(note, &[&self.plan.name.as_str(), role, &self.plan.version]).await?;
        Ok(noted.get(0))
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
