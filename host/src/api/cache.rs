//! `wit/cache.wit`: a cache of bytes, private to the plugin. Guard: [`palisade_guard::cache`]; store: [`palisade_store::cache`].

use crate::api::bindings::palisade::plugin::cache::{Error, Host, Retention};
use crate::api::{refused, size};
use crate::state::State;
use palisade_guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use palisade_store::CacheStore;

/// The plugin's part of the cache.
struct View<'a> {
    plugin: &'a PluginName,
    store: &'a dyn CacheStore,
    ledger: &'a mut Ledger,
}

interface! { link: cache }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        Self { plugin: &state.plugin.name, store: &*state.backends.cache, ledger: &mut state.ledger }
    }
}

impl Host for View<'_> {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        self.ledger.handled(key.len());
        let key = CacheKey::parse(self.plugin, key)?;
        let entry = self.store.get(&key).await?;
        let value = entry.map(|entry| entry.value().to_vec());
        self.ledger.handled(value.as_ref().map_or(0, Vec::len));
        Ok(value)
    }

    async fn set(&mut self, key: String, value: Vec<u8>, retention: Retention) -> Result<(), Refusal> {
        self.ledger.handled(size(&key, &retention.tags).saturating_add(value.len()));
        let key = CacheKey::parse(self.plugin, key)?;
        let entry =
            CacheEntry::parse(self.plugin, value, retention.ttl_ms, retention.tags, self.ledger.limits())?;
        self.ledger.spend(Limit::CacheBytes, entry.weight(&key))?;
        self.store.set(key, entry).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Refusal> {
        self.ledger.handled(key.len());
        let key = CacheKey::parse(self.plugin, key)?;
        self.store.delete(&key).await
    }

    async fn invalidate_tag(&mut self, tag: String) -> Result<(), Refusal> {
        self.ledger.handled(tag.len());
        let tag = CacheTag::parse(self.plugin, tag)?;
        self.store.invalidate(&tag).await
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Invalid(sentence) => Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(refused(self.ledger, exceeded)),
            other => Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}
