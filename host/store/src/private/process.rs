//! The server's process: how it is spawned, signalled and awaited, and how its log is read.
//!
//! The parent-death signal fires when the *thread* that spawned a process ends, so that thread must live as long as the
//! process and cannot come from a pool. The same thread reaps the process, starts it again if it ended unexpectedly, and
//! at the end drops its [`Home`]: the lock is held, and a temporary folder stays, exactly as long as there is a server.
//! Another thread reads the server's log: its backends may hold the log open for longer than it lives.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::{oneshot, watch};

use super::Again;
use super::home::Home;
use crate::private::error::PrivateError;
use palisade_guard::limits::{
    PRIVATE_DROP_MS, PRIVATE_LOG_LINE_BYTES_MAX, PRIVATE_LOG_LINES_MAX, PRIVATE_POLL_MS,
    PRIVATE_RESTART_MAX_MS, PRIVATE_RESTART_MS, PRIVATE_STOP_MS,
};

/// A running `postgres`.
pub(super) struct Postgres {
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
    /// The signal that is sent on drop: a fast shutdown if the data is needed later, an immediate one if not.
    last_signal: Signal,
}

struct Shared {
    /// `None` once the process is reaped: from then on its id may be another process's.
    child: Mutex<Option<Child>>,
    log: Mutex<VecDeque<String>>,
    /// The process id of the latest server.
    id: AtomicU32,
    /// Whether the server is started again if it ends.
    is_kept: AtomicBool,
}

impl Postgres {
    pub(super) async fn spawn(
        command: Command,
        home: Home,
        again: Again,
        durable: bool,
    ) -> Result<Self, PrivateError> {
        let shared = Arc::new(Shared {
            child: Mutex::new(None),
            log: Mutex::new(VecDeque::new()),
            id: AtomicU32::new(0),
            is_kept: AtomicBool::new(false),
        });
        let (started, start) = oneshot::channel();
        let (end, ended) = watch::channel(false);
        let path = home.path().to_owned();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("palisade-postgres".to_owned())
            .spawn(move || {
                theirs.serve(command, &home, &again, started);
                drop(home);
                let _ = end.send(true);
            })
            .map_err(PrivateError::io("start a thread for", &path))?;
        let outcome = start.await.unwrap_or_else(|_| Err(io::Error::other("its thread ended")));
        outcome.map_err(|error| not_run(error, &path))?;
        let last_signal = if durable { Signal::INT } else { Signal::QUIT };
        Ok(Self { shared, ended, last_signal })
    }

    pub(super) fn id(&self) -> u32 {
        self.shared.id.load(Ordering::Relaxed)
    }

    /// From now on the server is started again if it ends.
    pub(super) fn keep(&self) {
        self.shared.is_kept.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// The end of the server's log.
    pub(super) fn log(&self) -> String {
        let lines = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// Sends a fast shutdown, and an immediate one if that takes too long.
    pub(super) async fn stop(self) {
        let mut ended = self.ended.clone();
        self.shared.is_kept.store(false, Ordering::Release);
        self.shared.signal(Signal::INT);
        let wait = ended.wait_for(|ended| *ended);
        if tokio::time::timeout(Duration::from_millis(PRIVATE_STOP_MS), wait).await.is_err() {
            tracing::warn!("PostgreSQL did not stop within {PRIVATE_STOP_MS} ms and is stopped at once");
            self.shared.signal(Signal::QUIT);
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.shared.is_kept.store(false, Ordering::Release);
        self.shared.signal(self.last_signal);
        let deadline = Instant::now() + Duration::from_millis(PRIVATE_DROP_MS);
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(PRIVATE_POLL_MS));
        }
    }
}

impl Shared {
    /// Runs the server, and runs it again whenever it ends and is still wanted.
    fn serve(
        self: &Arc<Self>,
        mut command: Command,
        home: &Home,
        again: &Again,
        started: oneshot::Sender<io::Result<()>>,
    ) {
        let mut started = Some(started);
        let mut wait = Duration::from_millis(PRIVATE_RESTART_MS);
        loop {
            let began = Instant::now();
            let ended = match command.spawn() {
                Ok(child) => self.run(child, started.take()),
                Err(error) => {
                    if let Some(started) = started.take() {
                        return drop(started.send(Err(error)));
                    }
                    format!("could not be started: {error}")
                }
            };
            let longest = Duration::from_millis(PRIVATE_RESTART_MAX_MS);
            if began.elapsed() >= longest {
                wait = Duration::from_millis(PRIVATE_RESTART_MS);
            }
            if !self.is_kept() {
                return;
            }
            tracing::error!("the host's private PostgreSQL {ended}; it is started again");
            let until = Instant::now() + wait;
            while self.is_kept() && Instant::now() < until {
                thread::sleep(Duration::from_millis(PRIVATE_POLL_MS));
            }
            wait = wait.saturating_mul(2).min(longest);
            if let Err(error) = again(home) {
                tracing::error!("the folder of the host's private PostgreSQL could not be prepared: {error}");
            }
            if !self.is_kept() {
                return;
            }
        }
    }

    fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Acquire)
    }

    /// Waits until a server has ended, and returns how.
    fn run(self: &Arc<Self>, mut child: Child, started: Option<oneshot::Sender<io::Result<()>>>) -> String {
        let (pid, log) = (Pid::from_child(&child), child.stderr.take());
        self.id.store(child.id(), Ordering::Relaxed);
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let is_unwanted = match started {
            // The caller gave up while the server was spawned.
            Some(started) => started.send(Ok(())).is_err(),
            // The host stopped while it was started again.
            None => !self.is_kept(),
        };
        if is_unwanted {
            self.signal(Signal::QUIT);
        }
        let ours = Arc::clone(self);
        let reader = log.map(|log| {
            let reader = thread::Builder::new().name("palisade-postgres-log".to_owned());
            reader.spawn(move || ours.read(log))
        });
        // Waits without reaping, so that the id is still the server's until `child` is locked.
        let unreaped = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), unreaped), Err(Errno::INTR)) {}
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let status = child.and_then(|mut child| child.wait().ok());
        if !self.is_kept()
            && let Some(Ok(reader)) = reader
        {
            // Whoever asks why the server did not start reads the whole log. All its processes have ended.
            let _read = reader.join();
        }
        format!(
            "ended unexpectedly ({})",
            status.map_or_else(String::new, |status: ExitStatus| status.to_string())
        )
    }

    /// Reads the log until all processes of the server have closed it.
    fn read(&self, log: ChildStderr) {
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        while let Ok(1..) = log.by_ref().take(PRIVATE_LOG_LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            tracing::debug!(target: "palisade::postgres", "{text}");
            let mut lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(text);
            if lines.len() > PRIVATE_LOG_LINES_MAX {
                lines.pop_front();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = child.as_ref() {
            // This fails only for a process that has ended and is not reaped yet.
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }
}

/// Why a program could not be run through `setpriv`.
pub(super) fn not_run(error: io::Error, path: &std::path::Path) -> PrivateError {
    if error.kind() == io::ErrorKind::NotFound {
        return PrivateError::NoSetpriv;
    }
    PrivateError::io("start PostgreSQL in", path)(error)
}
