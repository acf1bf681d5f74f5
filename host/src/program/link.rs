//! Linkers: one for each kind, each with exactly the imports of that kind's world.
//!
//! An interface that a kind does not have is not linked. If a component imports it because another of its exports needs it,
//! the import is a function that traps and says why. Tests: `tests/kinds.rs`.

use crate::api;
use crate::engine::{Engine, Fuel};
use crate::memory::HostMemory;
use crate::state::State;
use palisade_guard::kind::{Kind, interface_of, lowest};
use palisade_guard::limits::Limits;
use palisade_guard::memory::Reservation;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

/// An engine and the linkers that belong to it.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) linkers: Linkers,
    /// What idle slots of the engine's pool keep resident.
    _pool: Reservation,
}

impl Machine {
    fn new(fuel: Fuel, memory: &HostMemory) -> wasmtime::Result<Arc<Self>> {
        let mut pool = memory.budget().reservation(None, None);
        pool.grow(memory.pool_bytes())?;
        let engine = Engine::new(fuel, memory.instances())?;
        let linkers = Linkers::new(&engine)?;
        Ok(Arc::new(Self { engine, linkers, _pool: pool }))
    }
}

/// The machines of a host.
pub(crate) struct Machines {
    usual: Arc<Machine>,
    counting: Mutex<Option<Arc<Machine>>>,
    memory: Arc<HostMemory>,
}

impl Machines {
    /// Makes the machine without fuel, on which nearly every plugin runs.
    pub(crate) fn new(memory: Arc<HostMemory>) -> wasmtime::Result<Self> {
        Ok(Self { usual: Machine::new(Fuel::Uncounted, &memory)?, counting: Mutex::default(), memory })
    }

    /// The machine for a plugin with these limits.
    pub(crate) fn of(&self, limits: &Limits) -> wasmtime::Result<Arc<Machine>> {
        if Fuel::under(limits) == Fuel::Uncounted {
            return Ok(Arc::clone(&self.usual));
        }
        let mut counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = match counting.take() {
            Some(machine) => machine,
            None => Machine::new(Fuel::Counted, &self.memory)?,
        };
        Ok(Arc::clone(counting.insert(machine)))
    }
}

/// The linkers of a host, one for each kind.
pub(crate) struct Linkers {
    by_kind: [Linker<State>; 3],
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let [query, mutation, action] = Kind::ALL;
        Ok(Self { by_kind: [linker(engine, query)?, linker(engine, mutation)?, linker(engine, action)?] })
    }

    /// The linker of a kind for one component. A function that the component imports from a higher kind's interface traps;
    /// `because` says in the error why the caller has this kind.
    pub(crate) fn of(
        &self,
        kind: Kind,
        because: &str,
        component: &Component,
    ) -> wasmtime::Result<Linker<State>> {
        let [query, mutation, action] = &self.by_kind;
        let mut linker = match kind {
            Kind::Query => query,
            Kind::Mutation => mutation,
            Kind::Action => action,
        }
        .clone();
        let engine = linker.engine().clone();
        for (import, item) in component.component_type().imports(&engine) {
            let Some(interface) = interface_of(import) else { continue };
            let (Some(lowest), ComponentItem::ComponentInstance(instance)) = (lowest(interface), item.ty)
            else {
                continue;
            };
            if lowest > kind {
                trap(&mut linker.instance(import)?, &instance, &engine, interface, (kind, because))?;
            }
        }
        Ok(linker)
    }
}

/// A call of an import that only a higher kind has.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{interface}.{function}` does not exist in {} {kind}; {because}", kind.article())]
pub(crate) struct OutOfKind {
    interface: String,
    function: String,
    kind: Kind,
    /// What declares this kind.
    because: String,
}

fn trap(
    linker: &mut LinkerInstance<'_, State>,
    instance: &ComponentInstance,
    engine: &wasmtime::Engine,
    interface: &str,
    (kind, because): (Kind, &str),
) -> wasmtime::Result<()> {
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let out = OutOfKind {
                    interface: interface.to_owned(),
                    function: name.to_owned(),
                    kind,
                    because: because.to_owned(),
                };
                linker.func_new(name, move |_, _, _, _| Err(wasmtime::Error::new(out.clone())))?;
            }
            ComponentItem::Resource(_) => linker.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))?,
            _ => {}
        }
    }
    Ok(())
}

fn linker(engine: &Engine, kind: Kind) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.wasmtime());
    for &(interface, link) in api::INTERFACES {
        if lowest(interface).is_some_and(|lowest| lowest <= kind) {
            link(&mut linker)?;
        }
    }
    api::wasi::link(&mut linker)?;
    Ok(linker)
}
