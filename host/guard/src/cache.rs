//! Guard of `cache`: keys, tags, lifetimes and sizes.
//!
//! Contract: `wit/cache.wit`. The plugin's name is a separate field of a key, never a prefix with a separator.

use crate::limits::{
    CACHE_ENTRY_OVERHEAD_BYTES, CACHE_KEY_BYTES_MAX, CACHE_TAG_BYTES_MAX, CACHE_TAG_OVERHEAD_BYTES,
    CACHE_TAGS_MAX, CACHE_TTL_DEFAULT_MS, CACHE_TTL_MAX_MS, Limit, Limits,
};
use crate::name::{PluginName, is_plain};
use crate::refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;

/// A key of one plugin's cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    plugin: PluginName,
    /// Shared, because the index of tags refers to the key once for each tag.
    key: Arc<str>,
}

/// A tag of one plugin's cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheTag {
    plugin: PluginName,
    tag: Arc<str>,
}

/// A value to store, with its lifetime and its tags.
#[derive(Clone, Debug)]
pub struct CacheEntry {
    value: Vec<u8>,
    ttl: Duration,
    tags: Vec<CacheTag>,
}

impl CacheKey {
    /// Parses a key from a guest.
    pub fn parse(plugin: &PluginName, key: String) -> Result<Self, Refusal> {
        if is_plain(&key, CACHE_KEY_BYTES_MAX) {
            return Ok(Self { plugin: plugin.clone(), key: key.into() });
        }
        Err(Refusal::Invalid(format!(
            "a cache key is 1 to {CACHE_KEY_BYTES_MAX} bytes without control characters"
        )))
    }

    /// The plugin that the key belongs to.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// The key's text, which is unique only among the keys of one plugin.
    pub fn as_str(&self) -> &str {
        &self.key
    }
}

impl CacheTag {
    /// Parses a tag from a guest.
    pub fn parse(plugin: &PluginName, tag: String) -> Result<Self, Refusal> {
        if is_plain(&tag, CACHE_TAG_BYTES_MAX) {
            return Ok(Self { plugin: plugin.clone(), tag: tag.into() });
        }
        Err(Refusal::Invalid(format!(
            "a cache tag is 1 to {CACHE_TAG_BYTES_MAX} bytes without control characters"
        )))
    }

    /// The plugin that the tag belongs to.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// The tag's text, which is unique only among the tags of one plugin.
    pub fn as_str(&self) -> &str {
        &self.tag
    }
}

impl CacheEntry {
    /// Parses a value, its lifetime and its tags.
    pub fn parse(
        plugin: &PluginName,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
        tags: Vec<String>,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        limits.check(Limit::CacheValueBytes, value.len() as u64)?;
        let ttl = ttl_ms.unwrap_or(CACHE_TTL_DEFAULT_MS);
        if ttl == 0 || ttl > CACHE_TTL_MAX_MS {
            return Err(Refusal::Invalid(format!(
                "ttl-ms is 1 to {CACHE_TTL_MAX_MS} milliseconds (30 days)"
            )));
        }
        if tags.len() > CACHE_TAGS_MAX {
            return Err(Refusal::Invalid(format!("an entry has at most {CACHE_TAGS_MAX} tags")));
        }
        let tags = tags.into_iter().map(|tag| CacheTag::parse(plugin, tag)).collect::<Result<_, _>>()?;
        Ok(Self { value, ttl: Duration::from_millis(ttl), tags })
    }

    /// The bytes to store.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// How long the cache keeps the entry.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The tags that the entry can be removed by.
    pub fn tags(&self) -> &[CacheTag] {
        &self.tags
    }

    /// The bytes that the entry takes of the plugin's share when it is stored under this key: what the host holds for it, with
    /// its place in the index of tags. Each tag counts as if no other entry had it.
    pub fn weight(&self, key: &CacheKey) -> u64 {
        let tags: u64 = self
            .tags
            .iter()
            .map(|tag| CACHE_TAG_OVERHEAD_BYTES.saturating_add(tag.tag.len() as u64))
            .fold(0, u64::saturating_add);
        let bytes = self.value.len().saturating_add(key.key.len()) as u64;
        CACHE_ENTRY_OVERHEAD_BYTES.saturating_add(bytes).saturating_add(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CACHE_VALUE_BYTES_MAX;

    fn plugin() -> PluginName {
        PluginName::parse("blog").unwrap()
    }

    #[test]
    fn malformed_key_or_tag_is_rejected() {
        for key in [
            String::new(),
            "a\0".into(),
            "a\nb".into(),
            "\u{1b}[0m".into(),
            "x".repeat(CACHE_KEY_BYTES_MAX + 1),
        ] {
            assert!(matches!(CacheKey::parse(&plugin(), key.clone()), Err(Refusal::Invalid(_))), "{key:?}");
            assert!(matches!(CacheTag::parse(&plugin(), key), Err(Refusal::Invalid(_))));
        }
        assert!(CacheKey::parse(&plugin(), "x".repeat(CACHE_KEY_BYTES_MAX)).is_ok());
        assert!(CacheTag::parse(&plugin(), "x".repeat(CACHE_TAG_BYTES_MAX)).is_ok());
    }

    #[test]
    fn keys_that_would_join_to_the_same_text_differ_by_plugin() {
        let a = CacheKey::parse(&PluginName::parse("a").unwrap(), "b:c".into()).unwrap();
        let ab = CacheKey::parse(&PluginName::parse("a-b").unwrap(), "c".into()).unwrap();
        assert_ne!(a, ab);
    }

    #[test]
    fn weight_is_the_sum_of_value_key_tags_and_overhead() {
        let entry =
            CacheEntry::parse(&plugin(), vec![0; 5], None, vec!["ab".into(), "c".into()], &Limits::default())
                .unwrap();
        let key = CacheKey::parse(&plugin(), "key".into()).unwrap();
        assert_eq!(entry.weight(&key), CACHE_ENTRY_OVERHEAD_BYTES + 2 * CACHE_TAG_OVERHEAD_BYTES + 5 + 3 + 3);
    }

    #[test]
    fn entry_over_a_limit_is_refused() {
        let entry = |bytes: u64, ttl, tags| {
            CacheEntry::parse(
                &plugin(),
                vec![0; usize::try_from(bytes).unwrap()],
                ttl,
                vec!["t".to_owned(); tags],
                &Limits::default(),
            )
        };
        assert!(matches!(entry(CACHE_VALUE_BYTES_MAX + 1, None, 0), Err(Refusal::Exceeded(_))));
        assert!(matches!(entry(0, Some(0), 0), Err(Refusal::Invalid(_))));
        assert!(matches!(entry(0, Some(CACHE_TTL_MAX_MS + 1), 0), Err(Refusal::Invalid(_))));
        assert!(matches!(entry(0, None, CACHE_TAGS_MAX + 1), Err(Refusal::Invalid(_))));
        assert!(entry(CACHE_VALUE_BYTES_MAX, Some(CACHE_TTL_MAX_MS), CACHE_TAGS_MAX).is_ok());
    }
}
