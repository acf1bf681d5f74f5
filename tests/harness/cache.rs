//! A cache that is empty, and lets a test have its way whenever a guest asks it for something.

use async_trait::async_trait;
use palisade::Refusal;
use palisade::guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade::store::CacheStore;
use std::sync::Arc;

/// What happens at a `get`, before it is told that there is nothing.
#[async_trait]
pub trait WhenAsked: Send + Sync + 'static {
    async fn asked(&self);
}

/// The cache.
pub struct EmptyCache<T>(pub Arc<T>);

#[async_trait]
impl<T: WhenAsked> CacheStore for EmptyCache<T> {
    async fn get(&self, _: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        self.0.asked().await;
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
