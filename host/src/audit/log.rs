//! The file of an audit log, its key and its head.
//!
//! `audit.jsonl` has the entries, `audit.jsonl.key` the key, `audit.jsonl.head` the number and hash of the last entry with
//! their own HMAC. The head reveals that lines were removed from the end. An entry is synced before the head names it, so
//! after a crash the head may lag behind the entries but is never ahead of them. Several processes may write one log: each
//! appends under the file's lock, and reads the end of the file again if another process has appended.
//!
//! Damage at the end is always recorded: an entry `resumed` says what it was. It names a line that a crash tore by its length
//! and hash, and [`verify`](fn@super::verify) then accepts that line. `verify` reports any other damage for ever.

use super::entry::{self, Event, Hash, NOTHING, Note};
use crate::keyfile::{self, Key, folder_of};
use palisade_guard::limits::AUDIT_LINE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The text of a `resumed` if there was no valid head: entries at the end may be missing.
pub(super) const HEADLESS: &str =
    "the head record was missing or not ours, so entries before this one may be missing";
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
}

/// The last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
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
}

impl Log {
    /// Opens a log, or creates one. If its end is damaged, the next entry says so.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path))?;
        check_owner(folder_of(path))?;
        let file = open(path)?;
        file.lock()?;
        let (key, is_new) = keyfile::open(&beside(path, "key"))?;
        let mut log = Self { path: path.to_owned(), key, file, tail: BEGIN, len: 0 };
        if is_new && log.file.metadata()?.len() == 0 {
            write_head(&log.path, &log.key, BEGIN)?;
        }
        log.read_end()?;
        log.file.unlock()?;
        Ok(log)
    }

    /// Appends an entry.
    pub(super) fn append(&mut self, note: &Note) -> io::Result<()> {
        self.file.lock()?;
        if !is_same(&self.file, &self.path) {
            // The file was moved away, and an entry in it would be lost: continue in a new file.
            self.file = open(&self.path)?;
            self.file.lock()?;
            self.len = u64::MAX;
        }
        let written = self.append_locked(note);
        self.file.unlock()?;
        written
    }

    fn append_locked(&mut self, note: &Note) -> io::Result<()> {
        if self.file.metadata()?.len() != self.len {
            self.read_end()?;
        }
        self.put(note)
    }

    /// Reads the end of the file, and appends an entry about any damage.
    fn read_end(&mut self) -> io::Result<()> {
        let found = find(&self.file, &self.key, read_head(&self.path, &self.key))?;
        self.tail = found.tail;
        if found.is_open {
            self.file.write_all(b"\n")?;
        }
        if let Some(what) = found.damage {
            return self.put(&Note::new(Event::Resumed, None, what.into()));
        }
        self.len = self.file.metadata()?.len();
        Ok(())
    }

    fn put(&mut self, note: &Note) -> io::Result<()> {
        let seq = self.tail.seq.saturating_add(1);
        let (mut line, hash) = entry::line(&self.key, seq, &self.tail.hash, note);
        line.push('\n');
        // If the write fails, the next append reads the end again.
        self.len = u64::MAX;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.tail = Tail { seq, hash };
        write_head(&self.path, &self.key, self.tail)?;
        self.len = self.file.metadata()?.len();
        Ok(())
    }
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
    Ok(Found { tail, is_open, damage })
}
