//! Closed WASI of one invocation: no directories, no environment, no arguments, no sockets, no name lookup.
//!
//! Standard input is empty. When the invocation ends, standard output and error become log records within the budget. Clocks
//! and randomness are those of the invocation's kind: in a query or mutation all of it follows from the seed and the instant.
//! How it is linked, and how random bytes are spent: `api/wasi.rs`. Tests: `tests/wasi.rs`.

use crate::request::random::Random;
use palisade_guard::clock::Clock;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{LOG_RECORD_BYTES_MAX, Limit};
use palisade_guard::logging::{Level, LogRecord};
use rand::Rng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

/// The streams of the invocation's seed that WASI's generators use. The contract's `random` uses stream 0.
const SECURE: u64 = 1;
const INSECURE: u64 = 2;
const INSECURE_SEED: u64 = 3;

/// Closed WASI of one invocation, made when the guest first uses it.
pub(crate) struct Closed {
    context: WasiCtx,
    output: Output,
    /// How many records the invocation could still write when WASI was made.
    records: usize,
}

/// What a guest printed.
#[derive(Default)]
pub(crate) struct Printed {
    /// Its lines, as log records.
    pub(super) records: Vec<LogRecord>,
    /// Lines that the invocation's budget could not cover.
    pub(super) dropped: u64,
}

impl Closed {
    pub(crate) fn new(clock: Clock, random: &Random, ledger: &Ledger) -> Self {
        let output = Output::new(ledger.left(Limit::LogBytes).max(LOG_RECORD_BYTES_MAX as u64));
        let records = usize::try_from(ledger.left(Limit::LogRecords)).unwrap_or(usize::MAX);
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(ClosedInputStream)
            .stdout(output.clone())
            .stderr(output.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .wall_clock(WallClock(clock))
            .monotonic_clock(MonotonicClock(clock))
            .secure_random(random.aside(SECURE))
            .insecure_random(random.aside(INSECURE))
            .insecure_random_seed(seed(random));
        Self { context: builder.build(), output, records }
    }

    /// The context that wasmtime's WASI works on.
    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        &mut self.context
    }

    /// What the guest printed, as log records.
    pub(crate) fn records(&self) -> Printed {
        let kept = self.output.kept();
        let text = String::from_utf8_lossy(&kept.text);
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let records = lines.by_ref().take(self.records);
        let records =
            records.map(|line| LogRecord::parse(Level::Info, line, &[("stream".into(), "stdout".into())]));
        let records = records.collect();
        Printed { records, dropped: (lines.count() as u64).saturating_add(kept.dropped) }
    }
}

/// A timer that is over: the only one where time stands still.
pub(crate) struct Past;

#[wasmtime_wasi::async_trait]
impl Pollable for Past {
    async fn ready(&mut self) {}
}

/// Standard output and error. They accept everything at once, so what a guest sees of them never depends on their budget or
/// on time; what is over the budget is dropped and counted.
#[derive(Clone)]
struct Output(Arc<Mutex<Kept>>);

struct Kept {
    text: Vec<u8>,
    bytes_max: usize,
    /// Lines of which nothing was kept.
    dropped: u64,
}

impl Output {
    fn new(bytes_max: u64) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self(Arc::new(Mutex::new(Kept { text: Vec::new(), bytes_max, dropped: 0 })))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, bytes: &[u8]) {
        let room = self.bytes_max.saturating_sub(self.text.len()).min(bytes.len());
        let (kept, rest) = bytes.split_at(room);
        self.text.extend_from_slice(kept);
        if !rest.is_empty() {
            let lines = rest.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
            self.dropped = self.dropped.saturating_add(lines.max(1));
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.kept().keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LOG_RECORD_BYTES_MAX)
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
        Box::new(self.clone())
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
