//! Guard of `request-context`: keys and request ids.
//!
//! Contract: `wit/request-context.wit`. As in [`super::cache`], the plugin's name is a separate field of a key.

use crate::limits::{CONTEXT_KEY_BYTES_MAX, REQUEST_ID_BYTES_MAX};
use crate::name::{PluginName, is_plain};
use crate::refusal::Refusal;
use std::time::{SystemTime, UNIX_EPOCH};

/// A key of one plugin's context within one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContextKey {
    plugin: PluginName,
    key: String,
}

impl ContextKey {
    /// Parses a key from a guest.
    pub fn parse(plugin: &PluginName, key: String) -> Result<Self, Refusal> {
        if is_plain(&key, CONTEXT_KEY_BYTES_MAX) {
            return Ok(Self { plugin: plugin.clone(), key });
        }
        Err(Refusal::Invalid(format!(
            "a context key is 1 to {CONTEXT_KEY_BYTES_MAX} bytes without control characters"
        )))
    }

    /// The plugin that the key belongs to.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// The bytes of the key's text.
    pub fn bytes(&self) -> u64 {
        self.key.len() as u64
    }
}

/// The id of a request in logs: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Parses an id from a caller; `None` if it is malformed.
    pub fn parse(id: &str) -> Option<Self> {
        let is_well_formed = !id.is_empty()
            && id.len() <= REQUEST_ID_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        is_well_formed.then(|| Self(id.into()))
    }

    /// A new random id. Ids sort by time, to the millisecond.
    pub fn random() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // From this thread's generator: each request would pay for a system call.
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
        Self(id.to_string())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_context_key_is_rejected() {
        let plugin = PluginName::parse("blog").unwrap();
        for key in [String::new(), "a\0".into(), "a\n".into(), "x".repeat(CONTEXT_KEY_BYTES_MAX + 1)] {
            assert!(ContextKey::parse(&plugin, key).is_err());
        }
        assert!(ContextKey::parse(&plugin, "x".repeat(CONTEXT_KEY_BYTES_MAX)).is_ok());
        let longest = ContextKey::parse(&plugin, "x".repeat(CONTEXT_KEY_BYTES_MAX)).unwrap();
        assert_eq!(longest.bytes(), CONTEXT_KEY_BYTES_MAX as u64);
    }

    #[test]
    fn malformed_request_id_is_rejected() {
        for id in ["", "a b", "a\n", "é", &"x".repeat(REQUEST_ID_BYTES_MAX + 1)] {
            assert_eq!(RequestId::parse(id), None, "{id:?}");
        }
        assert!(RequestId::parse(&"x".repeat(REQUEST_ID_BYTES_MAX)).is_some());
    }
}
