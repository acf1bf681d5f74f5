//! The audit log: an append-only file of the events that an operator must be able to look up after an incident.
//!
//! Each [entry] is a line of JSON that contains the hash of the previous entry and ends with an HMAC. The key is in another
//! file, which only the host's user can read. A third file, the [head](log), names the last entry. So without the key, no one
//! can alter, remove, insert or reorder a line, including the last one, without [`verify`](fn@verify) finding it. Two attacks remain:
//! with the key, and by restoring an old log together with its old head. To detect them, note the last hash elsewhere.
//!
//! A separate thread writes the entries, so no request waits for the file. Entries that do not fit the thread's queue are
//! counted, and the next entry has the count; [repeats] of one event become one entry. Not here: the log records of plugins,
//! which [`palisade_store::log`] writes. Tests: `audit/tests.rs`, `tests/operator.rs`.

mod entry;
mod log;
mod repeats;
mod verify;

pub use entry::Event;
pub use verify::{Damage, Verified, Why, verify};

use entry::Note;
use log::Log;
use palisade_guard::limits::{AUDIT_QUEUE_MAX, AUDIT_TICK_MS};
use palisade_guard::name::PluginName;
use repeats::{Key, Repeats};
use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The audit log of a host. Without a file it drops all events. All clones are the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Option<Arc<Writer>>);

/// The thread that writes entries, with its queue.
#[derive(Debug)]
struct Writer {
    queue: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
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
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// Opens a log, or creates one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let log = Log::open(path)?;
        let (queue, notes) = sync_channel(AUDIT_QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("palisade-audit".into())
            .spawn(move || write(log, &notes, &seen))?;
        Ok(Self(Some(Arc::new(Writer { queue: Some(queue), shared, thread: Some(thread) }))))
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

    /// Completes when every event that was reported so far is in the file.
    pub(crate) async fn flush(&self) {
        let Some(writer) = self.0.clone() else { return };
        // The queue may be full, and sending to it blocks, so this runs on a thread for blocking work.
        let flushed = tokio::task::spawn_blocking(move || {
            let (done, flushed) = oneshot::channel();
            let queue = writer.queue.as_ref()?;
            queue.send(Message::Flush(done)).ok()?;
            flushed.blocking_recv().ok()
        });
        let _ended = flushed.await;
    }
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

/// Writes until the last sender is dropped.
fn write(mut log: Log, notes: &Receiver<Message>, shared: &Shared) {
    loop {
        let (note, flushed, has_ended) = match notes.recv_timeout(Duration::from_millis(AUDIT_TICK_MS)) {
            Ok(Message::Note(note)) => (Some(note), None, false),
            Ok(Message::Flush(flushed)) => (None, Some(flushed), false),
            Err(RecvTimeoutError::Timeout) => (None, None, false),
            Err(RecvTimeoutError::Disconnected) => (None, None, true),
        };
        let repeated = shared.repeats().take_due(Instant::now(), has_ended || flushed.is_some());
        for note in note.into_iter().chain(repeated) {
            append(&mut log, note, shared);
        }
        if let Some(flushed) = flushed {
            let _sent = flushed.send(());
        }
        if has_ended {
            return;
        }
    }
}

fn append(log: &mut Log, note: Note, shared: &Shared) {
    let missed = shared.missed.swap(0, Ordering::Relaxed);
    if let Err(error) = log.append(&Note { missed, ..note }) {
        tracing::error!(%error, "cannot write the audit log");
        shared.missed.fetch_add(missed.saturating_add(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
