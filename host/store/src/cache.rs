//! The in-process cache: one moka cache for each plugin, with a bound on its bytes.
//!
//! A plugin that fills its cache evicts only its own entries. All plugins together hold at most a share of the host's
//! memory; when it is full, the plugin that holds the most gives up entries for one that holds less. Each entry has its own
//! lifetime. Tags are found through an index, which drops an entry's tags when the cache drops the entry.

use super::CacheStore;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use palisade_guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade_guard::limits::{CACHE_DROPPED_MAX, CACHE_PLUGIN_BYTES_MAX};
use palisade_guard::memory::{self, MemoryBudget, OutOfMemory, Reservation};
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The default [`CacheStore`].
#[derive(Default)]
pub struct InProcessCache {
    shares: RwLock<HashMap<PluginName, Arc<Share>>>,
    memory: Option<(MemoryBudget, memory::Share)>,
}

struct Share {
    entries: Cache<CacheKey, Arc<Kept>>,
    tags: Arc<Tags>,
}

/// An entry with the bytes that it holds.
struct Kept {
    entry: Arc<CacheEntry>,
    weight: u64,
    _memory: Reservation,
}

#[derive(Default)]
struct Tags(Mutex<HashMap<CacheTag, HashSet<CacheKey>>>);

impl InProcessCache {
    /// A cache whose entries count as bytes of this budget, of which all plugins together get a share.
    pub fn within(budget: &MemoryBudget) -> Self {
        Self { shares: RwLock::default(), memory: Some((budget.clone(), budget.share_of_cache())) }
    }

    /// Reserves the bytes of an entry. If there are too few, the plugin that holds the most drops entries.
    fn reserve(&self, share: &Share, bytes: u64) -> Result<Reservation, OutOfMemory> {
        let Some((budget, all)) = &self.memory else { return Ok(Reservation::uncounted()) };
        let mut reservation = budget.reservation(Some(all), None).exact();
        for _ in 0..CACHE_DROPPED_MAX {
            if reservation.grow(bytes).is_ok() {
                break;
            }
            let shares = self.shares.read().unwrap_or_else(PoisonError::into_inner);
            let largest = shares.values().max_by_key(|share| share.entries.weighted_size()).cloned();
            drop(shares);
            match largest {
                Some(largest) if largest.entries.weighted_size() >= share.entries.weighted_size() => {
                    if !largest.drop_some(bytes) {
                        break;
                    }
                }
                _ => break,
            }
        }
        reservation.resize(bytes).map(|()| reservation)
    }

    fn share(&self, plugin: &PluginName) -> Arc<Share> {
        if let Some(share) = self.shares.read().unwrap_or_else(PoisonError::into_inner).get(plugin) {
            return Arc::clone(share);
        }
        let mut shares = self.shares.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shares.entry(plugin.clone()).or_insert_with(|| Arc::new(Share::new())))
    }
}

impl Share {
    fn new() -> Self {
        let tags = Arc::new(Tags::default());
        let index = Arc::clone(&tags);
        let entries = Cache::builder()
            .max_capacity(CACHE_PLUGIN_BYTES_MAX)
            // With its default policy, moka rejects a new entry that is requested less often than the old ones. The
            // contract does not.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, kept: &Arc<Kept>| u32::try_from(kept.weight).unwrap_or(u32::MAX))
            .expire_after(Lifetime)
            .eviction_listener(move |key: Arc<CacheKey>, kept: Arc<Kept>, cause| {
                if cause != RemovalCause::Replaced {
                    index.forget(&key, &kept.entry);
                }
            })
            .build();
        Self { entries, tags }
    }

    /// Drops entries that take this many bytes, in no order. Returns `false` if there is none.
    fn drop_some(&self, bytes: u64) -> bool {
        let (mut dropped, mut keys) = (0_u64, Vec::new());
        for (key, kept) in &self.entries {
            keys.push(key);
            dropped = dropped.saturating_add(kept.weight);
            if dropped >= bytes || keys.len() >= CACHE_DROPPED_MAX {
                break;
            }
        }
        for key in &keys {
            self.entries.invalidate(&**key);
        }
        self.entries.run_pending_tasks();
        !keys.is_empty()
    }
}

impl Tags {
    fn lock(&self) -> MutexGuard<'_, HashMap<CacheTag, HashSet<CacheKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, key: &CacheKey, entry: &CacheEntry) {
        let mut tags = self.lock();
        for tag in entry.tags() {
            tags.entry(tag.clone()).or_default().insert(key.clone());
        }
    }

    fn forget(&self, key: &CacheKey, entry: &CacheEntry) {
        let mut tags = self.lock();
        for tag in entry.tags() {
            if let Some(keys) = tags.get_mut(tag) {
                keys.remove(key);
                if keys.is_empty() {
                    tags.remove(tag);
                }
            }
        }
    }
}

/// Gives each entry the lifetime that it was set with.
struct Lifetime;

impl moka::Expiry<CacheKey, Arc<Kept>> for Lifetime {
    fn expire_after_create(&self, _: &CacheKey, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.entry.ttl())
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.entry.ttl())
    }
}

#[async_trait::async_trait]
impl CacheStore for InProcessCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        Ok(self.share(key.plugin()).entries.get(key).map(|kept| Arc::clone(&kept.entry)))
    }

    async fn set(&self, key: CacheKey, entry: CacheEntry) -> Result<(), Refusal> {
        let share = self.share(key.plugin());
        if let Some(old) = share.entries.remove(&key) {
            share.tags.forget(&key, &old.entry);
        }
        let weight = entry.weight(&key);
        // A cache may forget an entry at any time: an entry for which there is no room is forgotten at once.
        let Ok(memory) = self.reserve(&share, weight) else { return Ok(()) };
        share.tags.note(&key, &entry);
        share.entries.insert(key, Arc::new(Kept { entry: Arc::new(entry), weight, _memory: memory }));
        // Evicts here, and not on another thread, so that the plugin's bound holds at once.
        share.entries.run_pending_tasks();
        Ok(())
    }

    async fn delete(&self, key: &CacheKey) -> Result<(), Refusal> {
        self.share(key.plugin()).entries.invalidate(key);
        Ok(())
    }

    async fn invalidate(&self, tag: &CacheTag) -> Result<(), Refusal> {
        let share = self.share(tag.plugin());
        let keys = share.tags.lock().remove(tag).unwrap_or_default();
        for key in keys {
            // The key may have been set again without this tag.
            if share.entries.get(&key).is_some_and(|kept| kept.entry.tags().contains(tag)) {
                share.entries.invalidate(&key);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::limits::{CACHE_VALUE_BYTES_MAX, Limits};

    fn key(plugin: &str, key: &str) -> CacheKey {
        CacheKey::parse(&PluginName::parse(plugin).unwrap(), key.into()).unwrap()
    }

    fn entry(plugin: &str, bytes: usize, ttl: Option<u64>, tags: &[&str]) -> CacheEntry {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        CacheEntry::parse(&PluginName::parse(plugin).unwrap(), vec![7; bytes], ttl, tags, &Limits::default())
            .unwrap()
    }

    #[tokio::test]
    async fn entry_of_another_plugin_is_not_found_under_the_same_key() {
        let cache = InProcessCache::default();
        cache.set(key("a", "k"), entry("a", 1, None, &["t"])).await.unwrap();
        assert!(cache.get(&key("b", "k")).await.unwrap().is_none());
        cache
            .invalidate(&CacheTag::parse(&PluginName::parse("b").unwrap(), "t".into()).unwrap())
            .await
            .unwrap();
        assert!(cache.get(&key("a", "k")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn plugin_over_its_bytes_evicts_only_its_own_entries() {
        let cache = InProcessCache::default();
        cache.set(key("quiet", "k"), entry("quiet", 10, None, &[])).await.unwrap();
        let value = usize::try_from(CACHE_VALUE_BYTES_MAX).unwrap();
        for index in 0..40 {
            cache.set(key("loud", &index.to_string()), entry("loud", value, None, &["t"])).await.unwrap();
        }
        let loud = cache.share(&PluginName::parse("loud").unwrap());
        assert!(loud.entries.weighted_size() <= CACHE_PLUGIN_BYTES_MAX);
        let indexed = loud.tags.lock().values().map(HashSet::len).sum::<usize>() as u64;
        assert_eq!(indexed, loud.entries.entry_count(), "the index drops evicted entries");
        assert!(cache.get(&key("quiet", "k")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn full_memory_makes_the_largest_plugin_drop_entries_and_not_its_neighbour() {
        let budget = MemoryBudget::new(40 * CACHE_VALUE_BYTES_MAX);
        let cache = InProcessCache::within(&budget);
        let value = usize::try_from(CACHE_VALUE_BYTES_MAX).unwrap() / 2;
        for index in 0..100 {
            cache.set(key("loud", &index.to_string()), entry("loud", value, None, &["t"])).await.unwrap();
        }
        assert!(budget.held() <= 10 * CACHE_VALUE_BYTES_MAX, "a quarter of the budget is the cache's");
        cache.set(key("quiet", "k"), entry("quiet", value, None, &[])).await.unwrap();
        for index in 0..100 {
            cache.set(key("loud", &index.to_string()), entry("loud", value, None, &["t"])).await.unwrap();
        }
        assert!(cache.get(&key("quiet", "k")).await.unwrap().is_some());
        drop(cache);
        assert_eq!(budget.held(), 0);
    }

    #[tokio::test]
    async fn entry_is_forgotten_where_the_host_has_no_memory_for_it() {
        let budget = MemoryBudget::new(4 * CACHE_VALUE_BYTES_MAX);
        let cache = InProcessCache::within(&budget);
        let mut requests = [budget.reservation(None, None), budget.reservation(None, None)];
        for request in &mut requests {
            request.grow(2 * CACHE_VALUE_BYTES_MAX).unwrap();
        }
        cache.set(key("a", "k"), entry("a", 100, None, &["t"])).await.unwrap();
        assert!(cache.get(&key("a", "k")).await.unwrap().is_none());
        drop(requests);
        cache.set(key("a", "k"), entry("a", 100, None, &["t"])).await.unwrap();
        assert!(cache.get(&key("a", "k")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn expired_entry_is_gone() {
        let cache = InProcessCache::default();
        cache.set(key("a", "k"), entry("a", 1, Some(20), &[])).await.unwrap();
        assert!(cache.get(&key("a", "k")).await.unwrap().is_some());
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(cache.get(&key("a", "k")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn entry_set_again_without_a_tag_survives_its_invalidation() {
        let cache = InProcessCache::default();
        let tag = CacheTag::parse(&PluginName::parse("a").unwrap(), "t".into()).unwrap();
        cache.set(key("a", "k"), entry("a", 1, None, &["t"])).await.unwrap();
        cache.set(key("a", "k"), entry("a", 2, None, &[])).await.unwrap();
        cache.set(key("a", "l"), entry("a", 2, None, &["t"])).await.unwrap();
        cache.invalidate(&tag).await.unwrap();
        assert!(cache.get(&key("a", "k")).await.unwrap().is_some());
        assert!(cache.get(&key("a", "l")).await.unwrap().is_none());
    }
}
