//! The host, its private database and its server, while `palisade dev` runs.
//!
//! The socket outlives all of them: while the database is made anew, callers wait in its queue.

use crate::folder::Folder;
use crate::host;
use crate::output;
use crate::secrets::Current;
use anyhow::{Result, anyhow};
use palisade::{Host, LoadError};
use palisade_server::{ServerOptions, Shared};
use palisade_store::private::{self, PrivateError, PrivateOptions, PrivateServer};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A host without a plugin, on a database of its own.
pub(super) struct Running {
    pub(super) host: Host,
    pub(super) secrets: Current,
    options: PrivateOptions,
    parts: Option<Parts>,
}

/// What has to be stopped.
struct Parts {
    database: PrivateServer,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Running {
    /// Starts the private database of the folder, and a server that answers that it is starting.
    pub(super) async fn start(folder: &Folder, listener: &TcpListener) -> Result<Self> {
        let options = PrivateOptions::of_project(&folder.path)?;
        let (host, parts) = start(folder, &options, listener).await?;
        Ok(Self { host, secrets: folder.secrets.clone(), options, parts: Some(parts) })
    }

    /// Answers calls from now on.
    pub(super) fn open(&self) {
        if let Some(parts) = &self.parts {
            parts.shared.open(self.host.clone());
        }
    }

    /// Deletes the database, and starts everything again.
    pub(super) async fn reset(&mut self, folder: &Folder, listener: &TcpListener) -> Result<()> {
        self.stop().await;
        let data = self.options.data.clone();
        tokio::task::spawn_blocking(move || private::reset(&data)).await?.map_err(refused)?;
        let (host, parts) = start(folder, &self.options, listener).await?;
        (self.host, self.secrets, self.parts) = (host, folder.secrets.clone(), Some(parts));
        Ok(())
    }

    /// Ends the server and the database. Requests that still run are cut off.
    async fn stop(&mut self) {
        let Some(Parts { database, shared, serving }) = self.parts.take() else { return };
        serving.abort();
        let _aborted = serving.await;
        drop(shared);
        self.host.clone().stop().await;
        database.stop().await;
    }

    pub(super) async fn end(mut self) {
        self.stop().await;
    }
}

async fn start(folder: &Folder, options: &PrivateOptions, listener: &TcpListener) -> Result<(Host, Parts)> {
    let database = PrivateServer::start(options.clone()).await.map_err(refused)?;
    let builder = Host::builder()
        .database(database.url())
        .database_wait(Duration::ZERO)
        .secrets(folder.secrets.clone())
        .allow_downgrade();
    let builder = host::compiled_code().into_iter().fold(builder, palisade::HostBuilder::compiled_code);
    let host = builder.build().await.map_err(output::of_load)?;
    let options = ServerOptions { grace: Duration::ZERO, drain: Duration::ZERO, ..ServerOptions::default() };
    let shared = Arc::new(Shared::new(options));
    let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
    let serving = palisade_server::serve_shared(Arc::clone(&shared), listener, std::future::pending());
    Ok((host, Parts { database, shared, serving: tokio::spawn(serving) }))
}

/// The private database cannot be started.
fn refused(error: PrivateError) -> anyhow::Error {
    match error {
        PrivateError::InUse(_) => {
            anyhow!(
                "a `palisade serve` or `palisade dev` of this folder is running and uses its database: stop it first"
            )
        }
        other => output::of_load(LoadError::Database { sentence: other.to_string(), source: other.into() }),
    }
}
