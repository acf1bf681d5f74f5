//! What every test needs: its own database, hosts on it, and a superuser's view of it.

mod cache;
mod log;
mod outage;
mod outside;
mod page;
mod refused;
mod server;
mod state;
mod variants;
mod web;
mod wire;

pub use cache::{EmptyCache, OnGet};
pub use log::Captured;
pub use outage::{Frozen, OwnServer, signal};
pub use outside::Outside;
pub use page::{blocks, read, root};
pub use refused::{exceeded, invalid, oversized, trapped};
use server::compiled_code;
pub use server::{SERVER, shared};
pub use state::Snapshot;
pub use variants::{CALLS, component, limited, odd};
pub use web::{Answer, Served, client};
pub use wire::{Wire, status};

use palisade::{CallError, Caller, Compiler, Host, HostBuilder, Policy, User};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A database, and what the hosts on it logged.
pub struct World {
    server: Arc<server::Shared>,
    database: String,
    /// The superuser's connection.
    pub sql: Client,
    /// What plugins logged.
    pub log: Captured,
}

/// A builder for hosts on this database.
pub fn builder(url: impl Into<String>) -> HostBuilder {
    Host::builder().database(url).compiler(compiler()).compiled_code(compiled_code())
}

/// The compiler for the tests' hosts, built together with them.
pub fn compiler() -> Compiler {
    Compiler::program(env!("CARGO_BIN_EXE_compiler"))
}

/// The path of the `palisade` command.
pub fn palisade() -> PathBuf {
    let binary = std::env::var_os("PALISADE_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/debug/palisade"),
        PathBuf::from,
    );
    assert!(binary.exists(), "{} is not built: run `cargo build --bin palisade`", binary.display());
    binary.canonicalize().unwrap()
}

/// The folder of built guests.
fn built() -> PathBuf {
    std::env::var_os("PALISADE_GUESTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests"), PathBuf::from)
}

/// The sets of guests in that folder.
const SETS: [&str; 2] = ["tests", "example-plugins"];

/// The folder of a built guest.
pub fn guest(name: &str) -> PathBuf {
    let found = SETS.iter().map(|set| built().join(set).join(name)).find(|path| path.is_dir());
    found.unwrap_or_else(|| panic!("guest {name} is not built: run `cargo xtask guests`"))
}

/// The folder of the built guestbook in a language.
pub fn guestbook(language: &str) -> PathBuf {
    let folder = built().join("guestbooks").join(language);
    assert!(folder.is_dir(), "the guestbook in {language} is not built: run `cargo xtask guests`");
    folder
}

/// The folders of all built guests, by name.
pub fn guests() -> Vec<PathBuf> {
    let entries = SETS.iter().flat_map(|set| std::fs::read_dir(built().join(set)).unwrap());
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.join("palisade.toml").exists());
    folders.sort();
    folders
}

/// A copy of a guest's folder with a changed manifest.
pub fn altered(name: &str, change: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let (from, to) = (guest(name), tempfile::tempdir().unwrap());
    copy(&from, to.path());
    let manifest = to.path().join("palisade.toml");
    std::fs::write(&manifest, change(std::fs::read_to_string(&manifest).unwrap())).unwrap();
    to
}

/// Copies the contents of a folder into another.
pub fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl World {
    /// Creates a new database.
    pub async fn new() -> Self {
        let server = shared().await;
        let database = format!("t{}", Uuid::new_v4().simple());
        let admin = server.connect("postgres").await;
        admin
            .batch_execute(&format!(
                "CREATE DATABASE {database} TEMPLATE palisade_template STRATEGY file_copy"
            ))
            .await
            .unwrap();
        let sql = server.connect(&database).await;
        Self { server, database, sql, log: Captured::default() }
    }

    /// Creates an external database: as PostgreSQL makes it, on a server that does not say it is a host's private
    /// one.
    pub async fn bare() -> Self {
        let server = shared().await;
        let database = format!("t{}", Uuid::new_v4().simple());
        let admin = server.connect("postgres").await;
        for text in [
            format!("CREATE DATABASE {database} TEMPLATE template0 STRATEGY file_copy"),
            format!("ALTER DATABASE {database} SET palisade.private = 'off'"),
        ] {
            admin.batch_execute(&text).await.unwrap();
        }
        let sql = server.connect(&database).await;
        Self { server, database, sql, log: Captured::default() }
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Creates a role with these attributes. Returns its name and the URL of the database for it.
    pub async fn login(&self, attributes: &str) -> (String, String) {
        let login = format!("l{}", Uuid::new_v4().simple());
        self.sql.batch_execute(&format!("CREATE ROLE {login} {attributes} PASSWORD 'known'")).await.unwrap();
        let url = self.url().replace("user=palisade", &format!("user={login} password=known"));
        (login, url)
    }

    /// Gives the superuser's connection the rights of a plugin's login, and returns the login.
    pub async fn become_login(&self, plugin: &str) -> String {
        let known = "SELECT role FROM palisade.plugins WHERE name = $1";
        let role: String = self.sql.query_one(known, &[&plugin]).await.unwrap().get(0);
        let become_it = format!("SET search_path = plugin_{plugin}; SET SESSION AUTHORIZATION {role}");
        self.sql.batch_execute(&become_it).await.unwrap();
        role
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        self.server.url(&self.database)
    }

    /// A builder for hosts on this database that records plugins' logs.
    pub fn builder(&self) -> HostBuilder {
        builder(self.url()).log(Arc::new(self.log.clone()))
    }

    /// A host with these guests, each with all grants that it requests.
    pub async fn host(&self, guests: &[&str]) -> Host {
        let mut builder = self.builder();
        for name in guests {
            builder = builder.plugin(guest(name), Policy::as_asked());
        }
        builder.build().await.unwrap()
    }

    /// A user with these roles.
    pub async fn user(&self, host: &Host, name: &str, roles: &[&str]) -> User {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        host.users().add(name, &roles).await.unwrap()
    }

    /// Returns one number from the database.
    pub async fn count(&self, query: &str) -> i64 {
        self.sql.query_one(query, &[]).await.unwrap().get(0)
    }

    /// A hash of all rows of all tables, schema by schema. It changes if anything changes.
    pub async fn state(&self) -> String {
        let tables = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        let mut state = String::new();
        for row in self.sql.query(tables, &[]).await.unwrap() {
            let table: String = row.get(0);
            let text =
                format!("SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t");
            let hash: String = self.sql.query_one(&text, &[]).await.unwrap().get(0);
            state.extend([table.as_str(), " ", hash.as_str(), "\n"]);
        }
        state
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.retire(&self.database);
    }
}

/// Calls as an anonymous caller and returns the value.
pub async fn call(host: &Host, plugin: &str, function: &str, arguments: Value) -> Result<Value, CallError> {
    call_as(host, plugin, function, arguments, Caller::Anonymous).await
}

/// Calls again while the host is overloaded. On a busy machine a call can wait for a processor for most of its time, and is
/// then told to try again.
pub async fn call_patiently(
    host: &Host,
    plugin: &str,
    function: &str,
    arguments: Value,
) -> Result<Value, CallError> {
    for _ in 0..100 {
        let result = call(host, plugin, function, arguments.clone()).await;
        if !matches!(result, Err(CallError::Overloaded { .. })) {
            return result;
        }
    }
    call(host, plugin, function, arguments).await
}

/// Calls as this caller and returns the value.
pub async fn call_as(
    host: &Host,
    plugin: &str,
    function: &str,
    arguments: Value,
    caller: Caller,
) -> Result<Value, CallError> {
    host.call(plugin, function).arguments(arguments).caller(caller).await.map(|outcome| outcome.value)
}

/// The guest's own `err`. Panics if the call returned anything else.
pub fn returned(result: Result<Value, CallError>) -> Value {
    match result {
        Err(CallError::Returned(value)) => value,
        other => panic!("expected the plugin's own error, got {other:?}"),
    }
}

/// Connects to a database. A background task drives the connection.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
