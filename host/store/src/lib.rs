//! Stores: what stands behind the interfaces. Dumb on purpose: they take only what a guard made.
//!
//! One small trait for each interface that an integrator may want to replace: their users, their cache, their log.
//! PostgreSQL and an in-process cache are the defaults. `db` has no trait: it is PostgreSQL, whose roles and transactions
//! are the boundary it promises.

pub mod cache;
pub mod error;
pub mod http;
pub mod log;
pub mod postgres;
pub mod private;

use palisade_guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade_guard::caller::User;
use palisade_guard::item::{Criteria, Draft, Item, ItemId, ItemScope};
use palisade_guard::ledger::Ledger;
use palisade_guard::logging::LogRecord;
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::RequestId;
use palisade_guard::user::UserId;
use palisade_guard::variables::{Setting, Value, Variable};
use postgres::session::Session;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// What stands behind the interfaces of one host.
pub struct Backends {
    /// Behind `user`.
    pub users: Arc<dyn UserStore>,
    /// Behind `cache`.
    pub cache: Arc<dyn CacheStore>,
    /// Behind `logging`.
    pub log: Arc<dyn LogSink>,
    /// Behind `variables` and `variables-write`.
    pub variables: Arc<dyn VariableStore>,
    /// Behind `item` and `item-write`.
    pub items: Arc<dyn ItemStore>,
    /// Behind `http`.
    pub http: Arc<dyn http::HttpClient>,
    /// Where the secrets are that `http` sends.
    pub secrets: Arc<dyn http::SecretStore>,
}

/// Behind `user`: who there is and what roles may do.
#[async_trait::async_trait]
pub trait UserStore: Send + Sync {
    /// The user with this id.
    async fn by_id(&self, id: UserId) -> Result<Option<User>, Refusal>;
    /// The user whom this bearer token identifies, unless it has expired.
    async fn by_token(&self, token: &str) -> Result<Option<User>, Refusal>;
    /// The permissions that these roles hold together.
    async fn permissions(&self, roles: &[String]) -> Result<BTreeSet<String>, Refusal>;
}

/// Behind `cache`. An entry may vanish at any time.
#[async_trait::async_trait]
pub trait CacheStore: Send + Sync {
    /// The value under a key.
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal>;
    /// Keeps an entry, replacing what was there.
    async fn set(&self, key: CacheKey, entry: CacheEntry) -> Result<(), Refusal>;
    /// Removes an entry.
    async fn delete(&self, key: &CacheKey) -> Result<(), Refusal>;
    /// Removes all entries with a tag.
    async fn invalidate(&self, tag: &CacheTag) -> Result<(), Refusal>;
}

/// Behind `logging`. The host has stamped and bounded the record.
pub trait LogSink: Send + Sync {
    /// Writes one record.
    fn log(&self, plugin: &PluginName, request: &RequestId, record: &LogRecord);
}

/// Behind `variables` and `variables-write`. A store that is not PostgreSQL may ignore the session, and with it the
/// promise that a rolled-back mutation takes its settings back.
#[async_trait::async_trait]
pub trait VariableStore: Send + Sync {
    /// What was last set, if anything.
    async fn get(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<Option<Value>, Refusal>;
    /// Sets a variable.
    async fn set(&self, at: &mut At<'_>, setting: &Setting<'_>) -> Result<(), Refusal>;
    /// Forgets what was set.
    async fn unset(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<(), Refusal>;
}

/// Behind `item` and `item-write`; the same note on sessions as for [`VariableStore`].
#[async_trait::async_trait]
pub trait ItemStore: Send + Sync {
    /// The items with these ids that the viewer may see, in any order.
    async fn get(&self, at: &mut At<'_>, ids: &[ItemId], viewer: &Viewer<'_>) -> Result<Vec<Item>, Refusal>;
    /// One page.
    async fn find(
        &self,
        at: &mut At<'_>,
        criteria: &Criteria,
        viewer: &Viewer<'_>,
    ) -> Result<Vec<Item>, Refusal>;
    /// Inserts an item as revision 1, under an id that the host made.
    async fn insert(
        &self,
        at: &mut At<'_>,
        id: Uuid,
        draft: &Draft,
        author: Option<Uuid>,
    ) -> Result<Item, Refusal>;
    /// Replaces an item that has this revision, and keeps the old one.
    async fn update(&self, at: &mut At<'_>, old: &Item, new: &Draft) -> Result<Item, Refusal>;
    /// Deletes an item that has this revision, and keeps its last one.
    async fn delete(&self, at: &mut At<'_>, old: &Item) -> Result<(), Refusal>;
}

/// Where a store works: the invocation's transaction, its plugin, and its account.
#[derive(Debug)]
pub struct At<'a> {
    /// The transaction.
    pub session: &'a mut Session,
    /// What statements, rows and bytes are spent from.
    pub ledger: &'a mut Ledger,
    /// The plugin, or the host itself.
    pub plugin: Option<&'a PluginName>,
    /// Now, as the invocation sees it: microseconds since 1970.
    pub now: i64,
}

/// Who looks at items: what they may see beyond what is published.
#[derive(Debug)]
pub struct Viewer<'a> {
    /// Their id.
    pub user: Option<Uuid>,
    /// Whether they may see everything of a type; asked for each type in question.
    pub permissions: &'a BTreeSet<String>,
    /// The host itself sees everything.
    pub is_host: bool,
    /// The types in question.
    pub scope: ItemScope<'a>,
}
