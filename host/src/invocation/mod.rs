//! One invocation: a fresh store with its limits and deadline, the call into the guest, whether its reply is accepted, and how
//! it ended.
//!
//! Everything that a guest can reach while it runs is in [`State`] and is dropped with the store. This room does not choose
//! the transaction that an invocation is part of: see [`crate::calls::call`] for functions and [`crate::calls::tap`] for taps.
//! Blame is in `failure.rs`, warnings about limits in `usage.rs`. Tests: `tests/calls.rs`, `tests/limits.rs`, `tests/lanes.rs`.

mod failure;
mod usage;

pub(crate) use failure::unreached;

use crate::engine::Fuel;
use crate::engine::lane::{self, Paced};
use crate::engine::turns::Turns;
use crate::error::CallError;
use crate::metrics::Ending;
use crate::plugin::Plugin;
use crate::program::Program;
use crate::program::entry::{Entry, Reply};
use crate::request::random::Random;
use crate::request::setting::Setting;
use crate::runtime::{Admitted, Runtime};
use crate::state::{Border, EntryName, Memory, Records, State};
use crate::supervision::{Crowd, Evidence, Supervision, Visit};
use failure::{blame, cut_off, exceeded, limits_hit, panicked, time_allowed};
use futures_util::FutureExt;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{self, Limit, MEMORY_INVOCATION_BYTES};
use palisade_guard::memory::Reservation;
use palisade_store::Backends;
use palisade_store::postgres::session::Session;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::Store;
use wasmtime::component::ResourceTable;

/// An invocation that has ended. `session` is `None` if the invocation was cut off.
pub(crate) struct Ended<T> {
    pub(crate) session: Option<Session>,
    pub(crate) ledger: Ledger,
    pub(crate) reply: Result<T, CallError>,
}

/// Runs one entry of a plugin in a fresh store. `accept` takes what the guest returned or says what is wrong with it; it is
/// part of the invocation, so that its time is the plugin's and its error counts as the entry's.
pub(crate) async fn run<T: Send + 'static>(
    runtime: &Runtime,
    admitted: &Admitted,
    kind: Kind,
    setting: &Setting,
    session: Session,
    entry: Entry,
    accept: impl FnOnce(&Plugin, Reply) -> Result<T, CallError> + Send + 'static,
) -> Ended<T> {
    let (lane, tap_profile) = (admitted.program.lane(&entry), admitted.program.tap_profile(&entry));
    let (plugin, caller) = (&admitted.program.plugin, &setting.request.caller);
    let mut held = runtime.memory.reservation(Some(&plugin.memory), caller);
    if let Err(out) = held.grow(MEMORY_INVOCATION_BYTES) {
        let ledger = Ledger::new(plugin.limits.clone());
        return Ended { session: Some(session), ledger, reply: Err(out.into()) };
    }
    let invocation = Invocation {
        backends: Arc::clone(&runtime.backends),
        supervision: Arc::clone(&runtime.supervision),
        turns: runtime.lanes.turns(),
        admitted: admitted.clone(),
        kind,
        setting: setting.clone(),
    };
    let ended = runtime.lanes.run(lane, Box::pin(invocation.run(session, entry, held, accept))).await;
    let ended = ended.unwrap_or_else(|| {
        let reply = Err(CallError::internal(anyhow::anyhow!("the host was stopped during a call")));
        Ended { session: None, ledger: Ledger::new(admitted.program.plugin.limits.clone()), reply }
    });
    if let Some(profile) = tap_profile {
        profile.record_time(ended.ledger.used(Limit::GuestTime));
    }
    ended
}

/// What an invocation needs of the host. It owns all of it, because it may change threads and may briefly outlive its caller.
struct Invocation {
    backends: Arc<Backends>,
    supervision: Arc<Supervision>,
    turns: Arc<Turns>,
    /// Held until the invocation is dropped, in whichever lane it runs.
    admitted: Admitted,
    kind: Kind,
    setting: Setting,
}

impl Invocation {
    async fn run<T>(
        self,
        session: Session,
        entry: Entry,
        held: Reservation,
        accept: impl FnOnce(&Plugin, Reply) -> Result<T, CallError>,
    ) -> Ended<T> {
        let Self { admitted: Admitted { program, .. }, kind, setting, .. } = &self;
        let plugin = &program.plugin;
        let (name, began) = (entry.name(), Instant::now());
        let (caller, origin) = (&setting.request.caller, entry.origin(&setting.request.caller));
        let visit = Visit { entry: name.as_str(), crowd: Crowd::of(caller), cause: &|| origin.cause() };
        let pass = match plugin.availability.enter(&visit, began) {
            Ok(pass) => pass,
            Err(error) => {
                plugin.tally.turned_away();
                let ledger = Ledger::new(plugin.limits.clone());
                return Ended { session: Some(session), ledger, reply: Err(error) };
            }
        };
        let count = plugin.tally.begin(*kind, began);
        let claim = plugin.claim(caller, matches!(entry, Entry::Cron { .. }));
        let mut store = self.store(session.on_behalf(claim), held, name.clone());
        let (cut, account) = {
            let entered = pin!(AssertUnwindSafe(self.enter(&mut store, entry, accept)).catch_unwind());
            let mut paced = Paced::new(entered, Arc::clone(&self.turns), plugin.owner());
            let cut = tokio::select! {
                // First the guest: most of them end in their first poll, and then there is nothing to wait for.
                biased;
                result = tokio::time::timeout_at(setting.deadline, &mut paced) => result.map_err(|_| Cut::Late),
                () = pass.isolated() => Err(Cut::Disabled),
            };
            (cut, paced.account())
        };
        let was_cut = cut.is_err();
        // The lines that the guest printed before it trapped stand before the report of the trap.
        store.data_mut().close_log();
        let reply = match cut {
            Ok(Ok(Ok(reply))) => reply,
            Ok(Ok(Err(error))) => {
                let overflowed = program.stacks.overflowed(&mut store, &error);
                Err(blame(store.data(), &error, overflowed))
            }
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(Cut::Disabled) => Err(CallError::Disabled { plugin: plugin.name.to_string() }),
            Err(Cut::Late) => Err(cut_off(plugin, *kind, &account, self.supervision.hears_nothing())),
        };
        let ended = Instant::now();
        if was_cut && matches!(reply, Err(CallError::LimitExceeded { .. })) {
            // While the store has it: what is moved out of there and lives across a wait makes this future larger.
            store.data_mut().session.judge_unanswered().await;
        }
        let fuel = usage::burnt(&store);
        let mut state = store.into_data();
        state.close_account(ended.duration_since(began), account.used, fuel);
        state.report_usage();
        plugin.tally.processed(account.used);
        plugin.tally.waited_for_processor(account.waited);
        let State { session, ledger, .. } = state;
        let reply = match session.exceeded() {
            Some(over) if reply.is_ok() => Err(exceeded(plugin, over)),
            _ => reply,
        };
        // A session that is left is judged by whoever ends it, when the whole reply is known.
        let reply = if was_cut { reply.map_err(|error| unreached(error, &session)) } else { reply };
        for limit in limits_hit(&ledger, &reply) {
            plugin.availability.hit_limit(limit);
            plugin.tally.hit_limit(limit);
        }
        // The guest is not to blame if the database was out of reach or if the invocation runs again.
        let runs_again = session.runs_again();
        let ending = if runs_again { Ending::Again } else { Ending::of(&reply) };
        count.end(ending, ended);
        let took = ended.duration_since(began);
        usage::report_end(plugin, name.as_str(), &setting.request.id, &ledger, &reply, (*kind, ending, took));
        let is_excused = runs_again || session.absence().is_some();
        let evidence = Evidence::of(&reply).unless_it_waited(account.used, time_allowed(plugin, *kind));
        pass.settle(if is_excused { Evidence::Neither } else { evidence }, ended);
        // Dropping the session of an invocation that was cut off cancels its statement.
        Ended { session: (!was_cut).then_some(session), ledger, reply }
    }

    /// Calls the guest and accepts what it returns. The outer error is the guest's.
    async fn enter<T>(
        &self,
        store: &mut Store<State>,
        entry: Entry,
        accept: impl FnOnce(&Plugin, Reply) -> Result<T, CallError>,
    ) -> wasmtime::Result<Result<T, CallError>> {
        let program = &self.admitted.program;
        let reply = program.enter(store, self.kind, entry).await?;
        lane::yield_if_long().await;
        Ok(accept(&program.plugin, reply))
    }

    fn store(&self, session: Session, held: Reservation, entered: EntryName) -> Store<State> {
        let Self { admitted: Admitted { program, .. }, setting, .. } = self;
        let Program { plugin, machine, .. } = &**program;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX));
        let state = State {
            plugin: Arc::clone(plugin),
            backends: Arc::clone(&self.backends),
            request: Arc::clone(&setting.request),
            access: setting.access.clone(),
            entered,
            kind: self.kind,
            ledger: Ledger::within(held, plugin.limits.clone()),
            clock: setting.clock,
            random: Random::new(self.kind, setting.seed),
            session,
            table,
            memory: Memory::new(&plugin.limits),
            wasi: None,
            deadline: setting.deadline,
            records: Records::default(),
        };
        let mut store = Store::new(machine.engine.wasmtime(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
        store.set_max_component_handles(
            usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX),
        );
        if Fuel::under(&plugin.limits) == Fuel::Counted {
            // On failure the guest has no fuel and traps at once, so the error is safe to ignore.
            let _given = store.set_fuel(plugin.limits.get(Limit::Fuel));
        }
        Border::watch(&mut store);
        store
    }
}

/// Why an invocation was cut off.
enum Cut {
    Disabled,
    Late,
}
