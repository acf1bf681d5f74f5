//! The audit log: an append-only file of the events that an operator must be able to look up after an incident.
//!
//! Each [entry] is a line of JSON that contains the hash of the previous entry and ends with an HMAC. The key is in another
//! file, which only the host's user can read. A third file, the [head](log), names the last entry, and so does a row of the
//! database, its [head](heads) there. So without the key, no one can alter, remove, insert or reorder a line, including the last
//! one, without [`verify`](fn@verify) finding it, and [`verify_with`] finds that all three files were deleted or restored from an
//! old copy. With the key and with the host's rights in the database, everything can be rewritten: to detect that, note the
//! last hash elsewhere.
//!
//! A separate thread writes the entries, so no request waits for the file. While it cannot write, because the disk is full or
//! another process has locked the file, entries wait. Entries that do not fit its queue are counted, and the next entry has
//! the count; [repeats] of one event become one entry. Not here: the log records of plugins, which [`palisade_store::log`]
//! writes. Tests: `audit/tests.rs`, `tests/operator.rs`.

mod entry;
pub(crate) mod heads;
mod log;
mod repeats;
mod verify;

pub use entry::Event;
pub use verify::{Damage, Verified, Why, verify, verify_latest, verify_with};

use entry::Note;
use log::{Log, Tail};
use palisade_guard::limits::{AUDIT_QUEUE_MAX, AUDIT_TICK_MS};
use palisade_guard::name::PluginName;
use repeats::{Key, Repeats};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// The audit log of a host. Without a file it drops all events. All clones are the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Option<Arc<Writer>>);

/// The thread that writes entries, with its queue.
#[derive(Debug)]
struct Writer {
    queue: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The log's name, and the machine and file that it is in.
    identity: (String, String),
    /// The last entry in the file.
    tails: watch::Receiver<Tail>,
}

/// What the reporting threads and the writing thread share.
#[derive(Debug, Default)]
struct Shared {
    repeats: Mutex<Repeats>,
    /// Entries that did not fit the queue or could not be written, and that no entry has counted yet.
    missed: AtomicU64,
}

#[derive(Debug)]
enum Message {
    Note(Note),
    /// Writes what is queued, and returns the last entry in the file.
    Flush(oneshot::Sender<Tail>),
}

impl Audit {
    /// Opens a log, or creates one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut log = Log::open(path)?;
        let identity = (log.name(), log::place_of(path));
        let (sender, tails) = watch::channel(log.tail()?);
        let (queue, notes) = sync_channel(AUDIT_QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("palisade-audit".into())
            .spawn(move || Scribe::new(log, sender, seen).write(&notes))?;
        Ok(Self(Some(Arc::new(Writer { queue: Some(queue), shared, thread: Some(thread), identity, tails }))))
    }

    /// The log's name, and the machine and file that it is in.
    fn identity(&self) -> Option<(&str, &str)> {
        self.0.as_ref().map(|writer| (writer.identity.0.as_str(), writer.identity.1.as_str()))
    }

    /// The last entry in the file, whenever it changes.
    fn tails(&self) -> Option<watch::Receiver<Tail>> {
        self.0.as_ref().map(|writer| writer.tails.clone())
    }

    /// Reports an event.
    pub(crate) fn note(&self, event: Event, plugin: Option<&PluginName>, what: impl Into<Cow<'static, str>>) {
        if let Some(writer) = &self.0 {
            writer.send(Note::new(event, plugin.cloned(), what.into()));
        }
    }

    /// Reports an event that a guest can cause any number of times. Repeats become one entry with a count.
    pub(crate) fn repeat(&self, event: Event, plugin: &PluginName, what: &'static str) {
        let Some(writer) = &self.0 else { return };
        let key = Key { event, plugin: plugin.clone(), what };
        if writer.shared.repeats().is_first(key, Instant::now()) {
            writer.send(Note::new(event, Some(plugin.clone()), what.into()));
        }
    }

    /// Completes when every event that was reported so far is in the file, or could not be written. Returns the last entry.
    pub(crate) async fn flush(&self) -> Option<Tail> {
        let writer = self.0.clone()?;
        // The queue may be full, and sending to it blocks, so this runs on a thread for blocking work.
        let flushed = tokio::task::spawn_blocking(move || {
            let (done, flushed) = oneshot::channel();
            let queue = writer.queue.as_ref()?;
            queue.send(Message::Flush(done)).ok()?;
            flushed.blocking_recv().ok()
        });
        flushed.await.ok().flatten()
    }
}

/// Moves the file of a log away and begins a new one, which continues it. Running hosts notice. Returns where the old file is.
pub fn rotate(path: &Path) -> io::Result<PathBuf> {
    if !path.exists() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Log::open(path)?.rotate()
}

impl Writer {
    fn send(&self, note: Note) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Note(note))
        {
            self.shared.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Dropping the sender makes the thread write what is queued and end.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writing thread works with.
struct Scribe {
    log: Log,
    tails: watch::Sender<Tail>,
    shared: Arc<Shared>,
    /// Notes that could not be written yet, oldest first.
    waiting: VecDeque<Note>,
    /// Not before this instant does it try again; `None` if the last attempt succeeded.
    retry: Option<Instant>,
}

impl Scribe {
    fn new(log: Log, tails: watch::Sender<Tail>, shared: Arc<Shared>) -> Self {
        Self { log, tails, shared, waiting: VecDeque::new(), retry: None }
    }

    /// Writes until the last sender is dropped.
    fn write(mut self, notes: &Receiver<Message>) {
        loop {
            let (note, flushed, has_ended) = match notes.recv_timeout(Duration::from_millis(AUDIT_TICK_MS)) {
                Ok(Message::Note(note)) => (Some(note), None, false),
                Ok(Message::Flush(flushed)) => (None, Some(flushed), false),
                Err(RecvTimeoutError::Timeout) => (None, None, false),
                Err(RecvTimeoutError::Disconnected) => (None, None, true),
            };
            let now = Instant::now();
            let is_last = has_ended || flushed.is_some();
            let repeated = self.shared.repeats().take_due(now, is_last);
            for note in note.into_iter().chain(repeated) {
                self.take(note);
            }
            if is_last || self.retry.is_none_or(|retry| retry <= now) {
                self.append_waiting();
            }
            if let Some(flushed) = flushed {
                // Another process may have written the last entry.
                let tail = self.log.tail().unwrap_or(*self.tails.borrow());
                let _sent = flushed.send(tail);
            }
            if has_ended {
                return self.report_lost();
            }
        }
    }

    fn take(&mut self, note: Note) {
        if self.waiting.len() < AUDIT_QUEUE_MAX {
            self.waiting.push_back(note);
        } else {
            self.shared.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn append_waiting(&mut self) {
        while let Some(note) = self.waiting.pop_front() {
            let missed = self.shared.missed.swap(0, Ordering::Relaxed);
            match self.log.append(&Note { missed, ..note.clone() }) {
                Ok(tail) => {
                    if self.retry.take().is_some() {
                        tracing::warn!(missed, "the audit log is written again");
                    }
                    self.tails.send_replace(tail);
                }
                Err(error) => {
                    self.shared.missed.fetch_add(missed, Ordering::Relaxed);
                    self.waiting.push_front(note);
                    if self.retry.is_none() {
                        report_failure(&error);
                    }
                    self.retry = Instant::now().checked_add(Duration::from_millis(AUDIT_TICK_MS));
                    return;
                }
            }
        }
    }

    fn report_lost(&self) {
        let missed = self.shared.missed.load(Ordering::Relaxed);
        let lost = missed.saturating_add(self.waiting.len() as u64);
        if lost > 0 {
            tracing::error!(lost, "the host ends, and these entries of the audit log could not be written");
        }
    }
}

/// One line for each time that the log cannot be written, however many entries wait.
fn report_failure(error: &io::Error) {
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "its disk is full: the operator must make room on it"
        }
        _ => "the operator must see to its file",
    };
    tracing::error!(
        %error, blame = "operator",
        "the audit log cannot be written: {what}; entries wait, and those that do not fit the queue are counted"
    );
}

#[cfg(test)]
mod tests;
