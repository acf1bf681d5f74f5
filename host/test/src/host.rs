//! A host with one plugin, on a database of its own.

use crate::database::{Column, Row, Rows};
use crate::log::Kept;
use crate::run::Rest;
use crate::server::Server;
use crate::stand_in::{AnySecret, StandIn};
use anyhow::{Context, Result, anyhow, bail};
use palisade::guard::user::{Permission, Role};
use palisade::limits::SECRET_BYTES;
use palisade::{ANONYMOUS_ROLE, Call, Caller, Compiler, Host, Policy, Replay, Source, User};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;

/// What a [`TestHost`] is made of.
#[derive(Debug, Default)]
pub struct Options {
    /// What compiles the component. Default: this program, which has to call `palisade::compile_if_asked()`.
    pub compiler: Compiler,
    /// Where compiled code is kept. Default: nowhere, so each host compiles.
    pub compiled_code: Option<PathBuf>,
}

/// A host with one plugin that has all it asks for, on a database of its own.
pub struct TestHost {
    host: Host,
    plugin: String,
    server: Arc<Server>,
    database: String,
    rows: Rows,
    log: Arc<Kept>,
    http: Arc<StandIn>,
}

impl TestHost {
    /// Starts a host with the built plugin in a folder.
    pub async fn start(server: &Arc<Server>, folder: &Path, options: Options) -> Result<Self> {
        let source = Source::open(folder)?;
        let plugin = source.name().to_string();
        let schema = format!("plugin_{}", source.name().snake());
        let database = server.make().await.context("the test's database cannot be made")?;
        let (log, http) = (Arc::new(Kept::default()), Arc::new(StandIn::default()));
        let mut builder = Host::builder()
            .database(server.url(&database))
            .compiler(options.compiler)
            .log(log.clone())
            .http_client(http.clone())
            .secrets(AnySecret)
            .source(folder, Ok(source), Policy::as_asked());
        if let Some(compiled) = options.compiled_code {
            builder = builder.compiled_code(compiled);
        }
        // On the heap: a future that builds a host is large.
        let made = Box::pin(async {
            let host = once(folder, builder.build()).await?;
            Ok::<_, anyhow::Error>((host, server.connect(&database).await?))
        });
        match made.await {
            Ok((host, sql)) => {
                let rows = Rows { sql, schema };
                Ok(Self { host, plugin, server: Arc::clone(server), database, rows, log, http })
            }
            Err(error) => {
                let _ = server.remove(&database).await;
                Err(error)
            }
        }
    }

    /// The host, as an embedding program has it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// A call of the plugin's `interface/function`.
    pub fn call<'a>(&'a self, function: &'a str, arguments: Value) -> Call<'a> {
        self.host.call(&self.plugin, function).arguments(arguments)
    }

    /// Adds a user who holds these permissions by a role of the same name, besides other roles. The user's id depends on the name
    /// alone. The name `anonymous` adds no user: it gives callers without a token the permissions.
    pub async fn user(&self, name: &str, permissions: &[&str], roles: &[&str]) -> Result<Caller> {
        let permissions: Result<Vec<_>, _> =
            permissions.iter().map(|permission| Permission::parse(permission)).collect();
        let permissions = permissions.map_err(|refusal| anyhow!("{refusal}"))?;
        if !permissions.is_empty() {
            let permitted = self.host.users().permit(name, &permissions).await;
            permitted.map_err(|refusal| anyhow!("{refusal}"))?;
        }
        if name == ANONYMOUS_ROLE {
            return Ok(Caller::Anonymous);
        }
        let id = user_id(name);
        let mut all: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        // A user's name can be any text, and a role's cannot.
        if Role::parse(name).is_ok() {
            all.push(name.to_owned());
        }
        all.sort();
        all.dedup();
        let add = "WITH added AS (INSERT INTO palisade.users (id, name) VALUES ($1::text::uuid, $2) RETURNING id) \
                   INSERT INTO palisade.user_roles SELECT added.id, role FROM added, unnest($3::text[]) role";
        self.rows.sql.execute(add, &[&id.to_string(), &name, &all]).await?;
        Ok(Caller::user(User { id, name: name.to_owned(), roles: all }))
    }

    /// The plugin's tables, sorted.
    pub async fn tables(&self) -> Result<Vec<String>> {
        self.rows.tables().await
    }

    /// The columns of one of the plugin's tables, in order; none if it has no such table.
    pub async fn columns(&self, table: &str) -> Result<Vec<Column>> {
        self.rows.columns(table).await
    }

    /// Adds rows to one of the plugin's tables, past the plugin. Columns that are left out get their defaults, and PostgreSQL reads
    /// the values: an instant is a text. Numbers that PostgreSQL gives go on after the largest one that is there.
    pub async fn insert(&self, table: &str, rows: &[Value]) -> Result<()> {
        for row in rows {
            let Value::Object(row) = row else { bail!("a row of `{table}` is an object, and not {row}") };
            self.rows.insert(table, row).await.map_err(|error| anyhow!(sentence(&error)))?;
        }
        self.rows.go_on(table).await
    }

    /// All rows of one of the plugin's tables, in the order in which they are stored.
    pub async fn rows(&self, table: &str) -> Result<Vec<Row>> {
        self.rows.all(table).await
    }

    /// A row with its values as PostgreSQL writes them, to compare it with [`rows`](Self::rows).
    pub async fn as_stored(&self, table: &str, row: &Row) -> Result<Row> {
        self.rows.as_stored(table, row).await.map_err(|error| anyhow!(sentence(&error)))
    }

    /// What answers the requests of the plugin's actions.
    pub fn http(&self) -> &StandIn {
        &self.http
    }

    /// What the plugin has logged and printed, a line each.
    pub fn logs(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Whether a function runs with a seed and an instant: every one but an action. `None` if there is no such function.
    pub fn can_replay(&self, function: &str) -> Option<bool> {
        let plugin = self.host.plugin(&self.plugin)?;
        let found = plugin.functions.iter().find(|known| known.path == function)?;
        Some(found.kind != palisade::Kind::Action)
    }

    /// The seed and instant of a test that names neither: zeros, and 2026-01-01T00:00:00Z.
    pub fn default_replay() -> Replay {
        // wire: microseconds since 1970
        Replay::of([0; SECRET_BYTES], 1_767_225_600_000_000).unwrap_or_else(Replay::draw)
    }

    /// What is left when a test has dropped the host.
    pub(crate) fn rest(&self) -> Rest {
        Rest { server: Arc::clone(&self.server), database: self.database.clone(), log: Arc::clone(&self.log) }
    }

    /// Stops the host and drops its database.
    pub async fn stop(self) {
        let Self { host, server, database, rows, .. } = self;
        host.stop().await;
        drop(rows);
        // What is left goes with the server.
        let _ = server.remove(&database).await;
    }
}

/// Waits for a host of a folder. The first host of each folder is built alone: it compiles what the others find compiled.
async fn once(folder: &Path, build: impl Future<Output = Result<Host, palisade::LoadError>>) -> Result<Host> {
    static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::const_new(BTreeSet::new());
    let build = Box::pin(build);
    let mut compiled = COMPILED.lock().await;
    if compiled.contains(folder) {
        drop(compiled);
        return Ok(build.await?);
    }
    let host = build.await?;
    compiled.insert(folder.to_owned());
    Ok(host)
}

/// A user's id: a UUID of version 8 from the name.
fn user_id(name: &str) -> Uuid {
    let mut bytes = [0; 16]; // wire: RFC 9562, section 5.8
    for (byte, hashed) in bytes.iter_mut().zip(Sha256::digest(name.as_bytes())) {
        *byte = hashed;
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x80; // wire: RFC 9562, section 5.8
    bytes[8] = (bytes[8] & 0x3f) | 0x80; // wire: RFC 9562, section 5.8
    Uuid::from_bytes(bytes)
}

/// What PostgreSQL says, without the words of the driver.
fn sentence(error: &anyhow::Error) -> String {
    match error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error) {
        Some(said) => match said.detail() {
            Some(detail) => format!("PostgreSQL says: {}: {detail}", said.message()),
            None => format!("PostgreSQL says: {}", said.message()),
        },
        None => error.to_string(),
    }
}
