//! Verification of an audit log: every line, the order of the lines, and their end.

use super::entry::{self, AuditEntry, NOTHING};
use super::log::{HEADLESS, Tail, beside, read_head, torn};
use crate::keyfile;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// A log without damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries the log has.
    pub entries: u64,
    /// Lines that a crash tore, each named by the entry after it.
    pub torn: u64,
    /// The last entry's hash, in hexadecimal. Noted elsewhere, it reveals a log that was restored together with its old head.
    pub last: String,
}

/// The first damage in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The line, counted from 1; one past the last line if the end is missing.
    pub line: u64,
    /// What is wrong with the line.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        };
        write!(f, "line {}: {why}", self.line)
    }
}

/// One line.
struct Line {
    /// The entry, if the line is a valid one.
    entry: Option<AuditEntry>,
    /// How a `resumed` would name the line if a crash tore it; empty for an entry.
    torn: String,
}

/// Verifies a log from beginning to end. A log without a key cannot be verified, so no key is created.
pub fn verify(path: &Path) -> io::Result<Result<Verified, Damage>> {
    let key = keyfile::read(&beside(path, "key"))?;
    let file = File::open(path)?;
    // Locked, because the head does not match the last entry while a process appends.
    file.lock_shared()?;
    let head = read_head(path, &key);
    let (mut lines, mut is_open) = (Vec::new(), false);
    let mut reader = BufReader::new(&file);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        is_open = text.pop_if(|byte| *byte == b'\n').is_none();
        let entry = entry::read(&key, &text);
        let torn = if entry.is_some() { String::new() } else { torn(&text) };
        lines.push(Line { entry, torn });
        text.clear();
    }
    file.unlock()?;
    Ok(check(&lines, is_open, head))
}

fn check(lines: &[Line], is_open: bool, head: Option<Tail>) -> Result<Verified, Damage> {
    let mut tail = Tail { seq: 0, hash: NOTHING };
    let mut torn = 0_u64;
    let mut number = 0_u64;
    let head_seq = head.map_or(0, |head| head.seq);
    for (index, line) in lines.iter().enumerate() {
        number = number.saturating_add(1);
        let after = lines.get(index.saturating_add(1)..).unwrap_or_default();
        let Some(entry) = &line.entry else {
            if after.first().is_some_and(|next| resumes(next, &line.torn)) {
                torn = torn.saturating_add(1);
                continue;
            }
            let is_last = after.is_empty() && is_open;
            return Err(Damage { line: number, why: invalid(tail.seq, after, head_seq, is_last) });
        };
        let is_next = entry.seq == tail.seq.saturating_add(1) && entry.previous == tail.hash;
        if !is_next {
            return Err(Damage { line: number, why: misplaced(tail.seq, entry, after) });
        }
        if entry.resumed.as_deref() == Some(HEADLESS) {
            return Err(Damage { line: number, why: Why::Headless });
        }
        tail = Tail { seq: entry.seq, hash: entry.hash };
    }
    let end = |why| Damage { line: number.saturating_add(1), why };
    match head {
        None => Err(end(Why::Headless)),
        Some(head) if head.seq > tail.seq => Err(end(Why::Truncated)),
        Some(_) => Ok(Verified { entries: tail.seq, torn, last: hex::encode(tail.hash) }),
    }
}

/// Whether a line is a `resumed` that names the torn line before it.
fn resumes(line: &Line, torn: &str) -> bool {
    line.entry.as_ref().and_then(|entry| entry.resumed.as_deref()) == Some(torn)
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
