//! Whether an audit log is whole: every line, their order, and their end.

use super::entry::{self, Entry, NOTHING};
use super::log::{HEADLESS, Tail, beside, read_head, torn};
use crate::keyfile;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// Lines that a crash tore, each named by the entry after it.
    pub torn: u64,
    /// The last entry's hash, in hexadecimal: noted elsewhere, it shows when log and head are both put back.
    pub last: String,
}

/// The first thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which line, counted from 1; one after the last where the end is missing.
    pub line: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not as it was written.
    Altered,
    /// Entries that were before it are gone.
    Removed,
    /// It does not belong there: it is nobody's, or a copy.
    Inserted,
    /// It comes before entries that were written before it.
    Reordered,
    /// It was not written to its end, and no entry after it says so: the host crashed, and has not started since.
    Torn,
    /// Entries that were at the end are gone.
    Truncated,
    /// The head record is or was missing or not ours, so nobody can say whether entries are gone from the end.
    Headless,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Altered => "altered: it is not as it was written",
            Why::Removed => "removed: entries that were before it are gone",
            Why::Inserted => "inserted: it is nobody's, or a copy",
            Why::Reordered => "reordered: entries that were before it come after it",
            Why::Torn => {
                "torn: it was not written to its end; a host that starts on this log says so and goes on"
            }
            Why::Truncated => "truncated: entries that were at the end are gone",
            Why::Headless => {
                "the head record is or was missing or not ours: entries may be gone from the end"
            }
        };
        write!(f, "line {}: {why}", self.line)
    }
}

/// One line.
struct Line {
    /// What it is, if it is ours.
    entry: Option<Entry>,
    /// How it would be named if a crash tore it.
    torn: String,
}

/// Reads a log from its beginning to its end. No key is made: a log without one cannot be verified.
pub fn verify(path: &Path) -> io::Result<Result<Verified, Damage>> {
    let key = keyfile::read(&beside(path, "key"))?;
    let file = File::open(path)?;
    // While somebody appends, entry and head are not one.
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
            return Err(Damage { line: number, why: foreign(tail.seq, after, head_seq, is_last) });
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

/// Whether a line says that the one before it, which reads like this, was torn.
fn resumes(line: &Line, torn: &str) -> bool {
    line.entry.as_ref().and_then(|entry| entry.resumed.as_deref()) == Some(torn)
}

/// What a line is that is not ours: in the place of an entry, or between two.
fn foreign(before: u64, after: &[Line], head: u64, is_torn: bool) -> Why {
    let expected = before.saturating_add(1);
    match after.iter().find_map(|line| line.entry.as_ref()) {
        Some(next) if next.seq == expected => Why::Inserted,
        Some(_) => Why::Altered,
        // The head names only what was written to its end.
        None if head >= expected => Why::Altered,
        None if is_torn => Why::Torn,
        None => Why::Inserted,
    }
}

/// What is wrong with an entry that is ours and does not follow the one before it.
fn misplaced(before: u64, entry: &Entry, after: &[Line]) -> Why {
    let expected = before.saturating_add(1);
    if entry.seq < expected {
        return Why::Inserted;
    }
    let is_later = after.iter().filter_map(|line| line.entry.as_ref()).any(|later| later.seq == expected);
    if is_later { Why::Reordered } else { Why::Removed }
}
