//! The file of an audit log, its key and its head.
//!
//! `audit.jsonl` has the entries, `audit.jsonl.key` the key, `audit.jsonl.head` the number and hash of the last entry under an
//! HMAC of its own: it is what a line that was removed at the end is missed by. An entry is synced before the head names
//! it, so after a crash the head may be behind and never ahead. Several processes may write one log: each appends under
//! the file's lock, and looks at the end anew when another has been there.
//!
//! What it finds wrong there is never passed over: an entry `resumed` says what it was. A line that a crash tore is
//! named by its length and hash, and [`verify`](super::verify) accepts it; anything else stays a finding for ever.

use super::entry::{self, Event, Hash, NOTHING, Note};
use crate::keyfile::{self, Key, folder_of};
use palisade_guard::limits::AUDIT_LINE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What a `resumed` says where there was no head: entries at the end may be gone.
pub(super) const HEADLESS: &str =
    "the head record was missing or not ours, so entries before this one may be missing";
/// Separates the HMAC of a head from that of an entry, which begins with a brace.
const HEAD: &[u8] = b"head ";

/// An audit log that is written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    key: Key,
    file: File,
    tail: Tail,
    /// Where the file ended when this process looked last.
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

/// The end of a file, as it was found.
struct Found {
    tail: Tail,
    /// The last line has no end.
    is_open: bool,
    wrong: Option<String>,
}

impl Log {
    /// Opens a log, or begins one. What is found wrong with its end is its next entry.
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
        log.look()?;
        log.file.unlock()?;
        Ok(log)
    }

    /// Appends an entry.
    pub(super) fn append(&mut self, note: &Note) -> io::Result<()> {
        self.file.lock()?;
        if !is_same(&self.file, &self.path) {
            // Moved away: what is written there now, nobody would look for.
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
            self.look()?;
        }
        self.put(note)
    }

    /// Looks at the end, and says what is wrong with it.
    fn look(&mut self) -> io::Result<()> {
        let found = find(&self.file, &self.key, read_head(&self.path, &self.key))?;
        self.tail = found.tail;
        if found.is_open {
            self.file.write_all(b"\n")?;
        }
        if let Some(what) = found.wrong {
            return self.put(&Note::new(Event::Resumed, None, what.into()));
        }
        self.len = self.file.metadata()?.len();
        Ok(())
    }

    fn put(&mut self, note: &Note) -> io::Result<()> {
        let seq = self.tail.seq.saturating_add(1);
        let (mut line, hash) = entry::line(&self.key, seq, &self.tail.hash, note);
        line.push('\n');
        // Until it is known to be whole, the next one looks.
        self.len = u64::MAX;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.tail = Tail { seq, hash };
        write_head(&self.path, &self.key, self.tail)?;
        self.len = self.file.metadata()?.len();
        Ok(())
    }
}

/// A file of a log that is beside it.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// The head of a log, if it is ours.
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

/// Refuses a folder in which others can write: they could put a log, a head and a key of their own there.
fn check_owner(folder: &Path) -> io::Result<()> {
    let meta = fs::metadata(folder)?;
    let is_ours = meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw();
    if is_ours && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!("others can write in {}: name a file in a folder of the host's own", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Whether a name still is that file's.
fn is_same(file: &File, path: &Path) -> bool {
    let named = fs::metadata(path).map(|named| (named.dev(), named.ino()));
    let here = file.metadata().map(|here| (here.dev(), here.ino()));
    matches!((named, here), (Ok(named), Ok(here)) if named == here)
}

/// Finds the last entry that is ours, and what is wrong after it.
fn find(file: &File, key: &Key, head: Option<Tail>) -> io::Result<Found> {
    let len = file.metadata()?.len();
    // The last entry, and what a crash may have left of another one.
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
    let wrong = match (head, &rest[..]) {
        (None, _) => Some(HEADLESS.to_owned()),
        (Some(head), _) if head.seq > last.seq => {
            Some(format!("entries {} to {} are missing", last.seq.saturating_add(1), head.seq))
        }
        (_, []) => None,
        (_, [line]) if is_open => Some(torn(line)),
        (_, rest) => Some(format!("{} lines that are no entries", rest.len())),
    };
    let tail = head.filter(|head| head.seq > last.seq).unwrap_or(last);
    Ok(Found { tail, is_open, wrong })
}
