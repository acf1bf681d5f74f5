//! Verification of an audit log: every line, the order of the lines, and their end; in all files of a rotated log, and
//! against what the database knows.

use super::entry::{self, AuditEntry, Hash, NOTHING};
use super::log::{
    DATABASE, HEADLESS, KEYLESS, Tail, beside, lock_shared, place_of, predecessor, read_head, torn,
};
use crate::error::LoadError;
use crate::keyfile::{self, Key};
use palisade_guard::limits::{AUDIT_FILES_MAX, LOOKUP_CONNECTIONS_MAX};
use palisade_store::postgres::audits::AuditHead;
use palisade_store::postgres::{Database, DatabaseUrl};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// A log without damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries the log has, in all its files.
    pub entries: u64,
    /// How many files were read.
    pub files: usize,
    /// Lines that a crash tore, each named by the entry after it.
    pub torn: u64,
    /// The last entry's hash, in hexadecimal. Noted elsewhere, it reveals a log that was restored together with its old head.
    pub last: String,
}

/// The first damage in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1; one past the last line if the end is missing.
    pub line: u64,
    /// What is wrong with the line.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The line was changed after it was written.
    Altered,
    /// Entries before the line are missing.
    Removed,
    /// The line does not belong there: it is not an entry of this log, or it is a copy of one.
    Inserted,
    /// The line comes before entries that were written earlier.
    Reordered,
    /// The line is incomplete, and no later entry says so: the host crashed and has not started since.
    Torn,
    /// Entries at the end are missing.
    Truncated,
    /// The head is or was missing or not valid, so it is unknown whether entries are missing from the end.
    Headless,
    /// The key was missing, so what stands before the line cannot be verified.
    Keyless,
    /// The file continues another one, which is not beside it.
    Continued,
    /// The database names entries that the log does not have, or had when it was started.
    Behind,
    /// The entry is not the one that the database names.
    Rewritten,
    /// The database names another log in this place, which is gone.
    Replaced,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Altered => "altered: it was changed after it was written",
            Why::Removed => "removed: entries before it are missing",
            Why::Inserted => "inserted: it is not an entry of this log, or it is a copy",
            Why::Reordered => "reordered: entries that were written before it come after it",
            Why::Torn => {
                "torn: it is incomplete; a host that starts with this log records that and continues"
            }
            Why::Truncated => "truncated: entries at the end are missing",
            Why::Headless => "the head is or was missing or not valid: entries at the end may be missing",
            Why::Keyless => "the key was missing: entries before it cannot be verified",
            Why::Continued => {
                "continued: the file before this one is not beside it; put it there, or verify the latest file alone"
            }
            Why::Behind => "behind: the database names entries that are missing",
            Why::Rewritten => "rewritten: it is not the entry that the database names",
            Why::Replaced => "replaced: the database names another log in this place, which is gone",
        };
        write!(f, "{}, line {}: {why}", self.file.display(), self.line)
    }
}

/// One line.
struct Line {
    /// The entry, if the line is a valid one.
    entry: Option<AuditEntry>,
    /// How a `resumed` would name the line if a crash tore it; empty for an entry.
    torn: String,
}

/// Verifies a log from beginning to end, with the files beside it that it continues. A log without a key cannot be verified,
/// so no key is created.
pub fn verify(path: &Path) -> io::Result<Result<Verified, Damage>> {
    whole(path, None)
}

/// Verifies only the latest file of a log, whose earlier files are kept elsewhere.
pub fn verify_latest(path: &Path) -> io::Result<Result<Verified, Damage>> {
    let key = read_key(path)?;
    let latest = read(path, &key)?;
    let start = latest.lines.first().and_then(|line| line.entry.as_ref()).filter(|entry| entry.is_rotated);
    let start = start.map_or(BEGIN, |entry| Tail { seq: entry.seq.saturating_sub(1), hash: entry.previous });
    Ok(check(&[latest], start, None))
}

/// Verifies a log from beginning to end, and that it has every entry which the database at this URL names. A log that is gone,
/// with its key or without it, is found if the database names a log in its place.
pub async fn verify_with(path: &Path, url: &str) -> Result<io::Result<Result<Verified, Damage>>, LoadError> {
    let database = Database::connect(url.parse::<DatabaseUrl>()?, LOOKUP_CONNECTIONS_MAX).await?;
    let key = read_key(path);
    let log = key.as_ref().map(entry::log_of).unwrap_or_default();
    let known = database.audit_heads(&log, &place_of(path)).await;
    database.close();
    let known = known.map_err(|refusal| LoadError::Database {
        sentence: "cannot read from the database what it knows of the audit log".to_owned(),
        source: refusal.into(),
    })?;
    let (own, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|head| head.log == log);
    let at = |line, why| Damage { file: path.to_owned(), line, why };
    if others.iter().any(|head| head.seq > 0 && head.replaced_by.as_ref().is_none_or(|found| *found == log)) {
        return Ok(Ok(Err(at(1, Why::Replaced))));
    }
    let expected = own.first().filter(|head| head.seq > 0).and_then(tail_of);
    Ok(match whole(path, expected) {
        Ok(Ok(verified)) if expected.is_some_and(|known| known.seq > verified.entries) => {
            Ok(Err(at(verified.entries.saturating_add(1), Why::Behind)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && expected.is_some() => {
            Ok(Err(at(1, Why::Behind)))
        }
        checked => checked,
    })
}

fn tail_of(head: &AuditHead) -> Option<Tail> {
    Some(Tail { seq: head.seq, hash: Hash::try_from(head.hash.as_slice()).ok()? })
}

fn read_key(path: &Path) -> io::Result<Key> {
    let file = beside(path, "key");
    keyfile::read(&file).map_err(|error| {
        let why = format!(
            "the key {} cannot be read ({error}): without it the log cannot be verified",
            file.display()
        );
        io::Error::new(error.kind(), why)
    })
}

/// The lines of one file.
struct Part {
    path: PathBuf,
    lines: Vec<Line>,
    /// Whether the last line has no line break.
    is_open: bool,
    /// The head; only for the latest file.
    head: Option<Tail>,
}

fn whole(path: &Path, expected: Option<Tail>) -> io::Result<Result<Verified, Damage>> {
    let key = read_key(path)?;
    let mut parts = vec![read(path, &key)?];
    while let Some(first) = parts.last().and_then(continues) {
        let continued = predecessor(path, &key, &first).filter(|_| parts.len() < AUDIT_FILES_MAX);
        let Some(before) = continued.filter(|before| parts.iter().all(|part| part.path != *before)) else {
            let file = parts.pop().map(|part| part.path).unwrap_or_default();
            return Ok(Err(Damage { file, line: 1, why: Why::Continued }));
        };
        parts.push(read(&before, &key)?);
    }
    parts.reverse();
    Ok(check(&parts, BEGIN, expected))
}

/// The hash of the last entry of the file that this one continues, if it does.
fn continues(part: &Part) -> Option<Hash> {
    let first = part.lines.first()?.entry.as_ref()?;
    first.is_rotated.then_some(first.previous)
}

fn read(path: &Path, key: &Key) -> io::Result<Part> {
    let file = File::open(path)?;
    // Locked, because the head does not match the last entry while a process appends.
    lock_shared(&file, path)?;
    let head = read_head(path, key);
    let (mut lines, mut is_open) = (Vec::new(), false);
    let mut reader = BufReader::new(&file);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        is_open = text.pop_if(|byte| *byte == b'\n').is_none();
        let entry = entry::read(key, &text);
        let torn = if entry.is_some() { String::new() } else { torn(&text) };
        lines.push(Line { entry, torn });
        text.clear();
    }
    file.unlock()?;
    Ok(Part { path: path.to_owned(), lines, is_open, head })
}

const BEGIN: Tail = Tail { seq: 0, hash: NOTHING };

fn check(parts: &[Part], start: Tail, expected: Option<Tail>) -> Result<Verified, Damage> {
    let (mut tail, mut torn, mut end) = (start, 0, None);
    for (index, part) in parts.iter().enumerate() {
        let is_latest = index.saturating_add(1) == parts.len();
        let damage = |(line, why)| Damage { file: part.path.clone(), line, why };
        // Only complete files are moved away, so an earlier one has its own last entry as its head.
        let head = if is_latest { part.head } else { last(&part.lines) };
        let (after, tears) = check_part(part, tail, head, expected).map_err(damage)?;
        tail = after;
        torn = tears.saturating_add(torn);
        end = Some(tail);
    }
    let tail = end.unwrap_or(start);
    Ok(Verified { entries: tail.seq, files: parts.len(), torn, last: hex::encode(tail.hash) })
}

fn last(lines: &[Line]) -> Option<Tail> {
    let last = lines.iter().rev().find_map(|line| line.entry.as_ref())?;
    Some(Tail { seq: last.seq, hash: last.hash })
}

/// Checks the lines of one file after this entry. Returns its last entry, and how many of its lines a crash tore.
fn check_part(
    part: &Part,
    start: Tail,
    head: Option<Tail>,
    expected: Option<Tail>,
) -> Result<(Tail, u64), (u64, Why)> {
    let Part { lines, is_open, .. } = part;
    let mut tail = start;
    let mut torn = 0_u64;
    let mut number = 0_u64;
    if let Some(keyless) = lines.iter().position(|line| resumed(line) == Some(KEYLESS)) {
        return Err(((keyless as u64).saturating_add(1), Why::Keyless));
    }
    let head_seq = head.map_or(0, |head| head.seq);
    for (index, line) in lines.iter().enumerate() {
        number = number.saturating_add(1);
        let after = lines.get(index.saturating_add(1)..).unwrap_or_default();
        let Some(entry) = &line.entry else {
            if after.first().is_some_and(|next| resumed(next) == Some(&line.torn)) {
                torn = torn.saturating_add(1);
                continue;
            }
            let is_last = after.is_empty() && *is_open;
            return Err((number, invalid(tail.seq, after, head_seq, is_last)));
        };
        let is_next = entry.seq == tail.seq.saturating_add(1) && entry.previous == tail.hash;
        if !is_next {
            return Err((number, misplaced(tail.seq, entry, after)));
        }
        match resumed(line) {
            Some(HEADLESS) => return Err((number, Why::Headless)),
            Some(text) if text.starts_with(DATABASE) => return Err((number, Why::Behind)),
            _ => {}
        }
        tail = Tail { seq: entry.seq, hash: entry.hash };
        if expected.is_some_and(|known| known.seq == tail.seq && known.hash != tail.hash) {
            return Err((number, Why::Rewritten));
        }
    }
    let end = |why| (number.saturating_add(1), why);
    match head {
        None => Err(end(Why::Headless)),
        Some(head) if head.seq > tail.seq => Err(end(Why::Truncated)),
        Some(_) => Ok((tail, torn)),
    }
}

/// The text of a `resumed`.
fn resumed(line: &Line) -> Option<&str> {
    line.entry.as_ref()?.resumed.as_deref()
}

/// The damage at a line that is not a valid entry: it replaces an entry, or it stands between two.
fn invalid(before: u64, after: &[Line], head: u64, is_torn: bool) -> Why {
    let expected = before.saturating_add(1);
    match after.iter().find_map(|line| line.entry.as_ref()) {
        Some(next) if next.seq == expected => Why::Inserted,
        Some(_) => Why::Altered,
        // The head names only complete entries.
        None if head >= expected => Why::Altered,
        None if is_torn => Why::Torn,
        None => Why::Inserted,
    }
}

/// The damage at a valid entry that does not follow the previous one.
fn misplaced(before: u64, entry: &AuditEntry, after: &[Line]) -> Why {
    let expected = before.saturating_add(1);
    if entry.seq < expected {
        return Why::Inserted;
    }
    let is_later = after.iter().filter_map(|line| line.entry.as_ref()).any(|later| later.seq == expected);
    if is_later { Why::Reordered } else { Why::Removed }
}
