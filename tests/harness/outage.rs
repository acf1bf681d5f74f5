//! A server of a test's own, which goes away and comes back with its data.

use palisade::store::private::{PrivateOptions, PrivateServer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// Where its data is, while there is one of these.
pub struct OwnServer {
    options: PrivateOptions,
    _folder: TempDir,
}

impl OwnServer {
    /// No data yet, and nothing that runs.
    pub fn new() -> Self {
        // Where a server of another user can be, too: it never runs as root.
        let folder = tempfile::Builder::new().prefix("palisade-test-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let options = PrivateOptions { durable: false, ..PrivateOptions::persistent(folder.path()) };
        Self { options, _folder: folder }
    }

    /// Starts it, or starts it again.
    pub async fn start(&self) -> PrivateServer {
        PrivateServer::start(self.options.clone()).await.unwrap()
    }
}
