//! Closed WASI of one invocation: no directories, no environment, no arguments, no sockets, no name lookup.
//!
//! Standard input is empty. Each line of standard output and error becomes a log record within the budget, when the host call that
//! ends it returns. What a guest prints last before it traps, such as a stack trace of JavaScript or Python, is kept for the report
//! of the trap. Clocks and randomness are those of the invocation's kind: in a query or mutation all of it follows from the seed and the instant.
//! How it is linked, and how random bytes are spent: `api/wasi.rs`. Tests: `tests/wasi.rs`.

use super::LogWriter;
use crate::request::random::Random;
use bytes::Bytes;
use palisade_guard::clock::Clock;
use palisade_guard::limits::{PRINTED_WRITE_BYTES_MAX, TRAP_BYTES_MAX};
use palisade_guard::logging::{PrintedLines, Stream};
use palisade_guard::reports;
use rand::Rng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

/// The streams of the invocation's seed that WASI's generators use. The contract's `random` uses stream 0.
const SECURE: u64 = 1;
const INSECURE: u64 = 2;
const INSECURE_SEED: u64 = 3;

/// Closed WASI of one invocation, made when the guest first uses it.
pub(crate) struct Closed {
    context: WasiCtx,
    written: Written,
    stdout: PrintedLines,
    stderr: PrintedLines,
    last: Last,
}

impl Closed {
    pub(crate) fn new(clock: Clock, random: &Random) -> Self {
        let written = Written::default();
        let output = |stream| Output { stream, written: written.clone() };
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(ClosedInputStream)
            .stdout(output(Stream::Stdout))
            .stderr(output(Stream::Stderr))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .wall_clock(WallClock(clock))
            .monotonic_clock(MonotonicClock(clock))
            .secure_random(random.aside(SECURE))
            .insecure_random(random.aside(INSECURE))
            .insecure_random_seed(seed(random));
        let context = builder.build();
        let (stdout, stderr, last) = (PrintedLines::default(), PrintedLines::default(), Last::default());
        Self { context, written, stdout, stderr, last }
    }

    /// The context that wasmtime's WASI works on.
    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        &mut self.context
    }

    /// Writes the lines that have ended since the last time to the log.
    pub(super) fn print(&mut self, log: &mut LogWriter<'_>) {
        for (stream, bytes) in self.written.take() {
            log.handled(bytes.len());
            match stream {
                Stream::Stdout => self.stdout.push(&bytes, &mut |line| _ = log.print(stream, line)),
                Stream::Stderr => {
                    self.last.keep(&bytes);
                    let Self { stderr, last, .. } = self;
                    stderr.push(&bytes, &mut |line| last.is_lost |= !log.print(stream, line));
                }
            }
        }
    }

    /// Called when the guest has ended: also writes the last line of each stream if it has no end.
    pub(super) fn end(&mut self, log: &mut LogWriter<'_>) {
        self.print(log);
        let Self { stdout, stderr, last, .. } = self;
        stdout.end(&mut |line| _ = log.print(Stream::Stdout, line));
        stderr.end(&mut |line| last.is_lost |= !log.print(Stream::Stderr, line));
    }

    /// The end of what was printed to standard error, at most [`TRAP_BYTES_MAX`] bytes, if the log does not have all of it.
    pub(crate) fn lost(&self) -> Option<String> {
        let Last { bytes, is_lost } = &self.last;
        let start = bytes.len().saturating_sub(TRAP_BYTES_MAX);
        let text = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default());
        let text =
            text.trim_matches(|character| matches!(character, '\n' | '\r' | char::REPLACEMENT_CHARACTER));
        is_lost.then(|| reports::cut(text.to_owned(), TRAP_BYTES_MAX))
    }
}

/// The end of what a guest printed to standard error.
#[derive(Default)]
struct Last {
    bytes: Vec<u8>,
    /// Whether the budget did not cover some of the lines.
    is_lost: bool,
}

impl Last {
    /// Keeps the last [`TRAP_BYTES_MAX`] bytes, and at most twice as many, so that they are rarely moved.
    fn keep(&mut self, bytes: &[u8]) {
        if self.bytes.len().saturating_add(bytes.len()) > 2 * TRAP_BYTES_MAX {
            let surplus = self.bytes.len().saturating_sub(TRAP_BYTES_MAX.saturating_sub(bytes.len()));
            self.bytes.drain(..surplus);
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// A timer that is over: the only one where time stands still.
pub(crate) struct Past;

#[wasmtime_wasi::async_trait]
impl Pollable for Past {
    async fn ready(&mut self) {}
}

/// Standard output or error. It accepts everything at once, so what a guest sees of it never depends on its budget or on time.
struct Output {
    stream: Stream,
    written: Written,
}

/// What was written since the invocation last took it, which it does after each host call: one write.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<(Stream, Bytes)>>>);

impl Written {
    fn lock(&self) -> MutexGuard<'_, Vec<(Stream, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<(Stream, Bytes)> {
        std::mem::take(&mut *self.lock())
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // Without this one call could pass megabytes.
        if bytes.len() > PRINTED_WRITE_BYTES_MAX {
            let text = format!(
                "a write of {} bytes, where `check-write` allows {PRINTED_WRITE_BYTES_MAX}",
                bytes.len()
            );
            return Err(StreamError::Trap(wasmtime::Error::msg(text)));
        }
        self.written.lock().push((self.stream, bytes));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINTED_WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self { stream: self.stream, written: self.written.clone() })
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this, which is not linked.
        Box::new(tokio::io::sink())
    }
}

fn seed(random: &Random) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    random.aside(INSECURE_SEED).fill_bytes(&mut bytes);
    u128::from_le_bytes(bytes)
}

struct WallClock(Clock);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.now()).unwrap_or(0))
    }
}

struct MonotonicClock(Clock);

impl HostMonotonicClock for MonotonicClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.monotonic()
    }
}
