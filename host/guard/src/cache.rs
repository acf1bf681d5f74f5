//! Guard of `cache`: keys, tags, lifetimes and sizes.
//!
//! Contract: `wit/cache.wit`. The plugin is part of the key as a value of its own, never glued to it by a separator.

use crate::limits::{
    CACHE_ENTRY_OVERHEAD_BYTES, CACHE_KEY_BYTES_MAX, CACHE_TAG_BYTES_MAX, CACHE_TAGS_MAX,
    CACHE_TTL_DEFAULT_MS, CACHE_TTL_MAX_MS, Limit, Limits,
};
use crate::name::{PluginName, is_plain};
use crate::refusal::Refusal;
use std::time::Duration;

/// A key of one plugin's cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    plugin: PluginName,
    key: String,
}

/// A tag of one plugin's cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheTag {
    plugin: PluginName,
    tag: String,
}

/// A value with what is to become of it.
#[derive(Clone, Debug)]
pub struct CacheEntry {
    value: Vec<u8>,
    ttl: Duration,
    tags: Vec<CacheTag>,
}

impl CacheKey {
    /// Parses a key that a guest gave.
    pub fn parse(plugin: &PluginName, key: String) -> Result<Self, Refusal> {
        if is_plain(&key, CACHE_KEY_BYTES_MAX) {
            return Ok(Self { plugin: plugin.clone(), key });
        }
        Err(Refusal::Invalid(format!(
            "a cache key is 1 to {CACHE_KEY_BYTES_MAX} bytes without control characters"
        )))
    }

    /// Whose it is.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// Its text: unique among the keys of its plugin, and no further.
    pub fn as_str(&self) -> &str {
        &self.key
    }
}

impl CacheTag {
    /// Parses a tag that a guest gave.
    pub fn parse(plugin: &PluginName, tag: String) -> Result<Self, Refusal> {
        if is_plain(&tag, CACHE_TAG_BYTES_MAX) {
            return Ok(Self { plugin: plugin.clone(), tag });
        }
        Err(Refusal::Invalid(format!(
            "a cache tag is 1 to {CACHE_TAG_BYTES_MAX} bytes without control characters"
        )))
    }

    /// Whose it is.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.tag
    }
}

impl CacheEntry {
    /// Parses a value and its retention.
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

    /// The bytes to keep.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// How long.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Under which tags.
    pub fn tags(&self) -> &[CacheTag] {
        &self.tags
    }

    /// What it takes of the plugin's share under this key, in bytes.
    pub fn weight(&self, key: &CacheKey) -> u64 {
        let tags: usize = self.tags.iter().map(|tag| tag.tag.len()).fold(0, usize::saturating_add);
        let bytes = self.value.len().saturating_add(key.key.len()).saturating_add(tags);
        CACHE_ENTRY_OVERHEAD_BYTES.saturating_add(bytes as u64)
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
    fn key_or_tag_of_another_form_is_refused() {
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
    fn keys_that_read_alike_differ_by_plugin() {
        let a = CacheKey::parse(&PluginName::parse("a").unwrap(), "b:c".into()).unwrap();
        let ab = CacheKey::parse(&PluginName::parse("a-b").unwrap(), "c".into()).unwrap();
        assert_ne!(a, ab);
    }

    #[test]
    fn weight_is_of_value_key_tags_and_what_an_entry_costs() {
        let entry =
            CacheEntry::parse(&plugin(), vec![0; 5], None, vec!["ab".into(), "c".into()], &Limits::default())
                .unwrap();
        let key = CacheKey::parse(&plugin(), "key".into()).unwrap();
        assert_eq!(entry.weight(&key), CACHE_ENTRY_OVERHEAD_BYTES + 5 + 3 + 3);
    }

    #[test]
    fn entry_over_a_bound_is_refused() {
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
