//! WASI, closed: components built with std load, and find nothing.
//!
//! No directory, no environment, no arguments, no sockets, no names; stdin is at its end. Standard output and error become
//! log records within the budget when the invocation ends. Clocks and randomness are those of the invocation's kind.
//! `wasi:http` is not linked at all.

use crate::guard::clock::Clock;
use crate::guard::logging::{Level, LogRecord};
use crate::invocation::State;
use crate::limits::{LOG_RECORD_BYTES_MAX, Limit, RANDOM_CALL_BYTES_MAX};
use crate::random::Random;
use rand::Rng;
use std::time::Duration;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, MemoryOutputPipe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The streams of an invocation's seed that WASI's generators are; the contract's own is the stream 0.
const SECURE: u64 = 1;
const INSECURE: u64 = 2;
const INSECURE_SEED: u64 = 3;

/// The WASI side of one invocation; made when a guest first touches it.
pub(crate) struct Closed {
    context: WasiCtx,
    output: MemoryOutputPipe,
}

impl Closed {
    pub(crate) fn new(clock: Clock, random: &Random, output_bytes_max: u64) -> Self {
        let output = MemoryOutputPipe::new(usize::try_from(output_bytes_max).unwrap_or(usize::MAX));
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
            .max_random_size(RANDOM_CALL_BYTES_MAX)
            .insecure_random_seed(seed(random));
        Self { context: builder.build(), output }
    }

    /// What the guest printed, as log records.
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

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let State { wasi, table, clock, random, ledger, .. } = self;
        let output = ledger.left(Limit::LogBytes).max(LOG_RECORD_BYTES_MAX as u64);
        let closed = wasi.get_or_insert_with(|| Box::new(Closed::new(*clock, random, output)));
        WasiCtxView { ctx: &mut closed.context, table }
    }
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
