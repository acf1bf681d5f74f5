//! `wit/cache.wit`: bytes, private to the plugin. Guard: [`crate::guard::cache`]; store: [`crate::backend::cache`].

use crate::backend::CacheStore;
use crate::bindings::palisade::plugin::cache::{Error, Host, Retention};
use crate::error::Refusal;
use crate::guard::cache::{CacheEntry, CacheKey, CacheTag};
use crate::guard::name::PluginName;
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::limits::Limit;
use wasmtime::component::HasData;

pub(crate) struct View<'a> {
    plugin: &'a PluginName,
    store: &'a dyn CacheStore,
    ledger: &'a mut Ledger,
}

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View { plugin: &state.plugin.name, store: &*state.backends.cache, ledger: &mut state.ledger }
}

impl Host for View<'_> {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        let key = CacheKey::parse(self.plugin, key)?;
        let entry = self.store.get(&key).await?;
        Ok(entry.map(|entry| entry.value().to_vec()))
    }

    async fn set(&mut self, key: String, value: Vec<u8>, retention: Retention) -> Result<(), Refusal> {
        let key = CacheKey::parse(self.plugin, key)?;
        let entry = CacheEntry::parse(self.plugin, value, retention.ttl_ms, retention.tags)?;
        self.ledger.spend(Limit::CacheBytes, entry.weight(&key))?;
        self.store.set(key, entry).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Refusal> {
        let key = CacheKey::parse(self.plugin, key)?;
        self.store.delete(&key).await
    }

    async fn invalidate_tag(&mut self, tag: String) -> Result<(), Refusal> {
        let tag = CacheTag::parse(self.plugin, tag)?;
        self.store.invalidate(&tag).await
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Invalid(sentence) => Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(exceeded.into()),
            other => Error::Other(other.into_other()),
        })
    }
}
