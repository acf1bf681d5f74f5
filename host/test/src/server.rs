//! The private PostgreSQL server of a process's tests, with a template of the host's own tables.
//!
//! A database is a copy of the template, which takes a few tens of milliseconds. The server ends with this process, however
//! that ends: a helper waits for the end of a pipe that only this process holds, and then removes the server's folder.

use anyhow::{Context, Result, ensure};
use palisade::Host;
use palisade::limits::TEST_CONNECTIONS_MAX;
use palisade::store::private::{PrivateOptions, PrivateServer};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// The database that the others are copies of.
const TEMPLATE: &str = "palisade_template";

/// A running server.
pub struct Server {
    private: PrivateServer,
    url: String,
    /// Removes what the server leaves, when this end of its pipe is closed.
    _sweeper: ChildStdin,
}

impl Server {
    /// Starts a server, with the programs in the folder that `PALISADE_TEST_POSTGRES` names, or those that are installed.
    pub async fn start() -> Result<Arc<Self>> {
        let mut options = PrivateOptions::temporary();
        options.settings.push(("max_connections".into(), TEST_CONNECTIONS_MAX.to_string()));
        let private = PrivateServer::start(options).await?;
        let sweeper = sweeper(private.folder(), private.id())?;
        let server = Arc::new(Self { url: private.url(), private, _sweeper: sweeper });
        server.make_template().await.context("the template of the tests' databases cannot be made")?;
        Ok(server)
    }

    /// The server of this process, which the first test starts.
    pub async fn of_process() -> Result<Arc<Self>> {
        static SERVER: OnceCell<Arc<Server>> = OnceCell::const_new();
        SERVER.get_or_try_init(Self::start).await.cloned()
    }

    async fn make_template(&self) -> Result<()> {
        let admin = self.connect("postgres").await?;
        admin.batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).await?;
        Host::builder().database(self.url(TEMPLATE)).build().await?.stop().await;
        // A database cannot be copied while anything is connected to it.
        let others =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'");
        while !admin.query(&others, &[]).await?.is_empty() {}
        admin.batch_execute(&format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")).await?;
        Ok(())
    }

    /// Makes a database and returns its name.
    pub(crate) async fn make(&self) -> Result<String> {
        let name = format!("t{}", Uuid::new_v4().simple());
        let make = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy");
        self.connect("postgres").await?.batch_execute(&make).await?;
        Ok(name)
    }

    /// Drops a database.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        Ok(self.connect("postgres").await?.batch_execute(&drop).await?)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.url.replace("dbname=postgres", &format!("dbname={database}"))
    }

    /// Connects as the superuser. A task of this runtime drives the connection.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Stops the server, if nothing else uses it.
    pub async fn stop(self: Arc<Self>) {
        if let Some(server) = Arc::into_inner(self) {
            server.private.stop().await;
        }
    }
}

/// Starts the helper. It does nothing until the pipe is closed, waits for at most a minute until the server has ended, and
/// removes the folder: also when this process is killed, or ends without dropping the server.
fn sweeper(folder: &Path, server: u32) -> Result<ChildStdin> {
    let wait = "read -r _; n=0; while kill -0 \"$1\" 2>/dev/null && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done; \
                rm -rf -- \"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", wait, "sh", &server.to_string()]).arg(folder).current_dir("/");
    // Ctrl-C in a terminal is for the tests.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut helper = command.spawn().context("`sh` cannot be started, which removes the tests' database")?;
    let pipe = helper.stdin.take();
    ensure!(pipe.is_some(), "the helper that removes the tests' database has no pipe");
    pipe.context("no pipe")
}
