//! The folder of a private server: its owner, its lock, and what a killed host left in it.
//!
//! The host owns the folder; the server owns `data` and `run` in it. The host holds a lock on the file `lock` as long
//! as there is a server. The kernel releases the lock when the host dies, so the lock is never stale, unlike a file
//! that names a process. Everything else that is found in the folder is checked before use: in `/var/tmp` anyone can
//! make a folder of the same name first.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::account::Account;
use super::{DataDir, SUPERUSER, process as server};
use crate::private::error::PrivateError;
use palisade_guard::limits::{PRIVATE_POLL_MS, PRIVATE_STOP_MS, SOCKET_PATH_BYTES_MAX};

/// Name of a temporary folder, before the host's process id.
const TEMPORARY: &str = "palisade-pg-";
/// The mode of a folder that only its owner can enter.
const OWNER_ONLY: u32 = 0o700;

/// A server's folder, locked. Dropping it unlocks it, and removes it if it is temporary.
pub(super) struct Home {
    path: PathBuf,
    temporary: bool,
    _lock: File,
}

impl Drop for Home {
    fn drop(&mut self) {
        let removed = if self.temporary { fs::remove_dir_all(&self.path) } else { Ok(()) };
        if let Err(error) = removed {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

impl Home {
    /// Makes or checks the folder, and locks it.
    pub(super) fn open(data: &DataDir, account: &Account) -> Result<Self, PrivateError> {
        let (path, temporary) = match data {
            DataDir::Persistent(path) => {
                (std::path::absolute(path).map_err(PrivateError::io("find", path))?, false)
            }
            DataDir::Temporary => (temporary_path(account), true),
        };
        check_path(&path, account)?;
        make(&path, temporary)?;
        check_owner(&path)?;
        let lock = lock(&path)?.ok_or_else(|| PrivateError::InUse(path.clone()))?;
        let home = Self { path, temporary, _lock: lock };
        if account.share(&home.path)? {
            permit(&home.path, 0o710)?;
        }
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn sockets(&self) -> PathBuf {
        self.path.join("run")
    }

    pub(super) fn access_rules(&self) -> PathBuf {
        self.path.join("pg_hba.conf")
    }

    /// The major version that made the data, if there is data.
    pub(super) fn version(&self) -> Result<Option<u32>, PrivateError> {
        let file = self.data().join("PG_VERSION");
        match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                folder(&self.path, format!("{} is not a version number; remove the folder", file.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PrivateError::io("read", &file)(error)),
        }
    }

    /// Ends the server of a killed host and removes what it left. The lock proves that its host is gone.
    pub(super) fn settle(&self) -> Result<(), PrivateError> {
        let data = self.data();
        for signal in [Signal::INT, Signal::QUIT] {
            let deadline = Instant::now() + Duration::from_millis(PRIVATE_STOP_MS);
            let mut signalled = false;
            while let Some(pid) = orphan(&data) {
                if !signalled {
                    let _ = kill_process(pid, signal);
                    signalled = true;
                }
                if Instant::now() >= deadline {
                    break;
                }
                thread::sleep(Duration::from_millis(PRIVATE_POLL_MS));
            }
        }
        if let Some(pid) = orphan(&data) {
            let why = format!("process {} still serves it; end that process", pid.as_raw_nonzero());
            return Err(folder(&self.path, why));
        }
        // PostgreSQL removes the file of a dead process itself, and refuses to start if another process has that id by
        // now.
        if named_process(&data).is_some_and(|(_, process)| process.exists()) {
            remove(&data.join("postmaster.pid"), |path| fs::remove_file(path))?;
        }
        remove(&self.sockets(), |path| fs::remove_dir_all(path))
    }

    /// Removes the data. A folder that is only half removed is no data: its version goes first.
    pub(super) fn empty(&self) -> Result<(), PrivateError> {
        remove(&self.data().join("PG_VERSION"), |path| fs::remove_file(path))?;
        remove(&self.data(), |path| fs::remove_dir_all(path))
    }

    /// Kills what a server has left that was killed: backends that look at no interrupt outlive it, and no other server
    /// can start while they hold its memory.
    pub(super) fn end_orphans(&self) {
        let data = self.data();
        let Ok(processes) = fs::read_dir("/proc") else { return };
        for process in processes.filter_map(Result::ok) {
            let (id, folder) = (process.file_name(), process.path());
            let is_here = || fs::read_link(folder.join("cwd")).is_ok_and(|cwd| cwd == data);
            let Some(pid) = id.to_str().and_then(|id| Pid::from_raw(id.parse().ok()?)) else { continue };
            if is_server(&folder) && is_here() {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Makes the data if it is missing, the folder of the socket, and the rules for who may connect.
    pub(super) fn fill(&self, account: &Account, programs: &Path, durable: bool) -> Result<(), PrivateError> {
        if !self.data().join("PG_VERSION").exists() {
            self.initialise(account, programs, durable)?;
        }
        make_for(account, &self.sockets())?;
        let rules = self.access_rules();
        let text = format!(
            "# Written at each start. Only the host and the server can reach the socket.\n\
             local all {SUPERUSER} trust\nlocal all all scram-sha-256\n"
        );
        fs::write(&rules, text).map_err(PrivateError::io("write", &rules))?;
        account.share(&rules)?;
        permit(&rules, 0o640)
    }

    /// Runs `initdb` in a folder beside the data, and renames that folder to the data once it is complete.
    fn initialise(&self, account: &Account, programs: &Path, durable: bool) -> Result<(), PrivateError> {
        let (new, data) = (self.path.join("data.new"), self.data());
        remove(&new, |path| fs::remove_dir_all(path))?;
        make_for(account, &new)?;
        let mut command = account.command(&programs.join("initdb"), "KILL");
        command.arg("-D").arg(&new).args(["-U", SUPERUSER, "--auth=reject", "--encoding=UTF8"]);
        command.args(["--locale=C", "--lc-ctype=C.UTF-8"]);
        if !durable {
            command.arg("--no-sync");
        }
        let output = command.output().map_err(|error| server::not_run(error, &self.path))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(PrivateError::Failed { program: "initdb", text });
        }
        fs::rename(&new, &data).map_err(PrivateError::io("make the folder", &data))?;
        let synced =
            if durable { File::open(&self.path).and_then(|folder| folder.sync_all()) } else { Ok(()) };
        synced.map_err(PrivateError::io("write", &self.path))
    }
}

/// Whether this server accepts connections: the eighth line of `postmaster.pid` says so.
pub(super) fn is_ready(data: &Path, id: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next() == Some(id.to_string().as_str())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// Whether a process is one of PostgreSQL's.
fn is_server(process: &Path) -> bool {
    fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// The process that `postmaster.pid` names, if it is this server and not a later process with the same id.
fn orphan(data: &Path) -> Option<Pid> {
    let (id, process) = named_process(data)?;
    let named = is_server(&process);
    // A container may hide the folder of another user's process; then the name must do.
    let here = fs::read_link(process.join("cwd")).map_or(true, |cwd| cwd == data);
    if named && here { Pid::from_raw(id) } else { None }
}

/// The process that `postmaster.pid` names, and where the kernel shows it.
fn named_process(data: &Path) -> Option<(i32, PathBuf)> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let id: i32 = text.lines().next()?.trim().parse().ok()?;
    Some((id, Path::new("/proc").join(id.to_string())))
}

/// The free path of a temporary folder. Also removes the folders that killed hosts left beside it.
fn temporary_path(account: &Account) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{TEMPORARY}{}-{number}", process::id());
    let roots = [env::temp_dir(), PathBuf::from("/var/tmp")];
    let root = roots.iter().find(|root| check_path(&root.join(&name), account).is_ok()).unwrap_or(&roots[1]);
    sweep(root);
    root.join(name)
}

/// Removes temporary folders that belong to this user, whose process is gone and that are not locked.
fn sweep(root: &Path) {
    for entry in root.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let host = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)?.split('-').next());
        let Some(host) = host else { continue };
        let path = entry.path();
        if Path::new("/proc").join(host).exists() || check_owner(&path).is_err() {
            continue;
        }
        let Ok(Some(_lock)) = lock(&path) else { continue };
        if let Some(pid) = orphan(&path.join("data")) {
            // The next start removes its folder, once the server has ended.
            let _ = kill_process(pid, Signal::QUIT);
        } else if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
    }
}

/// The lock of a folder, unless another host holds it.
fn lock(folder: &Path) -> Result<Option<File>, PrivateError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let file = file.map_err(PrivateError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(PrivateError::io("lock", &path)(error)),
    }
}

fn check_path(path: &Path, account: &Account) -> Result<(), PrivateError> {
    let text = path.to_str().unwrap_or(",");
    if text.contains([',', '"']) || text.contains(char::is_control) {
        return Err(folder(
            path,
            "a socket's path holds no comma, quote or control character; name another".into(),
        ));
    }
    if path.join("run/.s.PGSQL.5432.lock").as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(folder(path, "a socket's path must be shorter; name a folder with a short path".into()));
    }
    let existing = path.ancestors().find(|above| above.exists()).unwrap_or(path);
    if !account.reaches(existing) || (existing != path && !account.reaches(&existing.join("x"))) {
        let why = "the user that PostgreSQL runs as cannot enter a folder above it; name one in /var/tmp";
        return Err(folder(path, why.into()));
    }
    Ok(())
}

/// Refuses a link, another user's folder, and one that others can enter.
fn check_owner(path: &Path) -> Result<(), PrivateError> {
    let meta = path.symlink_metadata().map_err(PrivateError::io("read", path))?;
    if !meta.is_dir() {
        return Err(folder(path, "it is not a folder; remove it, or name another".into()));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(folder(path, format!("it belongs to user {}; remove it, or name another", meta.uid())));
    }
    if meta.mode() & 0o067 != 0 {
        return Err(folder(path, "others can enter it; run `chmod 700` on it, or name another".into()));
    }
    Ok(())
}

/// Makes the folder. Others, such as the server, can enter the folder above it, but cannot list it.
fn make(path: &Path, temporary: bool) -> Result<(), PrivateError> {
    if let Some(above) = path.parent() {
        let made = DirBuilder::new().mode(0o711).recursive(true).create(above);
        made.map_err(PrivateError::io("make the folder", above))?;
    }
    match DirBuilder::new().mode(OWNER_ONLY).create(path) {
        Err(error) if temporary || error.kind() != io::ErrorKind::AlreadyExists => {
            Err(PrivateError::io("make the folder", path)(error))
        }
        _ => Ok(()),
    }
}

fn make_for(account: &Account, path: &Path) -> Result<(), PrivateError> {
    DirBuilder::new().mode(OWNER_ONLY).create(path).map_err(PrivateError::io("make the folder", path))?;
    account.give(path)
}

fn permit(path: &Path, mode: u32) -> Result<(), PrivateError> {
    let done = fs::set_permissions(path, Permissions::from_mode(mode));
    done.map_err(PrivateError::io("change the mode of", path))
}

fn remove(path: &Path, by: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), PrivateError> {
    match by(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PrivateError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn folder(path: &Path, why: String) -> PrivateError {
    PrivateError::Folder { path: path.to_owned(), why }
}
