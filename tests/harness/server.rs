//! The server that all tests share. The first test that needs it starts it, and the last one that holds it stops it.

use palisade::store::private::{PrivateOptions, PrivateServer};
use palisade_store::postgres::{Database, DatabaseUrl};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio_postgres::Client;

/// The environment variable with the URL of the parent process's server. The parent keeps the server running.
pub const SERVER: &str = "PALISADE_TEST_SERVER";

/// A running server with a migrated template database.
pub struct Shared {
    server: Option<PrivateServer>,
    url: String,
}

/// A runtime that outlives each test's own. It drives the server's connections and drops databases.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
}

/// Returns the running server, or starts one.
pub async fn shared() -> Arc<Shared> {
    static CURRENT: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
    let mut current = CURRENT.lock().await;
    if let Some(shared) = current.upgrade() {
        return shared;
    }
    let started = runtime().spawn(async { Arc::new(Shared::start().await) }).await.unwrap();
    *current = Arc::downgrade(&started);
    started
}

impl Shared {
    async fn start() -> Self {
        if let Ok(url) = std::env::var(SERVER) {
            return Self { server: None, url };
        }
        let mut options = PrivateOptions::temporary();
        options.settings.push(("max_connections".into(), "300".into()));
        let server = PrivateServer::start(options).await.unwrap();
        let shared = Self { url: server.url(), server: Some(server) };
        let admin = shared.connect("postgres").await;
        admin.batch_execute("CREATE DATABASE palisade_template").await.unwrap();
        let migrated = Database::connect(shared.url("palisade_template").parse::<DatabaseUrl>().unwrap(), 1)
            .await
            .unwrap();
        drop(migrated);
        // A template database cannot be copied while anything is connected to it.
        let others =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'palisade_template'";
        while !admin.query(others, &[]).await.unwrap().is_empty() {}
        admin.batch_execute("ALTER DATABASE palisade_template ALLOW_CONNECTIONS false").await.unwrap();
        shared
    }

    pub fn url(&self, database: &str) -> String {
        self.url.replace("dbname=postgres", &format!("dbname={database}"))
    }

    pub async fn connect(&self, database: &str) -> Client {
        super::connect(&self.url(database)).await
    }

    /// Drops a database and its plugins' roles in the background.
    pub fn retire(self: &Arc<Self>, database: &str) {
        let (shared, database) = (Arc::clone(self), database.to_owned());
        runtime().spawn(async move {
            let admin = shared.connect("postgres").await;
            let _dropped =
                admin.batch_execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await;
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.server.take());
    }
}

/// The folder of compiled guests, which all tests of a build share.
pub fn compiled_code() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}
