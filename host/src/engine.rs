//! The wasmtime engine: one for a host, configured once.
//!
//! Everything that wasmtime would allow and Palisade does not is switched off here: threads, garbage collection, tail
//! calls, memory64, relaxed SIMD and the rest are refused at load. Numbers and reasons are in [`crate::limits`]. The
//! thread that advances the epoch belongs to the engine and ends with it.

use crate::limits;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// A configured engine and its ticker.
#[derive(Clone)]
pub(crate) struct Engine {
    engine: wasmtime::Engine,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Makes the engine and starts its ticker.
    pub(crate) fn new() -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(&config())?;
        let ticker = Arc::new(Ticker::start(engine.clone())?);
        Ok(Self { engine, _ticker: ticker })
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(limits::WASM_STACK_BYTES)
        .async_stack_size(limits::ASYNC_STACK_BYTES)
        .wasm_component_model(true)
        // Off: a proposal that no plugin needs is one that no plugin can attack.
        .wasm_threads(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_stack_switching(false)
        .relaxed_simd_deterministic(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let instances = limits::INSTANCES_TOTAL_MAX;
    let per_component = u32::try_from(limits::COMPONENT_INSTANCES_MAX).unwrap_or(u32::MAX);
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_memories(instances.saturating_mul(limits::MEMORIES_PER_COMPONENT))
        .total_tables(instances.saturating_mul(limits::TABLES_PER_COMPONENT))
        .total_core_instances(instances.saturating_mul(limits::CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(per_component)
        .max_memories_per_component(limits::COMPONENT_MEMORIES_MAX)
        .max_tables_per_component(limits::COMPONENT_TABLES_MAX)
        .table_elements(usize::try_from(limits::Limit::TableElements.default_max()).unwrap_or(usize::MAX))
        .max_memory_size(usize::try_from(limits::MEMORY_CEILING_BYTES).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(limits::POOL_KEEP_RESIDENT_BYTES)
        .table_keep_resident(limits::POOL_TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The thread that advances the epoch until the last engine is dropped.
struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> wasmtime::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let tick = Duration::from_millis(limits::EPOCH_TICK_MS);
        let thread = std::thread::Builder::new().name("palisade-epoch".into()).spawn(move || {
            while stopped.recv_timeout(tick) == Err(mpsc::RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // Dropping the sender wakes the thread at once.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
