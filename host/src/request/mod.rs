//! One request: its caller, its id, and the data that its invocations share.
//!
//! Rules about items are in `content.rs`, what is kept when an invocation runs again in `setting.rs`, randomness in `random.rs`,
//! replay in `replay.rs`. This room starts no invocation and no transaction. Tests: `tests/request_context.rs`,
//! `tests/item.rs`, `tests/determinism/`.

pub(crate) mod content;
pub(crate) mod random;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod setting;
pub(crate) mod taps;

use palisade_guard::caller::Caller;
use palisade_guard::item::{Item, Status};
use palisade_guard::ledger::Exceeded;
use palisade_guard::limits::{Limit, Limits};
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::{ContextKey, RequestId};
use palisade_guard::user::Permission;
use palisade_store::UserStore;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// A request. It is dropped with its last invocation.
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) caller: Caller,
    permissions: OnceCell<BTreeSet<String>>,
    context: Mutex<HashMap<ContextKey, Vec<u8>>>,
    items: AtomicU16,
}

impl Request {
    pub(crate) fn new(id: RequestId, caller: Caller) -> Self {
        Self { id, caller, permissions: OnceCell::new(), context: Mutex::default(), items: AtomicU16::new(0) }
    }

    /// The permissions of the caller's roles, read once, when they are first needed.
    pub(crate) async fn permissions(&self, users: &dyn UserStore) -> Result<&BTreeSet<String>, Refusal> {
        self.permissions.get_or_try_init(|| async { users.permissions(&self.caller.roles()).await }).await
    }

    /// Whether the caller holds a permission. The host holds every one.
    pub(crate) async fn holds(
        &self,
        permission: &Permission,
        users: &dyn UserStore,
    ) -> Result<bool, Refusal> {
        if matches!(self.caller, Caller::Host) {
            return Ok(true);
        }
        Ok(self.permissions(users).await?.contains(permission.as_str()))
    }

    /// Whether the caller may see an item before any tap is asked: it is published, the caller's own, or of a type that the caller
    /// may edit.
    pub(crate) async fn sees(&self, item: &Item, users: &dyn UserStore) -> Result<bool, Refusal> {
        let own = item.author.is_some() && item.author == self.caller.as_user().map(|user| user.id);
        if own || item.status == Status::Published {
            return Ok(true);
        }
        self.holds(&Permission::parse(&format!("item:edit:{}", item.item_type))?, users).await
    }

    pub(crate) fn context_get(&self, key: &ContextKey) -> Option<Vec<u8>> {
        self.context().get(key).cloned()
    }

    pub(crate) fn context_set(&self, key: ContextKey, value: Vec<u8>, max: &Limits) -> Result<(), Exceeded> {
        let mut context = self.context();
        let others = context.iter().filter(|(other, _)| other.plugin() == key.plugin() && **other != key);
        let (entries, bytes) = others.fold((1_u64, key.bytes()), |(entries, bytes), (other, value)| {
            (
                entries.saturating_add(1),
                bytes.saturating_add(other.bytes()).saturating_add(value.len() as u64),
            )
        });
        let bytes = bytes.saturating_add(value.len() as u64);
        max.check(Limit::ContextEntries, entries)?;
        max.check(Limit::ContextBytes, bytes)?;
        context.insert(key, value);
        Ok(())
    }

    /// How many entries and bytes of the context belong to a plugin.
    pub(crate) fn context_use(&self, plugin: &PluginName) -> (u64, u64) {
        let context = self.context();
        let own = context.iter().filter(|(key, _)| key.plugin() == plugin);
        own.fold((0, 0), |(entries, bytes), (key, value)| {
            (entries.saturating_add(1), bytes.saturating_add(key.bytes()).saturating_add(value.len() as u64))
        })
    }

    fn context(&self) -> MutexGuard<'_, HashMap<ContextKey, Vec<u8>>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of the next item that this request inserts, and counts it.
    pub(crate) fn next_item(&self) -> u16 {
        self.items.fetch_add(1, Ordering::Relaxed)
    }

    /// Resets the count of items and the context, before the whole request runs or runs again.
    pub(crate) fn restart(&self) {
        self.items.store(0, Ordering::Relaxed);
        self.context().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = Limit::ContextBytes.default_max();
    const ENTRIES: u64 = Limit::ContextEntries.default_max();

    fn key(plugin: &str, key: &str) -> ContextKey {
        ContextKey::parse(&PluginName::parse(plugin).unwrap(), key.into()).unwrap()
    }

    #[test]
    fn context_over_its_bytes_is_refused_for_that_plugin_only() {
        let request = Request::new(RequestId::random(), Caller::Anonymous);
        let value = |bytes: u64| vec![0; usize::try_from(bytes).unwrap()];
        assert!(request.context_set(key("a", "k"), value(BYTES), &Limits::default()).is_err());
        assert!(request.context_set(key("a", "k"), value(BYTES - 1), &Limits::default()).is_ok());
        assert!(request.context_set(key("a", "l"), value(0), &Limits::default()).is_err());
        assert!(request.context_set(key("b", "k"), value(BYTES - 1), &Limits::default()).is_ok());
        assert!(
            request.context_set(key("a", "k"), value(1), &Limits::default()).is_ok(),
            "replacing frees what was there"
        );
    }

    #[test]
    fn context_over_its_entries_is_refused() {
        let request = Request::new(RequestId::random(), Caller::Anonymous);
        for index in 0..ENTRIES {
            assert!(
                request.context_set(key("a", &index.to_string()), Vec::new(), &Limits::default()).is_ok()
            );
        }
        assert!(request.context_set(key("a", "more"), Vec::new(), &Limits::default()).is_err());
        assert!(request.context_set(key("a", "0"), vec![1], &Limits::default()).is_ok());
    }
}
