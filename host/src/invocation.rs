//! One invocation: a fresh store, its limits and deadline, the call, and what became of it.
//!
//! Everything a guest can touch while it runs hangs off [`State`], and dies with the store. Guest time is measured at
//! the border: the clock of the guest stops while the host works. Which transaction the invocation is part of is the
//! caller's to say; see [`crate::call`] for functions and [`crate::tap`] for taps.

mod failure;
mod usage;

use crate::backend::At;
use crate::backend::postgres::session::Session;
use crate::content::Content;
use crate::core::{Admitted, Backends, Core};
use crate::engine::Fuel;
use crate::error::CallError;
use crate::guard::clock::Clock;
use crate::guard::item::ItemScope;
use crate::kind::Kind;
use crate::lane::{self, Lane};
use crate::ledger::{Exceeded, Ledger};
use crate::limits::{self, Limit, NS_PER_MS};
use crate::meter::{Memory, Meter};
use crate::metrics::Became;
use crate::moment::Moment;
use crate::plugin::{Entry, Plugin, Reply};
use crate::random::{Random, Seed};
use crate::records::Records;
use crate::request::Request;
use crate::supervision::Outcome;
use crate::wasi::Closed;
use failure::{blame, exceeded, hit, out_of_time, panicked, time_allowed};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Store, UpdateDeadline};

/// What one invocation has: all of it, and nothing that outlives it.
pub(crate) struct State {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) request: Arc<Request>,
    pub(crate) kind: Kind,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) session: Session,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) meter: Meter,
    pub(crate) wasi: Option<Box<Closed>>,
    /// When the invocation must be over.
    pub(crate) deadline: Instant,
    pub(crate) records: Records,
}

/// What stays the same when an invocation runs again.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) request: Arc<Request>,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    /// When it must be over, host calls included.
    pub(crate) deadline: Instant,
}

impl Setting {
    /// A setting that begins now.
    pub(crate) fn new(request: Arc<Request>, kind: Kind, max: &limits::Limits) -> Self {
        let (clock, limit) = match kind {
            Kind::Query | Kind::Mutation => (Clock::fixed(), Limit::WallTime),
            Kind::Action => (Clock::running(), Limit::ActionTime),
        };
        let deadline = Instant::now() + Duration::from_millis(max.get(limit).min(limit.default_max()));
        Self { request, seed: Seed::draw(), clock, deadline }
    }

    /// The same at another moment than the present one.
    pub(crate) fn at(self, moment: &Moment) -> Self {
        Self { seed: moment.generator(), clock: moment.clock(), ..self }
    }

    /// The same for one plugin's part in a request: a seed of its own, and its own wall time where that is shorter.
    pub(crate) fn for_plugin(&self, plugin: &Plugin) -> Self {
        let wall =
            Duration::from_millis(plugin.limits.get(Limit::WallTime).min(Limit::ActionTime.default_max()));
        let deadline = self.deadline.min(Instant::now() + wall);
        Self { deadline, seed: self.seed.of_plugin(&plugin.name), ..self.clone() }
    }
}

/// An invocation that is over. The session is gone with a call that had to be cut off.
pub(crate) struct Ended {
    pub(crate) session: Option<Session>,
    pub(crate) ledger: Ledger,
    pub(crate) reply: Result<Reply, CallError>,
}

/// Runs one entry of a plugin in a fresh store.
pub(crate) async fn run(
    core: &Core,
    admitted: &Admitted,
    kind: Kind,
    setting: &Setting,
    session: Session,
    entry: Entry,
) -> Ended {
    let (backends, lane) = (Arc::clone(&core.backends), entry.lane());
    let invocation =
        Invocation { backends, admitted: admitted.clone(), kind, lane, setting: setting.clone() };
    core.lanes.carry(lane, invocation.run(session, entry)).await.unwrap_or_else(|| {
        let reply = Err(CallError::internal(anyhow::anyhow!("the host was stopped under a call")));
        Ended { session: None, ledger: Ledger::new(admitted.plugin.limits.clone()), reply }
    })
}

/// All that an invocation needs of the host: it may change threads, and outlive its caller for a moment.
struct Invocation {
    backends: Arc<Backends>,
    /// Held until the invocation itself is gone, wherever it is by then.
    admitted: Admitted,
    kind: Kind,
    lane: Lane,
    setting: Setting,
}

impl Invocation {
    async fn run(self, session: Session, entry: Entry) -> Ended {
        let Self { admitted: Admitted { plugin, .. }, kind, setting, .. } = &self;
        let (name, began) = (entry.name(), Instant::now());
        let pass = match plugin.ward.enter() {
            Ok(pass) => pass,
            Err(error) => {
                plugin.tally.turned_away();
                let ledger = Ledger::new(plugin.limits.clone());
                return Ended { session: Some(session), ledger, reply: Err(error) };
            }
        };
        let count = plugin.tally.begin(*kind);
        let claim = plugin.claim(&setting.request.caller, matches!(entry, Entry::Cron { .. }));
        let mut store = self.store(session.on_behalf(claim));
        let entered = AssertUnwindSafe(plugin.enter(&mut store, *kind, entry)).catch_unwind();
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
        state.close_log();
        state.close_account(began.elapsed(), fuel);
        state.tell_usage(name.as_str());
        let State { session, ledger, .. } = state;
        let reply = match session.exceeded() {
            Some(over) if reply.is_ok() => Err(exceeded(plugin, over)),
            _ => reply,
        };
        for limit in hit(&ledger, &reply) {
            plugin.ward.ran_into(limit);
            plugin.tally.ran_into(limit);
        }
        // A guest that fails because the database was away, or because it will run again, has not failed.
        let runs_again = session.runs_again();
        count.end(if runs_again { Became::Again } else { Became::of(&reply) });
        let is_spared = runs_again || session.absence().is_some();
        let outcome = Outcome::of(&reply).unless_short(began.elapsed(), time_allowed(plugin, *kind));
        pass.settle(if is_spared { Outcome::Neither } else { outcome });
        // A session whose call was cut off cancels its statement as it is dropped.
        Ended { session: (!cut_off).then_some(session), ledger, reply }
    }

    fn store(&self, session: Session) -> Store<State> {
        let Self { admitted: Admitted { plugin, .. }, setting, .. } = self;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX));
        let state = State {
            plugin: Arc::clone(plugin),
            backends: Arc::clone(&self.backends),
            request: Arc::clone(&setting.request),
            kind: self.kind,
            ledger: Ledger::new(plugin.limits.clone()),
            clock: setting.clock,
            random: Random::new(self.kind, setting.seed),
            session,
            table,
            memory: Memory::new(&plugin.limits),
            meter: Meter::start(self.lane),
            wasi: None,
            deadline: setting.deadline,
            records: Records::default(),
        };
        let mut store = Store::new(plugin.machine.engine.wasmtime(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
        store.set_max_component_handles(
            usize::try_from(plugin.limits.get(Limit::Handles)).unwrap_or(usize::MAX),
        );
        if Fuel::under(&plugin.limits) == Fuel::Counted {
            // Code that counts and is given nothing runs nothing: a failure here lets no guest run on.
            let _given = store.set_fuel(plugin.limits.get(Limit::Fuel));
        }
        store.call_hook(|mut context, hook| context.data_mut().cross(hook));
        store.set_epoch_deadline(1);
        // Each tick the guest gives its thread to others; how long it has run is checked as it leaves.
        store.epoch_deadline_callback(|mut context| {
            // A tick comes the way of a host call and is none.
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

impl State {
    /// Called whenever the guest calls the host or comes back from it, ticks included.
    fn cross(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        match hook {
            CallHook::CallingHost => {
                self.meter.leave_guest();
                self.ledger.record(Limit::GuestTime, self.meter.guest_ms());
                self.ledger.record(Limit::HostCalls, self.ledger.used(Limit::HostCalls).saturating_add(1));
                Ok(self.ledger.limits().check(Limit::GuestTime, self.meter.guest_ms())?)
            }
            CallHook::ReturningFromHost => {
                self.meter.enter_guest();
                if self.session.has_outgrown() {
                    return Err(failure::Outgrown.into());
                }
                // Checked here because only here it is known that it was no tick. The guest never sees what the call gave.
                Ok(self.ledger.limits().check(Limit::HostCalls, self.ledger.used(Limit::HostCalls))?)
            }
            CallHook::CallingWasm => {
                self.meter.enter_guest();
                Ok(())
            }
            CallHook::ReturningFromWasm => {
                self.meter.leave_guest();
                self.ledger.record(Limit::GuestTime, self.meter.guest_ms());
                Ok(())
            }
        }
    }

    /// Items, as this invocation's plugin and principal meet them.
    pub(crate) fn content(&mut self) -> (ItemScope<'_>, Content<'_>) {
        let State { plugin, backends, request, session, ledger, clock, random, .. } = self;
        let scope = ItemScope::Granted(&plugin.grants.item);
        let at = At { session, ledger, plugin: Some(&plugin.name), now: clock.now() };
        (scope, Content { at, items: &*backends.items, users: &*backends.users, request, scope, random })
    }

    /// The limits that a plugin can act on. Times would make a query's result depend on the machine.
    pub(crate) fn remaining(&self) -> Vec<Exceeded> {
        let timed = self.kind == Kind::Action;
        let shown =
            Limit::ALL.iter().copied().filter(|limit| timed || limit.unit() != limits::Unit::Milliseconds);
        // What is fixed when a component is loaded is nothing that it can act on, and fuel is counted in its own code.
        let shown = shown.filter(|limit| !matches!(limit, Limit::Stack | Limit::Instances | Limit::Fuel));
        let mut usages: Vec<Exceeded> = shown
            .map(|limit| Exceeded { limit, used: self.used(limit), max: self.ledger.max(limit) })
            .collect();
        usages.sort_by_key(|usage| usage.limit.name());
        usages
    }

    fn used(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Memory => self.memory.bytes(),
            Limit::TableElements => self.memory.elements(),
            Limit::ActionTime | Limit::WallTime => self.clock.monotonic() / NS_PER_MS,
            Limit::ContextEntries => self.request.context_use(&self.plugin.name).0,
            Limit::ContextBytes => self.request.context_use(&self.plugin.name).1,
            other => self.ledger.used(other),
        }
    }
}
