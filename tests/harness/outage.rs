//! A server of one test, which can stop and come back with its data, or freeze and thaw.

use palisade::store::private::{PrivateOptions, PrivateServer};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The server's data folder, removed on drop.
pub struct OwnServer {
    options: PrivateOptions,
    folder: TempDir,
}

impl OwnServer {
    /// Creates an empty data folder. Nothing runs yet.
    pub fn new() -> Self {
        // The folder is accessible to other users, because the server never runs as root.
        let folder = tempfile::Builder::new().prefix("palisade-test-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let options = PrivateOptions { durable: false, ..PrivateOptions::persistent(folder.path()) };
        Self { options, folder }
    }

    /// The id of the server's first process, while it runs.
    pub fn postmaster(&self) -> i32 {
        let file = walk(self.folder.path()).find(|path| path.ends_with("postmaster.pid")).unwrap();
        fs::read_to_string(file).unwrap().lines().next().unwrap().trim().parse().unwrap()
    }

    /// Starts the server, or restarts it.
    pub async fn start(&self) -> PrivateServer {
        PrivateServer::start(self.options.clone()).await.unwrap()
    }
}

/// All files below a folder.
fn walk(folder: &Path) -> Box<dyn Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    Box::new(entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => walk(&entry.path()),
        _ => Box::new(std::iter::once(entry.path())),
    }))
}

/// A server of which no process runs until this is dropped. It still accepts connections: the kernel does.
pub struct Frozen(Vec<i32>);

impl Frozen {
    pub fn new(server: &PrivateServer) -> Self {
        let parent = server.id().to_string();
        let is_child = |pid: &i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(&parent)
        };
        let server = i32::try_from(server.id()).unwrap();
        // First the one that makes the others.
        signal(server, Signal::STOP);
        let all = fs::read_dir("/proc").unwrap();
        let pids = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let frozen: Vec<i32> = pids.filter(is_child).chain([server]).collect();
        frozen.iter().for_each(|pid| signal(*pid, Signal::STOP));
        Self(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.0.iter().for_each(|pid| signal(*pid, Signal::CONT));
    }
}

/// Sends a signal to a process, if it is still there.
pub fn signal(pid: i32, signal: Signal) {
    let _gone = kill_process(Pid::from_raw(pid).unwrap(), signal);
}
