//! An empty cache that runs a test's code on each `get`.

use async_trait::async_trait;
use palisade::Refusal;
use palisade::guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade::store::CacheStore;
use std::sync::Arc;

/// Runs at each `get`, before the guest is told that there is no entry.
#[async_trait]
pub trait OnGet: Send + Sync + 'static {
    async fn on_get(&self);
}

/// The empty cache.
pub struct EmptyCache<T>(pub Arc<T>);

#[async_trait]
impl<T: OnGet> CacheStore for EmptyCache<T> {
    async fn get(&self, _: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        self.0.on_get().await;
        Ok(None)
    }

    async fn set(&self, _: CacheKey, _: CacheEntry) -> Result<(), Refusal> {
        Ok(())
    }

    async fn delete(&self, _: &CacheKey) -> Result<(), Refusal> {
        Ok(())
    }

    async fn invalidate(&self, _: &CacheTag) -> Result<(), Refusal> {
        Ok(())
    }
}
