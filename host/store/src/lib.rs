//! The stores of Palisade: what a plugin's imports read and write, once a guard has checked the request.
//!
//! Each interface whose backend an integrator may want to replace has one small trait: [`UserStore`], [`CacheStore`],
//! [`LogSink`], [`VariableStore`], [`ItemStore`], [`HttpClient`](http::HttpClient) and
//! [`SecretStore`](http::SecretStore). [`Backends`] holds one of each for a host. The defaults are PostgreSQL
//! ([`postgres`]), an in-process cache ([`cache`]), `tracing` ([`log`]) and reqwest ([`http`]). [`private`] starts a
//! PostgreSQL server for a host that has none, and [`files`] reads what operators and plugins write. The interface `db` has no trait: it is PostgreSQL, whose roles and
//! transactions are the boundary that `db` promises.
//!
//! A store decides nothing: it takes only types that a guard in `palisade-guard` has made. An integrator depends on the
//! crate `palisade`, which re-exports the traits, and not on this crate.

pub mod cache;
pub mod error;
pub mod files;
pub mod http;
pub mod log;
pub mod postgres;
pub mod private;

use palisade_guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade_guard::caller::User;
use palisade_guard::item::{Criteria, Draft, Item, ItemId, ItemScope};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::logging::LogRecord;
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::RequestId;
use palisade_guard::user::UserId;
use palisade_guard::variables::{NewValue, Value, Variable};
use postgres::session::Session;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// The backends of one host, one for each interface.
pub struct Backends {
    /// The backend of `user`.
    pub users: Arc<dyn UserStore>,
    /// The backend of `cache`.
    pub cache: Arc<dyn CacheStore>,
    /// The backend of `logging`.
    pub log: Arc<dyn LogSink>,
    /// The backend of `variables` and `variables-write`.
    pub variables: Arc<dyn VariableStore>,
    /// The backend of `item` and `item-write`.
    pub items: Arc<dyn ItemStore>,
    /// The backend of `http`.
    pub http: Arc<dyn http::HttpClient>,
    /// The secrets that `http` sends.
    pub secrets: Arc<dyn http::SecretStore>,
}

/// The backend of `user`: users, their tokens, and the permissions of roles. Plugins read a user as it is returned here, so a
/// store keeps what `wit/user.wit` promises: a name of at most [`USER_NAME_BYTES_MAX`](palisade_guard::limits::USER_NAME_BYTES_MAX)
/// bytes, and roles that are sorted.
#[async_trait::async_trait]
pub trait UserStore: Send + Sync {
    /// The user with this id.
    async fn by_id(&self, id: UserId) -> Result<Option<User>, Refusal>;
    /// The user that this bearer token identifies, unless the token has expired.
    async fn by_token(&self, token: &str) -> Result<Option<User>, Refusal>;
    /// The permissions that these roles hold together.
    async fn permissions(&self, roles: &[String]) -> Result<BTreeSet<String>, Refusal>;
}

/// The backend of `cache`. An entry may vanish at any time.
#[async_trait::async_trait]
pub trait CacheStore: Send + Sync {
    /// The value under a key. A cache outside the process makes the entry again with [`CacheEntry::parse`] and the default limits;
    /// only its [`value`](CacheEntry::value) reaches the plugin.
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal>;
    /// Stores an entry, and replaces the old entry under its key.
    async fn set(&self, key: CacheKey, entry: CacheEntry) -> Result<(), Refusal>;
    /// Removes an entry.
    async fn delete(&self, key: &CacheKey) -> Result<(), Refusal>;
    /// Removes all entries with a tag.
    async fn invalidate(&self, tag: &CacheTag) -> Result<(), Refusal>;
}

/// The backend of `logging`, and of what plugins print to WASI's standard output and error. The host supplies the source, and has
/// checked the record against its bounds.
pub trait LogSink: Send + Sync {
    /// Writes one record.
    fn log(&self, source: &LogSource<'_>, record: &LogRecord);
}

/// Where a log record comes from.
#[derive(Clone, Copy, Debug)]
pub struct LogSource<'a> {
    /// The plugin.
    pub plugin: &'a PluginName,
    /// What of the plugin runs: `interface/function`, or the tap's interface.
    pub entered: &'a str,
    /// Its kind.
    pub kind: Kind,
    /// The request's id.
    pub request: &'a RequestId,
}

/// The backend of `variables` and `variables-write`. A store that is not PostgreSQL may ignore the session; then a
/// mutation that is rolled back does not undo its settings.
#[async_trait::async_trait]
pub trait VariableStore: Send + Sync {
    /// The value that was set last, if there is one.
    async fn get(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<Option<Value>, Refusal>;
    /// Sets a variable.
    async fn set(&self, at: &mut At<'_>, setting: &NewValue<'_>) -> Result<(), Refusal>;
    /// Removes the value of a variable.
    async fn unset(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<(), Refusal>;
}

/// The backend of `item` and `item-write`. The note on sessions at [`VariableStore`] applies here too.
#[async_trait::async_trait]
pub trait ItemStore: Send + Sync {
    /// The items with these ids that the viewer may see, in any order.
    async fn get(&self, at: &mut At<'_>, ids: &[ItemId], viewer: &Viewer<'_>) -> Result<Vec<Item>, Refusal>;
    /// The items that a search finds and that the viewer may see, at most as many bytes of them as
    /// [`ITEM_PAGE_BYTES_MAX`](palisade_guard::limits::ITEM_PAGE_BYTES_MAX) allows, and at least one if there is one.
    async fn find(&self, at: &mut At<'_>, search: &Search<'_>, viewer: &Viewer<'_>)
    -> Result<Found, Refusal>;
    /// Inserts an item as revision 1, under an id that the host made.
    async fn insert(
        &self,
        at: &mut At<'_>,
        id: Uuid,
        draft: &Draft,
        author: Option<Uuid>,
    ) -> Result<Item, Refusal>;
    /// Replaces an item if it still has the revision of `old`, and keeps the old revision.
    async fn update(&self, at: &mut At<'_>, old: &Item, new: &Draft) -> Result<Item, Refusal>;
    /// Deletes an item if it still has the revision of `old`, and keeps its last revision.
    async fn delete(&self, at: &mut At<'_>, old: &Item) -> Result<(), Refusal>;
}

/// What a store works with: the invocation's transaction, its plugin and its ledger.
#[derive(Debug)]
pub struct At<'a> {
    /// The transaction.
    pub(crate) session: &'a mut Session,
    /// The ledger that statements, rows and bytes are spent from.
    pub ledger: &'a mut Ledger,
    /// The plugin; `None` means the host itself.
    pub plugin: Option<&'a PluginName>,
    /// The invocation's clock, in microseconds since 1970.
    pub now: i64,
}

/// Makes an [`At`]. It is a function so that integrators' stores never see the session.
pub fn at<'a>(
    session: &'a mut Session,
    ledger: &'a mut Ledger,
    plugin: Option<&'a PluginName>,
    now: i64,
) -> At<'a> {
    At { session, ledger, plugin, now }
}

impl At<'_> {
    /// The same with another ledger: for what the host reads and the plugin never sees.
    pub fn charging<'b>(&'b mut self, ledger: &'b mut Ledger) -> At<'b> {
        At { session: self.session, ledger, plugin: self.plugin, now: self.now }
    }
}

/// What one read of a page looks for.
#[derive(Debug)]
pub struct Search<'a> {
    /// The type, the status, the fields and the order of the items. The other criteria are the caller's.
    pub criteria: &'a Criteria,
    /// The item after which the result begins.
    pub after: Option<ItemId>,
    /// The most items to return.
    pub limit: usize,
    /// If it is given, only as many of the next items of the type and status are looked at, and not many bytes of them.
    pub rows: Option<usize>,
    /// Whether all of these count, whether or not their fields can match: then where the result ends tells nothing of fields.
    pub is_blind: bool,
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The items, each with its place among the rows that were looked at, from 1.
    pub items: Vec<(Item, usize)>,
    /// Where the result ends.
    pub end: End,
}

/// Where the result of a search ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There is no further item.
    Last,
    /// The limit or the bytes of a page ended it behind this item, which has this place.
    Cut {
        /// The item.
        after: ItemId,
        /// Its place among the rows that were looked at.
        place: usize,
    },
    /// All rows of [`Search::rows`] were looked at. This is the last of them.
    Window {
        /// The row's item.
        after: ItemId,
    },
}

/// Who reads items, and what they may see beyond published items.
#[derive(Debug)]
pub struct Viewer<'a> {
    /// The id of a caller that is a user.
    pub user: Option<Uuid>,
    /// The viewer's permissions: `item:edit:TYPE` lets them see every item of that type.
    pub permissions: &'a BTreeSet<String>,
    /// The host itself sees everything.
    pub is_host: bool,
    /// The types that the plugin may read.
    pub scope: ItemScope<'a>,
}
