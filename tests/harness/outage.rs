//! A server of one test, which can stop and come back with its data.

use palisade::store::private::{PrivateOptions, PrivateServer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// The server's data folder, removed on drop.
pub struct OwnServer {
    options: PrivateOptions,
    _folder: TempDir,
}

impl OwnServer {
    /// Creates an empty data folder. Nothing runs yet.
    pub fn new() -> Self {
        // The folder is accessible to other users, because the server never runs as root.
        let folder = tempfile::Builder::new().prefix("palisade-test-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let options = PrivateOptions { durable: false, ..PrivateOptions::persistent(folder.path()) };
        Self { options, _folder: folder }
    }

    /// Starts the server, or restarts it.
    pub async fn start(&self) -> PrivateServer {
        PrivateServer::start(self.options.clone()).await.unwrap()
    }
}
