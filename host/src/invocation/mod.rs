//! One invocation: a fresh store with its limits and deadline, the call into the guest, and how it ended.
//!
//! Everything that a guest can reach while it runs is in [`State`] and is dropped with the store. This room does not choose
//! the transaction that an invocation is part of: see [`crate::calls::call`] for functions and [`crate::calls::tap`] for taps.
//! Blame is in `failure.rs`, warnings about limits in `usage.rs`. Tests: `tests/calls.rs`, `tests/limits.rs`, `tests/lanes.rs`.

mod failure;
mod usage;

pub(crate) use failure::unreached;

use crate::engine::Fuel;
use crate::engine::lane::{self, Lane};
use crate::error::CallError;
use crate::metrics::Ending;
use crate::program::Program;
use crate::program::entry::{Entry, Reply};
use crate::request::random::Random;
use crate::request::setting::Setting;
use crate::runtime::{Admitted, Runtime};
use crate::state::{Memory, Meter, Records, State};
use crate::supervision::Evidence;
use failure::{blame, exceeded, limits_hit, out_of_time, panicked, time_allowed};
use futures_util::FutureExt;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{self, Limit, MEMORY_INVOCATION_BYTES};
use palisade_guard::memory::Reservation;
use palisade_store::Backends;
use palisade_store::postgres::session::Session;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};

/// An invocation that has ended. `session` is `None` if the invocation was cut off.
pub(crate) struct Ended {
    pub(crate) session: Option<Session>,
    pub(crate) ledger: Ledger,
    pub(crate) reply: Result<Reply, CallError>,
}

/// Runs one entry of a plugin in a fresh store.
pub(crate) async fn run(
    runtime: &Runtime,
    admitted: &Admitted,
    kind: Kind,
    setting: &Setting,
    session: Session,
    entry: Entry,
) -> Ended {
    let (backends, lane) = (Arc::clone(&runtime.backends), entry.lane());
    let (plugin, caller) = (&admitted.program.plugin, &setting.request.caller);
    let reserve = || runtime.memory.reservation(Some(&plugin.memory), caller);
    let (mut held, linear) = (reserve(), reserve());
    if let Err(out) = held.grow(MEMORY_INVOCATION_BYTES) {
        let ledger = Ledger::new(plugin.limits.clone());
        return Ended { session: Some(session), ledger, reply: Err(out.into()) };
    }
    let memory = (held, linear);
    let invocation =
        Invocation { backends, admitted: admitted.clone(), kind, lane, setting: setting.clone() };
    runtime.lanes.run(lane, invocation.run(session, entry, memory)).await.unwrap_or_else(|| {
        let reply = Err(CallError::internal(anyhow::anyhow!("the host was stopped during a call")));
        Ended { session: None, ledger: Ledger::new(admitted.program.plugin.limits.clone()), reply }
    })
}

/// What an invocation needs of the host. It owns all of it, because it may change threads and may briefly outlive its caller.
struct Invocation {
    backends: Arc<Backends>,
    /// Held until the invocation is dropped, in whichever lane it runs.
    admitted: Admitted,
    kind: Kind,
    lane: Lane,
    setting: Setting,
}

impl Invocation {
    async fn run(self, session: Session, entry: Entry, memory: (Reservation, Reservation)) -> Ended {
        let Self { admitted: Admitted { program, .. }, kind, setting, .. } = &self;
        let plugin = &program.plugin;
        let (name, began) = (entry.name(), Instant::now());
        let pass = match plugin.availability.enter() {
            Ok(pass) => pass,
            Err(error) => {
                plugin.tally.turned_away();
                let ledger = Ledger::new(plugin.limits.clone());
                return Ended { session: Some(session), ledger, reply: Err(error) };
            }
        };
        let count = plugin.tally.begin(*kind);
        let claim = plugin.claim(&setting.request.caller, matches!(entry, Entry::Cron { .. }));
        let mut store = self.store(session.on_behalf(claim), memory);
        let entered = AssertUnwindSafe(program.enter(&mut store, *kind, entry)).catch_unwind();
        let cut = tokio::select! {
            biased;
            () = pass.isolated() => Err(CallError::Disabled { plugin: plugin.name.to_string() }),
            result = tokio::time::timeout_at(setting.deadline, entered) => {
                result.map_err(|_| exceeded(plugin, out_of_time(plugin, *kind)))
            }
        };
        let cut_off = cut.is_err();
        let reply = match cut {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(error))) => Err(blame(store.data(), &error)),
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(error) => Err(error),
        };
        let fuel = usage::burnt(&store);
        let mut state = store.into_data();
        let printed = state.wasi.take().map(|closed| closed.records()).unwrap_or_default();
        state.log().close(printed);
        state.close_account(began.elapsed(), fuel);
        state.report_usage(name.as_str());
        let State { mut session, ledger, .. } = state;
        if cut_off {
            session.judge_unanswered().await;
        }
        let reply = match session.exceeded() {
            Some(over) if reply.is_ok() => Err(exceeded(plugin, over)),
            _ => reply,
        };
        // A session that is left is judged by whoever ends it, when the whole reply is known.
        let reply = if cut_off { reply.map_err(|error| unreached(error, &session)) } else { reply };
        for limit in limits_hit(&ledger, &reply) {
            plugin.availability.hit_limit(limit);
            plugin.tally.hit_limit(limit);
        }
        // The guest is not to blame if the database was out of reach or if the invocation runs again.
        let runs_again = session.runs_again();
        let is_error = reply.as_ref().map(Reply::is_error);
        count.end(if runs_again { Ending::Again } else { Ending::of(&is_error) });
        let is_excused = runs_again || session.absence().is_some();
        let evidence = Evidence::of(&reply).unless_short(began.elapsed(), time_allowed(plugin, *kind));
        pass.settle(if is_excused { Evidence::Neither } else { evidence });
        // Dropping the session of an invocation that was cut off cancels its statement.
        Ended { session: (!cut_off).then_some(session), ledger, reply }
    }

    fn store(&self, session: Session, (held, linear): (Reservation, Reservation)) -> Store<State> {
        let Self { admitted: Admitted { program, .. }, setting, .. } = self;
        let Program { plugin, machine, .. } = &**program;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX));
        let state = State {
            plugin: Arc::clone(plugin),
            backends: Arc::clone(&self.backends),
            request: Arc::clone(&setting.request),
            kind: self.kind,
            ledger: Ledger::within(held, plugin.limits.clone()),
            clock: setting.clock,
            random: Random::new(self.kind, setting.seed),
            session,
            table,
            memory: Memory::new(linear, &plugin.limits),
            meter: Meter::start(self.lane),
            wasi: None,
            deadline: setting.deadline,
            records: Records::default(),
        };
        let mut store = Store::new(machine.engine.wasmtime(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
        store.set_max_component_handles(
            usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX),
        );
        if Fuel::under(&plugin.limits) == Fuel::Counted {
            // On failure the guest has no fuel and traps at once, so the error is safe to ignore.
            let _given = store.set_fuel(plugin.limits.get(Limit::Fuel));
        }
        store.call_hook(|mut context, hook| context.data_mut().cross(hook));
        store.set_epoch_deadline(1);
        // At each tick the guest yields its thread; `cross` checks its time as it leaves the guest.
        store.epoch_deadline_callback(|mut context| {
            // The call hook also runs for a tick and counted it as a host call, which it is not.
            let state = context.data_mut();
            state.ledger.release(Limit::HostCalls, 1);
            if lane::has_run(state.meter.guest_ms()) {
                state.meter.change_to_slow();
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}
