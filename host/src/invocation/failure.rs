//! Failed invocations: who is to blame, in a sentence without addresses.

use crate::engine::{self, processor::Account};
use crate::error::CallError;
use crate::plugin::Plugin;
use crate::program::link::OutOfKind;
use crate::state::{Outgrown, State};
use crate::supervision::is_percent;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use palisade_guard::limits::{
    KIB, Limit, MS_PER_S, PROCESSOR_USE_PERCENT, PROCESSOR_WAIT_PERCENT, RETRY_AFTER_S, TRAP_BYTES_MAX,
};
use palisade_guard::memory::OutOfMemory;
use palisade_guard::refusal::Refusal;
use palisade_guard::reports;
use palisade_store::postgres::failure::Absence;
use palisade_store::postgres::session::Session;
use rustix::io::Errno;
use std::io;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

pub(super) fn exceeded(plugin: &Plugin, Exceeded(usage): Exceeded) -> CallError {
    CallError::LimitExceeded { plugin: plugin.name.to_string(), usage }
}

fn out_of_time(plugin: &Plugin, kind: Kind) -> Exceeded {
    let max = time_allowed(plugin, kind);
    Exceeded(Usage { limit: time_limit(kind), used: max.saturating_add(1), max })
}

/// The error of an invocation whose deadline passed. Its plugin took too long, unless it mostly waited for a processor, or the
/// database told nobody anything.
pub(super) fn cut_off(plugin: &Plugin, kind: Kind, account: &Account, is_database_silent: bool) -> CallError {
    if is_percent(account.waited, PROCESSOR_WAIT_PERCENT, time_allowed(plugin, kind)) {
        return overloaded();
    }
    let is_its_own = is_percent(account.used, PROCESSOR_USE_PERCENT, time_allowed(plugin, kind));
    if is_database_silent && !is_its_own {
        let source = anyhow::anyhow!("the database has not answered, and an invocation ran out of time");
        return CallError::Unavailable { source };
    }
    exceeded(plugin, out_of_time(plugin, kind))
}

pub(super) fn time_allowed(plugin: &Plugin, kind: Kind) -> u64 {
    plugin.limits.get(time_limit(kind))
}

pub(super) fn time_limit(kind: Kind) -> Limit {
    if kind == Kind::Action { Limit::ActionTime } else { Limit::WallTime }
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> CallError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    CallError::internal(anyhow::anyhow!("a host function panicked: {text}"))
}

/// Every limit that the invocation hit: those whose errors the guest got, and the one that ended it.
pub(super) fn limits_hit<T>(ledger: &Ledger, reply: &Result<T, CallError>) -> impl Iterator<Item = Limit> {
    let last = match reply {
        Err(CallError::LimitExceeded { usage, .. }) => Some(usage.limit),
        _ => None,
    };
    ledger.refused().filter(move |limit| Some(*limit) != last).chain(last)
}

/// The error of a failed invocation, which says who is to blame in a sentence without addresses.
/// `overflowed` is the size of the guest's own stack, if that had overflowed.
pub(super) fn blame(state: &State, error: &wasmtime::Error, overflowed: Option<u32>) -> CallError {
    let plugin = state.plugin.name.to_string();
    if let Some(Exceeded(usage)) =
        error.downcast_ref::<Exceeded>().copied().or_else(|| state.memory.refused())
    {
        return CallError::LimitExceeded { plugin, usage };
    }
    if error.is::<Outgrown>() {
        return CallError::internal(Outgrown);
    }
    if error.is::<PoolConcurrencyLimitError>() || error.is::<OutOfMemory>() {
        // Other invocations hold every slot of the pool, or the host's memory. The plugin is not to blame.
        return overloaded();
    }
    if let Some(lack) = lack_of_the_system(error) {
        state.plugin.availability.report("the host lacks files or memory", || {
            tracing::error!(target: "palisade::invocation", plugin, "the system has too few files or too little memory for the host: {lack}");
        });
        return overloaded();
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return CallError::internal(anyhow::anyhow!("a host function failed: {refusal}"));
    }
    if let Some(limit) = counted_by_wasmtime(error) {
        let max = state.ledger.max(limit);
        return CallError::LimitExceeded { plugin, usage: Usage { limit, used: max.saturating_add(1), max } };
    }
    if let Some(out) = error.downcast_ref::<OutOfKind>() {
        return CallError::Trapped { plugin, reason: out.to_string() };
    }
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::MemoryOutOfBounds | Trap::UnreachableCodeReached) | None
            if let Some(bytes) = overflowed =>
        {
            stack_overflow(bytes)
        }
        Some(Trap::StackOverflow) => {
            let max = Limit::Stack.default_max();
            let usage = Usage { limit: Limit::Stack, used: max, max };
            return CallError::LimitExceeded { plugin, usage };
        }
        Some(Trap::OutOfFuel) => {
            let max = state.ledger.max(Limit::Fuel);
            let usage = Usage { limit: Limit::Fuel, used: max.saturating_add(1), max };
            return CallError::LimitExceeded { plugin, usage };
        }
        Some(Trap::UnreachableCodeReached) => {
            "it panicked or ran into `unreachable`; its log says where".to_owned()
        }
        Some(trap) => trap.to_string(),
        None if is_too_large(error) => {
            let reason =
                "it passed the host more in one call than fits: pass less, or return it in pages".to_owned();
            return CallError::Oversized { plugin, reason };
        }
        None if let Some(exit) = error.downcast_ref::<I32Exit>() => {
            format!("it exited with status {}; what it printed before is in its log", exit.0)
        }
        None => "it broke the rules of its interface".to_owned(),
    };
    state.plugin.availability.report("a plugin trapped", || {
        let (entered, request) = (state.entered.as_str(), state.request.id.as_str());
        let error = reports::cut(engine::causes(error).join("\n"), TRAP_BYTES_MAX);
        let stderr = state.wasi.as_ref().and_then(|closed| closed.lost());
        tracing::warn!(target: "palisade::invocation", plugin, entered, request, reason, error, stderr, "a plugin trapped");
    });
    CallError::Trapped { plugin, reason }
}

/// The sentence for a guest whose own stack has overflowed.
fn stack_overflow(bytes: u32) -> String {
    let size = match u64::from(bytes) {
        bytes if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    };
    format!(
        "stack overflow: the guest's stack is {size}; keep large values on the heap, recurse less deeply, or give it more with \
         `-zstack-size` (for Rust in .cargo/config.toml)"
    )
}

/// The system's error if it had no file descriptor or no memory for the host. The operator is to blame, and not the plugin.
fn lack_of_the_system(error: &wasmtime::Error) -> Option<io::Error> {
    let number = error.chain().find_map(|cause| {
        let system = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        system.or_else(|| cause.downcast_ref::<Errno>().map(|number| number.raw_os_error()))
    })?;
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    lacks.contains(&number).then(|| io::Error::from_raw_os_error(number))
}

/// The error of an invocation in which the database was out of reach: neither the plugin nor its caller is to blame. An
/// action that has committed something is not told to try again, whatever failed after that.
pub(crate) fn unreached(error: CallError, session: &Session) -> CallError {
    let is_time = |usage: &Usage| matches!(usage.limit, Limit::WallTime | Limit::ActionTime);
    let replaces = match &error {
        CallError::Returned(_) | CallError::Refused { .. } | CallError::Trapped { .. } => true,
        CallError::LimitExceeded { usage, .. } => is_time(usage),
        _ => false,
    };
    let source =
        |error: &CallError| anyhow::anyhow!("the database was out of reach; the plugin said: {error}");
    let error = match session.absence() {
        Some(Absence::Away) if replaces => CallError::Unavailable { source: source(&error) },
        Some(Absence::Busy) if replaces => Refusal::Busy.into(),
        Some(Absence::Full) if replaces => CallError::InsufficientStorage { source: source(&error) },
        Some(Absence::InDoubt) if replaces => CallError::InDoubt { source: source(&error) },
        _ => error,
    };
    match error {
        CallError::Unavailable { source } | CallError::InsufficientStorage { source }
            if session.has_committed() =>
        {
            CallError::PartlyDone { source }
        }
        CallError::Overloaded { .. } if session.has_committed() => {
            CallError::PartlyDone { source: anyhow::anyhow!("{error}") }
        }
        other => other,
    }
}

/// The limit behind an error that wasmtime itself counts: core instances, and handles that no interface of the contract
/// creates. wasmtime has a type for only one of these errors, so the others are told apart by their text.
fn counted_by_wasmtime(error: &wasmtime::Error) -> Option<Limit> {
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Some(Limit::Handles);
    }
    let says = |text| engine::says(error, text);
    if says("store handle limit exceeded") {
        return Some(Limit::Handles);
    }
    says("resource limit exceeded: instance count").then_some(Limit::Instances)
}

pub(super) fn overloaded() -> CallError {
    CallError::Overloaded { retry_after_ms: RETRY_AFTER_S.saturating_mul(MS_PER_S) }
}

/// Whether the guest passed more data in one call than wasmtime's budget for host calls. wasmtime has no type for this
/// error.
fn is_too_large(error: &wasmtime::Error) -> bool {
    engine::says(error, "fuel allocated for hostcalls has been exhausted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_a_guest_gave_its_function_is_no_cause() {
        let text = "store handle limit exceeded";
        let error = |cause: String| wasmtime::Error::msg("trap").context(cause);
        for cause in [
            "error while executing at wasm backtrace:\n    0: 0x23 - ",
            "wasm coredump generated while executing ",
        ] {
            assert!(counted_by_wasmtime(&error(format!("{cause}{text}"))).is_none());
        }
        assert_eq!(counted_by_wasmtime(&error(text.to_owned())), Some(Limit::Handles));
    }

    #[test]
    fn lack_of_files_or_memory_is_found_wherever_it_is_in_the_chain() {
        for number in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let system = || io::Error::from_raw_os_error(number.raw_os_error());
            for error in [
                wasmtime::Error::new(system()),
                wasmtime::Error::new(system()).context("cannot allocate a stack"),
                wasmtime::Error::new(number).context("cannot make a memory"),
            ] {
                assert!(lack_of_the_system(&error).is_some(), "{error:?}");
            }
        }
        for error in [
            wasmtime::Error::msg("Too many open files"),
            wasmtime::Error::new(io::Error::from_raw_os_error(Errno::PIPE.raw_os_error())),
            wasmtime::Error::new(Trap::UnreachableCodeReached),
        ] {
            assert!(lack_of_the_system(&error).is_none(), "{error:?}");
        }
    }
}
