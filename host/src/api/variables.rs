//! `wit/variables.wit`: typed settings that the manifest declares. Guard: [`palisade_guard::variables`]; store: [`palisade_store::VariableStore`].

use crate::api::bindings::palisade::plugin::variables::{Error, Host, Value as WitValue};
use crate::api::bindings::palisade::plugin::variables_write::Host as HostWrite;
use crate::api::refused;
use crate::state::State;
use palisade_guard::refusal::Refusal;
use palisade_guard::variables::{Declarations, Value};
use palisade_store::{At, VariableStore, at};

/// The variables that the manifest declares, and the store of their values.
struct View<'a> {
    declared: &'a Declarations,
    store: &'a dyn VariableStore,
    at: At<'a>,
}

interface! { link: variables, link_write: variables_write }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { plugin, backends, session, ledger, clock, .. } = state;
        Self {
            declared: &plugin.variables,
            store: &*backends.variables,
            at: at(session, ledger, Some(&plugin.name), clock.now()),
        }
    }
}

impl Host for View<'_> {
    async fn get(&mut self, name: String) -> Result<WitValue, Refusal> {
        self.at.ledger.handled(name.len());
        let variable = self.declared.find(&name)?;
        let stored = self.store.get(&mut self.at, variable).await?;
        let value = variable.stored(stored).into();
        self.at.ledger.handled(text_len(&value));
        Ok(value)
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Invalid(sentence) => Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(refused(self.at.ledger, exceeded)),
            other => Error::Other(other.into_other(&mut self.at.ledger.notes)),
        })
    }
}

impl HostWrite for View<'_> {
    async fn set(&mut self, name: String, value: WitValue) -> Result<(), Refusal> {
        self.at.ledger.handled(name.len().saturating_add(text_len(&value)));
        let setting = self.declared.find(&name)?.set(value.into(), self.at.ledger.limits())?;
        self.store.set(&mut self.at, &setting).await
    }

    async fn unset(&mut self, name: String) -> Result<(), Refusal> {
        self.at.ledger.handled(name.len());
        let variable = self.declared.find(&name)?;
        self.store.unset(&mut self.at, variable).await
    }
}

fn text_len(value: &WitValue) -> usize {
    if let WitValue::Text(text) = value { text.len() } else { 0 }
}

impl From<Value> for WitValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Number(value) => Self::Number(value),
            Value::Text(value) => Self::Text(value),
        }
    }
}

impl From<WitValue> for Value {
    fn from(value: WitValue) -> Self {
        match value {
            WitValue::Boolean(value) => Self::Boolean(value),
            WitValue::Integer(value) => Self::Integer(value),
            WitValue::Number(value) => Self::Number(value),
            WitValue::Text(value) => Self::Text(value),
        }
    }
}
