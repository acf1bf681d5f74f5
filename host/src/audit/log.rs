//! The files of an audit log, its key and its head.
//!
//! `audit.jsonl` has the entries, `audit.jsonl.key` the key, `audit.jsonl.head` the number and hash of the last entry with
//! their own HMAC. The head reveals that lines were removed from the end. An entry is synced before the head names it, so
//! after a crash the head may lag behind the entries but is never ahead of them. Several processes may write one log: each
//! appends under the file's lock, and reads the end of the file again if another process has appended. No process waits for
//! that lock longer than [`AUDIT_LOCK_MS`].
//!
//! A file that is moved away, by `palisade audit-log rotate` or by the system's log rotation, is continued in a new one. Its
//! first entry, `rotated`, follows the last entry of the old file like any other. A file is taken as moved only if this
//! process still has it open, or if it is found beside the new one, with the last entry that the head names.
//!
//! Damage at the end is always recorded: an entry `resumed` says what it was. It names a line that a crash tore by its length
//! and hash, and [`verify`](fn@super::verify) then accepts that line. `verify` reports any other damage for ever.

use super::entry::{self, Event, Hash, NOTHING, Note};
use crate::keyfile::{self, Key, folder_of};
use palisade_guard::limits::{AUDIT_FILES_MAX, AUDIT_LINE_BYTES_MAX, AUDIT_LOCK_MS, AUDIT_LOCK_POLL_MS};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant};

/// The text of a `resumed` if there was no valid head: entries at the end may be missing.
pub(super) const HEADLESS: &str =
    "the head record was missing or not ours, so entries before this one may be missing";
/// The text of a `resumed` if there was no key.
pub(super) const KEYLESS: &str =
    "the key was missing, so entries before this one were made with another key and cannot be verified";
/// How the text of a `resumed` begins if the database names entries that the file does not have.
pub(super) const DATABASE: &str = "the database names entries that are not here: ";
/// Starts the HMAC's input for a head, so that it differs from every entry's, which starts with a brace.
const HEAD: &[u8] = b"head ";

/// An audit log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    key: Key,
    file: File,
    tail: Tail,
    /// The length of the file when this process last read its end.
    len: u64,
    /// Whether another process holds the lock for so long that no append should wait for it.
    is_contended: bool,
}

/// The last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

const BEGIN: Tail = Tail { seq: 0, hash: NOTHING };

#[derive(Deserialize, Serialize)]
struct Head {
    seq: u64,
    hash: String,
    mac: String,
}

/// What reading the end of a file found.
struct Found {
    tail: Tail,
    /// Whether the last line has no line break.
    is_open: bool,
    /// The damage at the end, in words.
    damage: Option<String>,
    /// Whether the last line is an entry.
    is_whole: bool,
}

impl Log {
    /// Opens a log, or creates one. If its end is damaged, the next entry says so.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path))?;
        check_owner(folder_of(path))?;
        let file = open(path)?;
        lock(&file, path)?;
        let (key, is_new) = keyfile::open(&beside(path, "key"))?;
        let is_begun = file.metadata()?.len() > 0;
        let mut log = Self { path: path.to_owned(), key, file, tail: BEGIN, len: 0, is_contended: false };
        if is_new && is_begun {
            tracing::error!(
                path = %path.display(),
                "the key of the audit log was missing: its entries so far cannot be verified, and it continues with a new key"
            );
            log.repair(&Note::new(Event::Resumed, None, KEYLESS.into()))?;
        } else if is_new {
            write_head(&log.path, &log.key, BEGIN)?;
        }
        log.read_end()?;
        log.file.unlock()?;
        Ok(log)
    }

    /// The log's name.
    pub(super) fn name(&self) -> String {
        entry::log_of(&self.key)
    }

    /// The last entry, also if another process wrote it.
    pub(super) fn tail(&mut self) -> io::Result<Tail> {
        self.locked(|log| Ok(log.tail))
    }

    /// Appends an entry. If this fails, the entry is not in the file.
    pub(super) fn append(&mut self, note: &Note) -> io::Result<Tail> {
        self.locked(|log| {
            log.put(note)?;
            Ok(log.tail)
        })
    }

    /// Moves the file away and continues in a new one. Returns where the old one is.
    pub(super) fn rotate(&mut self) -> io::Result<PathBuf> {
        self.locked(|log| {
            if log.tail.seq == 0 {
                return Err(io::Error::other("the log has no entries yet"));
            }
            let old = beside(&log.path, &format!("{:010}", log.tail.seq));
            fs::rename(&log.path, &old)?;
            log.follow()?;
            Ok(old)
        })
    }

    /// Does something with the file that has the log's name now, under its lock, when its end is known.
    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        self.lock()?;
        if !is_same(&self.file, &self.path) {
            self.follow()?;
        }
        let done = self.refresh().and_then(|()| work(self));
        self.file.unlock()?;
        done
    }

    fn lock(&mut self) -> io::Result<()> {
        let locked = match self.file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
            // After a wait in vain, each further attempt fails at once, so that a stop does not wait again.
            Err(TryLockError::WouldBlock) if self.is_contended => Err(is_locked(&self.path)),
            Err(TryLockError::WouldBlock) => lock(&self.file, &self.path),
        };
        self.is_contended = locked.is_err();
        locked
    }

    /// Continues in a new file, because the file was moved away: an entry in it would be lost.
    fn follow(&mut self) -> io::Result<()> {
        self.refresh()?;
        let was_moved = self.file.metadata()?.nlink() > 0;
        let new = open(&self.path)?;
        lock(&new, &self.path)?;
        self.file = new;
        self.len = u64::MAX;
        if was_moved && self.tail.seq > 0 && self.file.metadata()?.len() == 0 {
            return self.put(&rotated(self.tail));
        }
        Ok(())
    }

    /// Reads the end of the file if it has changed.
    fn refresh(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() == self.len { Ok(()) } else { self.read_end() }
    }

    /// Reads the end of the file, and appends an entry about any damage.
    fn read_end(&mut self) -> io::Result<()> {
        let head = read_head(&self.path, &self.key);
        if let Some(head) = head.filter(|head| head.seq > 0)
            && self.file.metadata()?.len() == 0
            && predecessor(&self.path, &self.key, &head.hash).is_some()
        {
            self.tail = head;
            return self.put(&rotated(head));
        }
        let found = find(&self.file, &self.key, head)?;
        self.tail = found.tail;
        if found.is_open {
            self.file.write_all(b"\n")?;
        }
        if let Some(what) = found.damage {
            tracing::warn!(path = %self.path.display(), "the audit log is damaged: {what}");
            return self.repair(&Note::new(Event::Resumed, None, what.into()));
        }
        self.len = self.file.metadata()?.len();
        Ok(())
    }

    fn repair(&mut self, note: &Note) -> io::Result<()> {
        let last = &mut [0];
        let len = self.file.metadata()?.len();
        if len > 0 && self.file.read_exact_at(last, len.saturating_sub(1)).is_ok() && last != b"\n" {
            self.file.write_all(b"\n")?;
        }
        self.put(note)
    }

    /// Writes an entry. If this fails, the entry is not in the file.
    fn put(&mut self, note: &Note) -> io::Result<()> {
        let seq = self.tail.seq.saturating_add(1);
        let (mut line, hash) = entry::line(&self.key, seq, &self.tail.hash, note);
        line.push('\n');
        let before = self.file.metadata()?.len();
        // If the write fails, the next append reads the end again.
        self.len = u64::MAX;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // A full disk may have taken a part of the line.
            let _restored = self.file.set_len(before);
            return Err(error);
        }
        self.tail = Tail { seq, hash };
        // The entry is in the file. Should the disk fail now, then the head lags behind, which is no damage.
        let kept = self.file.sync_data().and_then(|()| write_head(&self.path, &self.key, self.tail));
        if let Err(error) = kept {
            tracing::warn!(path = %self.path.display(), %error, "the head of the audit log lags behind");
            return Ok(());
        }
        self.len = self.file.metadata()?.len();
        Ok(())
    }
}

fn rotated(before: Tail) -> Note {
    let what = format!("after entry {}, which is the last one of another file", before.seq);
    Note::new(Event::Rotated, None, what.into())
}

/// Waits for the lock of a file, but not for ever.
fn lock(file: &File, path: &Path) -> io::Result<()> {
    wait(path, || file.try_lock())
}

/// Waits until other processes may read but not write a file.
pub(super) fn lock_shared(file: &File, path: &Path) -> io::Result<()> {
    wait(path, || file.try_lock_shared())
}

fn wait(path: &Path, attempt: impl Fn() -> Result<(), TryLockError>) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() >= Duration::from_millis(AUDIT_LOCK_MS) => {
                return Err(is_locked(path));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(AUDIT_LOCK_POLL_MS)),
        }
    }
}

fn is_locked(path: &Path) -> io::Error {
    let why = format!(
        "another process has locked {} for more than {AUDIT_LOCK_MS} ms: end it (`fuser {}` names it), or choose another file",
        path.display(),
        path.display()
    );
    io::Error::new(io::ErrorKind::WouldBlock, why)
}

/// The file beside a log that ends with the entry that has this hash: the one that the log continues.
pub(super) fn predecessor(path: &Path, key: &Key, hash: &Hash) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let beside_it = fs::read_dir(folder_of(path)).ok()?.take(AUDIT_FILES_MAX).flatten();
    let candidates = beside_it.filter(|entry| {
        entry.file_name().to_string_lossy().starts_with(&stem)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && entry.path() != path
    });
    candidates.map(|entry| entry.path()).find(|path| {
        let found = File::open(path).and_then(|file| find(&file, key, None));
        found.is_ok_and(|found| found.tail.seq > 0 && found.tail.hash == *hash && found.is_whole)
    })
}

/// The machine and the file of a log.
pub(super) fn place_of(path: &Path) -> String {
    let path = path.canonicalize().or_else(|_| absolute(path)).unwrap_or_else(|_| path.to_owned());
    let machine = rustix::system::uname();
    format!("{}:{}", machine.nodename().to_string_lossy(), path.display())
}

/// The path of a log's key or head, which are beside it.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// The head of a log; `None` if it is missing or its HMAC is not valid.
pub(super) fn read_head(path: &Path, key: &Key) -> Option<Tail> {
    let text = fs::read(beside(path, "head")).ok()?;
    let head: Head = serde_json::from_slice(&text).ok()?;
    let (hash, mac) = (entry::hash_of(head.hash.as_bytes())?, entry::hash_of(head.mac.as_bytes())?);
    let is_ours = entry::is_mac(key, &[HEAD, &head.seq.to_be_bytes(), &hash], &mac);
    is_ours.then_some(Tail { seq: head.seq, hash })
}

/// How a `resumed` names a line that a crash tore.
pub(super) fn torn(line: &[u8]) -> String {
    format!("a torn line of {} bytes with the SHA-256 {}", line.len(), hex::encode(Sha256::digest(line)))
}

fn write_head(path: &Path, key: &Key, tail: Tail) -> io::Result<()> {
    let mac = entry::mac(key, &[HEAD, &tail.seq.to_be_bytes(), &tail.hash]);
    let head = Head { seq: tail.seq, hash: hex::encode(tail.hash), mac: hex::encode(mac) };
    let text = serde_json::to_vec(&head).map_err(io::Error::other)?;
    keyfile::private_file(folder_of(path), &text)?.persist(beside(path, "head"))?;
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)
}

/// Refuses a folder that other users can write to: they could replace the log, its head and its key with their own.
fn check_owner(folder: &Path) -> io::Result<()> {
    let meta = fs::metadata(folder)?;
    let is_ours = meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw();
    if is_ours && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!(
        "other users can write to {}: choose a folder that only the host's user can write to",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Whether the path still names the open file.
fn is_same(file: &File, path: &Path) -> bool {
    let named = fs::metadata(path).map(|named| (named.dev(), named.ino()));
    let here = file.metadata().map(|here| (here.dev(), here.ino()));
    matches!((named, here), (Ok(named), Ok(here)) if named == here)
}

/// Finds the last valid entry, and any damage after it.
fn find(file: &File, key: &Key, head: Option<Tail>) -> io::Result<Found> {
    let len = file.metadata()?.len();
    // Enough for the last entry and for the part of another one that a crash may have left.
    let window = u64::try_from(AUDIT_LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2).min(len);
    let mut end = vec![0; usize::try_from(window).map_err(io::Error::other)?];
    file.read_exact_at(&mut end, len.saturating_sub(window))?;
    let is_open = end.last().is_some_and(|byte| *byte != b'\n');
    let lines: Vec<&[u8]> = end.strip_suffix(b"\n").unwrap_or(&end).split(|byte| *byte == b'\n').collect();
    let mut last = None;
    let mut rest: Vec<&[u8]> = Vec::new();
    for line in lines.into_iter().rev().filter(|_| len > 0) {
        match entry::read(key, line) {
            Some(entry) => {
                last = Some(Tail { seq: entry.seq, hash: entry.hash });
                break;
            }
            None => rest.push(line),
        }
    }
    let last = last.unwrap_or(BEGIN);
    let damage = match (head, &rest[..]) {
        (None, _) => Some(HEADLESS.to_owned()),
        (Some(head), _) if head.seq > last.seq => {
            Some(format!("entries {} to {} are missing", last.seq.saturating_add(1), head.seq))
        }
        (_, []) => None,
        (_, [line]) if is_open => Some(torn(line)),
        (_, rest) => Some(format!("{} lines that are not entries", rest.len())),
    };
    let tail = head.filter(|head| head.seq > last.seq).unwrap_or(last);
    Ok(Found { tail, is_open, damage, is_whole: rest.is_empty() && !is_open })
}
