//! wasmtime, configured: one engine for a host, and a second one that is made when a plugin first has a fuel limit, because
//! counting fuel is part of the compiled code.
//!
//! Proposals of WebAssembly that plugins do not need are disabled here, so components that use threads, garbage collection,
//! tail calls, memory64, relaxed SIMD and others are refused when they are loaded. Numbers and reasons are in
//! [`palisade_guard::limits`]. The thread that advances the epoch belongs to the engine and ends with it. This room knows no
//! plugin and no interface; what is linked is in `program/link.rs`. Checks before compilation are in `prepass.rs`, `types.rs` and
//! `floats.rs`, how a stack overflow is told in `stack.rs`, compilation in `compiler.rs`, what its process gives up in `confinement.rs`, kept code in `artifact.rs`, threads in
//! `lane.rs` and `turns.rs`, their time in `processor.rs`. Tests: `tests/load/`, `tests/lanes.rs`.

pub(crate) mod artifact;
pub(crate) mod compiler;
pub(crate) mod floats;
pub(crate) mod lane;
pub(crate) mod prepass;
pub(crate) mod processor;
pub(crate) mod stack;
pub(crate) mod turns;

mod child;
mod confinement;
mod types;

pub(crate) use confinement::Missing;

use palisade_guard::limits::{self, Limit, Limits};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Whether compiled code counts the instructions that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fuel {
    Counted,
    Uncounted,
}

impl Fuel {
    /// Counted if the limits have a maximum of fuel.
    pub(crate) fn under(limits: &Limits) -> Self {
        if limits.get(Limit::Fuel) < u64::MAX { Self::Counted } else { Self::Uncounted }
    }
}

/// A configured engine and the thread that advances its epoch.
#[derive(Clone)]
pub(crate) struct Engine {
    engine: wasmtime::Engine,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Makes an engine, whose code counts fuel or does not, with a pool for this many instances, and starts its ticker thread.
    pub(crate) fn new(fuel: Fuel, instances: u32) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(config(fuel).allocation_strategy(pool(instances)))?;
        let ticker = Arc::new(Ticker::start(engine.clone())?);
        Ok(Self { engine, _ticker: ticker })
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// An engine that only compiles. It reserves no address space for instances.
pub(crate) fn compiling(fuel: Fuel) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&config(fuel))
}

/// A hash of the settings that compiled code depends on, and of the bounds that were checked before it was compiled. Code of one
/// engine runs on every engine with the same hash.
pub(crate) fn settings(engine: &wasmtime::Engine) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let engine = hasher.hash_one(engine.precompile_compatibility_hash());
    hasher.hash_one((engine, types::BOUNDS))
}

/// The error with all its causes, on one line.
pub(crate) fn innermost(error: &wasmtime::Error) -> String {
    causes(error).join(": ").replace('\n', " ")
}

/// The error and its causes, without the core dump of a trap.
pub(crate) fn causes(error: &wasmtime::Error) -> Vec<String> {
    let causes = error.chain().map(ToString::to_string);
    causes.filter(|cause| !cause.starts_with("wasm coredump generated")).collect()
}

/// Whether a cause of the error contains this text of wasmtime's. A backtrace is no such cause, because guests name its functions.
pub(crate) fn says(error: &wasmtime::Error, text: &str) -> bool {
    let own = |cause: &String| !cause.starts_with("error while executing at wasm backtrace");
    causes(error).iter().filter(|cause| own(cause)).any(|cause| cause.contains(text))
}

fn config(fuel: Fuel) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(fuel == Fuel::Counted)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(limits::WASM_STACK_BYTES)
        .async_stack_size(limits::ASYNC_STACK_BYTES)
        .wasm_component_model(true)
        // At a trap, for `stack.rs`: the globals of the guest.
        .coredump_on_trap(true)
        // The code between the components of a composed one copies from memory to memory. `prepass.rs` refuses a module that has
        // several itself.
        .wasm_multi_memory(true)
        // Disabled: plugins do not need these proposals, and a disabled one cannot be attacked.
        .wasm_threads(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_stack_switching(false)
        .relaxed_simd_deterministic(true);
    config
}

fn pool(instances: u32) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    let per_component = u32::try_from(limits::COMPONENT_INSTANCES_MAX).unwrap_or(u32::MAX);
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_memories(instances.saturating_mul(limits::MEMORIES_PER_COMPONENT))
        .total_tables(instances.saturating_mul(limits::TABLES_PER_COMPONENT))
        .total_core_instances(instances.saturating_mul(limits::CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(per_component)
        .max_memories_per_component(limits::COMPONENT_MEMORIES_MAX)
        .max_tables_per_component(limits::COMPONENT_TABLES_MAX)
        .table_elements(usize::try_from(Limit::TableElements.default_max()).unwrap_or(usize::MAX))
        .max_memory_size(usize::try_from(limits::MEMORY_CEILING_BYTES).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(limits::POOL_KEEP_RESIDENT_BYTES)
        .table_keep_resident(limits::POOL_TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
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

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::component::Component;

    /// The disabled proposals: a core module that uses each, and what the refusal says.
    const DISABLED: [(&str, &str); 10] = [
        ("(memory 1 1 shared)", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(func $f return_call $f)", "tail calls"),
        (
            "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
            "relaxed SIMD",
        ),
        ("(type (struct (field i32)))", "gc"),
        ("(type $t (func)) (func (param (ref $t)))", "function references"),
        ("(tag (param i32))", "exceptions"),
        ("(func (result i64 i64) (i64.mul_wide_u (i64.const 1) (i64.const 1)))", "wide arithmetic"),
        ("(memory 1 (pagesize 1))", "custom page sizes"),
        ("(type $f (func)) (type (cont $f))", "stack switching"),
    ];

    #[test]
    fn guest_that_loops_forever_is_ended_by_the_epoch() {
        let engine = Engine::new(Fuel::Uncounted, limits::INSTANCES_TOTAL_MAX).unwrap();
        let module = wat::parse_str("(module (func (export \"spin\") (loop (br 0))))").unwrap();
        let module = wasmtime::Module::new(engine.wasmtime(), module).unwrap();
        let mut store = wasmtime::Store::new(engine.wasmtime(), ());
        store.set_epoch_deadline(1);
        let (sender, ended) = mpsc::channel();
        // On another thread, because without epochs the call would never return.
        std::thread::spawn(move || {
            let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
            let spin = instance.get_typed_func::<(), ()>(&mut store, "spin").unwrap();
            sender.send(spin.call(&mut store, ()).is_err()).unwrap();
        });
        assert_eq!(ended.recv_timeout(Duration::from_mins(1)), Ok(true));
    }

    #[test]
    fn fuel_is_counted_if_it_is_limited() {
        assert_eq!(Fuel::under(&Limits::default()), Fuel::Uncounted);
        assert_eq!(Fuel::under(&Limits::default().with(Limit::Fuel, u64::MAX - 1)), Fuel::Counted);
    }

    #[test]
    fn component_that_fits_no_slot_of_the_pool_is_refused() {
        let engine = Engine::new(Fuel::Uncounted, limits::INSTANCES_TOTAL_MAX).unwrap();
        let fits = |item: &str, number: u32| {
            let items = format!(
                "(core module $m {item}) {}",
                "(core instance (instantiate $m))".repeat(number as usize)
            );
            Component::new(engine.wasmtime(), wat::parse_str(format!("(component {items})")).unwrap()).is_ok()
        };
        let instances = u32::try_from(limits::COMPONENT_INSTANCES_MAX).unwrap();
        for (item, max) in [
            ("(memory 1)", limits::COMPONENT_MEMORIES_MAX),
            ("(table 1 funcref)", limits::COMPONENT_TABLES_MAX),
            ("", instances),
        ] {
            assert!(fits(item, max), "{max} of {item}");
            assert!(!fits(item, max + 1), "{max} of {item}, and one");
        }
        let pages = limits::MEMORY_CEILING_BYTES / 65_536;
        assert!(fits(&format!("(memory {pages})"), 1));
        assert!(!fits(&format!("(memory {})", pages + 1), 1));
    }

    #[test]
    fn module_that_uses_a_disabled_proposal_does_not_compile() {
        let engine = compiling(Fuel::Uncounted).unwrap();
        for (uses, says) in DISABLED {
            let component = wat::parse_str(format!("(component (core module {uses}))")).unwrap();
            let refused = innermost(&engine.precompile_component(&component).unwrap_err());
            assert!(refused.contains(says), "{uses}: {refused}");
        }
    }

    #[test]
    fn compiled_code_runs_only_on_an_engine_that_counts_fuel_alike() {
        let of = |fuel| {
            (
                settings(&compiling(fuel).unwrap()),
                settings(Engine::new(fuel, limits::INSTANCES_TOTAL_MAX).unwrap().wasmtime()),
            )
        };
        let (compiled, runs) = of(Fuel::Uncounted);
        let (counted, counts) = of(Fuel::Counted);
        assert_eq!((compiled, counted), (runs, counts));
        assert_ne!(runs, counts, "code that counts fuel and code that does not must not be mixed up");
    }
}
