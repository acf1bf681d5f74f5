//! Closed WASI of one invocation: no directories, no environment, no arguments, no sockets, no name lookup.
//!
//! Standard input is empty. When the invocation ends, standard output and error become log records within the budget. Clocks
//! and randomness are those of the invocation's kind. How it is linked: `api/wasi.rs`. Tests: `tests/wasi.rs`.

use crate::request::random::Random;
use palisade_guard::clock::Clock;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{LOG_RECORD_BYTES_MAX, Limit, RANDOM_CALL_BYTES_MAX};
use palisade_guard::logging::{Level, LogRecord};
use rand::Rng;
use std::time::Duration;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, MemoryOutputPipe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

/// The streams of the invocation's seed that WASI's generators use. The contract's `random` uses stream 0.
const SECURE: u64 = 1;
const INSECURE: u64 = 2;
const INSECURE_SEED: u64 = 3;

/// Closed WASI of one invocation, made when the guest first uses it.
pub(crate) struct Closed {
    context: WasiCtx,
    output: MemoryOutputPipe,
}

impl Closed {
    pub(crate) fn new(clock: Clock, random: &Random, ledger: &Ledger) -> Self {
        let output_bytes = ledger.left(Limit::LogBytes).max(LOG_RECORD_BYTES_MAX as u64);
        let output = MemoryOutputPipe::new(usize::try_from(output_bytes).unwrap_or(usize::MAX));
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
            .max_random_size(ledger.max(Limit::RandomCallBytes).min(RANDOM_CALL_BYTES_MAX))
            .insecure_random_seed(seed(random));
        Self { context: builder.build(), output }
    }

    /// The context that wasmtime's WASI works on.
    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        &mut self.context
    }

    /// The lines that the guest printed, as log records.
    pub(crate) fn records(&self) -> Vec<LogRecord> {
        let printed = self.output.contents();
        let text = String::from_utf8_lossy(&printed);
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| LogRecord::parse(Level::Info, line, &[("stream".into(), "stdout".into())])).collect()
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
