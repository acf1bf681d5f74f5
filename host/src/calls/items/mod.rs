//! Items through the host's own API, as the server exposes them over HTTP, with every tap in its place.
//!
//! A read runs the access taps, then the view taps. A write runs the access taps, then the presave taps, writes, runs the
//! changed taps, commits, and returns the item through the view taps. A filter of a list applies to fields as they are stored and,
//! where a view tap runs, as they are shown: who cannot see a field cannot search for it. The write and its presave and changed taps are one
//! serializable transaction: all of it happens or none of it, and all of it runs again if it loses a race. Who may see and
//! change an item without a tap's say is in [`crate::request::content`]. Tests: `tests/item.rs`, `tests/taps.rs`.

mod work;

use crate::calls::tap::{self, Asked, Verdict};
use crate::calls::transaction::{Ran, SharedTransaction, UnitOfWork, transact};
use crate::error::CallError;
use crate::program::entry::{ItemChange, Operation, Update};
use crate::request::Request;
use crate::request::content::{Part, Sight, WriteKind, starved};
use crate::request::replay::Replay;
use crate::request::setting::Setting;
use crate::runtime::{Current, Runtime};
use palisade_guard::caller::Caller;
use palisade_guard::item::{Criteria, Draft, Fields, Item, ItemId, Patch, Place};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limits;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::RequestId;
use palisade_store::postgres::session::Session;
use palisade_store::postgres::share::Owner;
use std::borrow::BorrowMut;
use std::net::IpAddr;
use std::sync::Arc;
use work::Work;

/// One page of items, and where the next page begins.
#[derive(Debug)]
pub struct Page {
    /// The items that the caller may see.
    pub items: Vec<Item>,
    /// Pass this as `after` to get the next page; `None` on the last page. A page may have fewer items than its limit, or none,
    /// although there is a next one: pages end by bytes as well, where taps have hidden very many items in a row, and where a
    /// search has read many bytes of items.
    pub next: Option<Place>,
    /// The bytes of the items, until the page is dropped.
    #[allow(dead_code, reason = "it is held to be dropped")]
    held: Ledger,
}

/// Items as one caller may see and change them, through every tap. [`Host::items`](crate::Host::items) makes it. Each
/// operation consumes it and is a request of its own; clone it for several operations under one request id.
#[derive(Clone)]
pub struct Items<'a> {
    runtime: &'a Arc<Runtime>,
    caller: Caller,
    request: RequestId,
    replay: Option<Replay>,
    peer: Option<IpAddr>,
}

impl<'a> Items<'a> {
    pub(crate) fn new(runtime: &'a Arc<Runtime>, caller: Caller) -> Self {
        Self { runtime, caller, request: RequestId::random(), replay: None, peer: None }
    }

    /// The request's id, which plugins see and which their log records carry. Default: a random id.
    pub fn request(mut self, id: RequestId) -> Self {
        self.request = id;
        self
    }

    /// Runs the operation and its taps with a given seed at a given instant; see [`Call::replay`](crate::Call::replay).
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = Some(replay);
        self
    }

    /// The address that the request comes from. Anonymous callers at one address share connections to the database. Default:
    /// not known, which is one address.
    pub fn peer(mut self, peer: Option<IpAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// One item, as the caller may see it, through every access and view tap.
    pub async fn get(self, id: &str) -> Result<Item, CallError> {
        let got = self.begin()?.get(ItemId::parse(id)?).await;
        self.reported("items/get", got)
    }

    /// A page of the items that the caller may see.
    pub async fn find(self, criteria: &Criteria) -> Result<Page, CallError> {
        let found = self.begin()?.find(criteria).await;
        self.reported("items/find", found)
    }

    /// Inserts an item through every tap, and returns it as the caller may see it.
    pub async fn create(self, draft: Draft) -> Result<Item, CallError> {
        let created = self.written(Write::Create(draft)).await;
        self.reported("items/create", created)
    }

    /// Changes an item through every tap, and returns it as the caller may see it.
    pub async fn patch(self, id: &str, patch: Patch) -> Result<Item, CallError> {
        let patched = self.written(Write::Patch(ItemId::parse(id)?, patch)).await;
        self.reported("items/patch", patched)
    }

    /// Deletes an item through every tap. If a revision is given, deletes it only at that revision.
    pub async fn delete(self, id: &str, revision: Option<u32>) -> Result<(), CallError> {
        let deleted = self.begin()?.write(&Write::Delete(ItemId::parse(id)?, revision)).await;
        self.reported("items/delete", deleted.map(drop))
    }

    /// Whether the caller may create items at all, before it is known which. An access tap may permit what the caller's own
    /// permissions do not, so with one loaded the answer is yes, and the write itself finds out.
    pub async fn may_create(self) -> Result<(), CallError> {
        let may = self.may_write("item:create:").await;
        self.reported("items/create", may)
    }

    /// Whether the caller may edit items at all, before it is known which, as [`may_create`](Self::may_create) does. A user may
    /// edit what is their own.
    pub async fn may_edit(self) -> Result<(), CallError> {
        match self.caller {
            Caller::User(_) => Ok(()),
            Caller::Anonymous | Caller::Host => {
                let may = self.may_write("item:edit:").await;
                self.reported("items/patch", may)
            }
        }
    }

    async fn may_write(&self, permissions: &str) -> Result<(), CallError> {
        let ItemRequest { runtime, plugins, setting, .. } = self.begin()?;
        if matches!(setting.request.caller, Caller::Host) || !plugins.access().is_empty() {
            return Ok(());
        }
        let held = setting.request.permissions(&*runtime.backends.users).await?;
        if held.iter().any(|held| held.starts_with(permissions)) { Ok(()) } else { Err(CallError::Denied) }
    }

    async fn written(&self, write: Write) -> Result<Item, CallError> {
        let written = self.begin()?.write(&write).await?;
        written.ok_or_else(|| CallError::internal(anyhow::anyhow!("a create or patch left no item")))
    }

    /// What an operation answers. What the caller is not told of a failure goes to the operator's log.
    fn reported<T>(&self, what: &'static str, answer: Result<T, CallError>) -> Result<T, CallError> {
        let reports = &self.runtime.supervision;
        answer.inspect_err(|error| reports.report_failure(None, what, Some(&self.request), error))
    }

    fn begin(&self) -> Result<ItemRequest<'a>, CallError> {
        let plugins = self.runtime.registry.current();
        plugins.all_guards_loaded()?;
        let request = Arc::new(Request::new(self.request.clone(), self.caller.clone()));
        let setting = Setting::new(request, Kind::Mutation, &Limits::default());
        let setting = self.replay.iter().fold(setting, Setting::at);
        let owner = match &self.caller {
            Caller::Host => Owner::Host,
            Caller::User(user) => Owner::User(user.id),
            Caller::Anonymous => Owner::Anonymous(self.peer),
        };
        Ok(ItemRequest { runtime: self.runtime, plugins, setting, owner })
    }
}

/// A write that a caller asks for.
#[derive(Clone, Debug)]
enum Write {
    Create(Draft),
    Patch(ItemId, Patch),
    Delete(ItemId, Option<u32>),
}

/// What a write left.
enum Written {
    Item(Item),
    Deleted,
}

/// One request for items, with the plugins that were current when it began.
struct ItemRequest<'a> {
    runtime: &'a Arc<Runtime>,
    plugins: Arc<Current>,
    setting: Setting,
    owner: Owner,
}

impl ItemRequest<'_> {
    /// One item, as the caller may see it.
    async fn get(&self, id: ItemId) -> Result<Item, CallError> {
        let mut work = self.work(self.session(Kind::Query));
        let item = work.any(id).await?.ok_or(CallError::NotFound)?;
        // The connection goes back; the bytes stay counted.
        let (_held, _) = work.into_parts();
        let seen = self.may(Operation::Read, &item).await?;
        if seen { self.show(item).await } else { Err(CallError::NotFound) }
    }

    /// A page of items.
    async fn find(&self, criteria: &Criteria) -> Result<Page, CallError> {
        let mut work = self.work(self.session(Kind::Query));
        let after = match criteria.after {
            None => None,
            Some(place) => {
                let after = self.runtime.database.unseal(place)?;
                if let Place::Item(item) = place {
                    work.content().check_place(item, self).await?;
                }
                Some(after)
            }
        };
        let Part { items, rest } = work.content().find(criteria, after, self).await?;
        let next =
            rest.map(|id| if self.has_say() { self.runtime.database.seal(id) } else { Place::Item(id) });
        let (held, _) = work.into_parts();
        Ok(Page { items, next, held })
    }

    /// Writes, and returns the item as the caller may see it, or `None` if it is deleted.
    async fn write(&self, write: &Write) -> Result<Option<Item>, CallError> {
        let written = transact(&self.setting, WriteUnit { request: self, write }).await?;
        match written {
            Written::Item(item) => self.written(item).await.map(Some),
            Written::Deleted => Ok(None),
        }
    }

    /// Runs the whole write once, without the commit.
    async fn attempt(
        &self,
        write: &Write,
        transaction: &mut SharedTransaction,
    ) -> Result<Written, CallError> {
        let mut work = self.work(transaction.session()?);
        work.hold(write)?;
        let (before, draft) = self.plan(write, &mut work).await?;
        let carried = work.into_parts();
        let draft = match draft {
            None => None,
            Some(draft) => {
                let taps = self.plugins.presave();
                let presaved =
                    tap::presave(self.runtime, taps, &self.setting, transaction, before.as_ref(), draft);
                Some(presaved.await?)
            }
        };
        let mut work = self.work(transaction.session()?).with(carried);
        let change = self.store(&mut work, before, draft).await?;
        let taps = self.plugins.changed();
        tap::changed(self.runtime, taps, &self.setting, transaction, &change.to_wit()).await?;
        self.plugins.all_enabled()?;
        Ok(change.written())
    }

    /// A transaction that waits for nothing beyond the request's deadline.
    fn session(&self, kind: Kind) -> Session {
        self.runtime.database.session(kind, self.owner).until(self.setting.deadline)
    }

    fn work<S: BorrowMut<Session>>(&self, session: S) -> Work<'_, S> {
        let memory = self.runtime.memory.reservation(None, &self.setting.request.caller);
        Work::new(&self.runtime.backends, &self.setting, session, memory)
    }

    /// Finds the item, checks that the caller may change it, and makes the draft. `None` for the draft means to delete.
    async fn plan(
        &self,
        write: &Write,
        work: &mut Work<'_, impl BorrowMut<Session>>,
    ) -> Result<(Option<Item>, Option<Draft>), CallError> {
        match write {
            Write::Create(draft) => {
                let item = unwritten(draft, &self.setting);
                self.permit(Operation::Create, WriteKind::Create, &item, work).await?;
                Ok((None, Some(draft.clone())))
            }
            Write::Patch(id, patch) => {
                let old = self.visible(*id, work).await?;
                self.permit(Operation::Update, WriteKind::Edit, &old, work).await?;
                let draft = old.patched(patch, &Limits::default())?;
                Ok((Some(old), Some(draft)))
            }
            Write::Delete(id, revision) => {
                let old = self.visible(*id, work).await?;
                self.permit(Operation::Delete, WriteKind::Delete, &old, work).await?;
                match revision {
                    Some(revision) if *revision != old.revision => Err(CallError::Conflict(old.revision)),
                    _ => Ok((Some(old), None)),
                }
            }
        }
    }

    async fn store(
        &self,
        work: &mut Work<'_, impl BorrowMut<Session>>,
        before: Option<Item>,
        draft: Option<Draft>,
    ) -> Result<Changed, CallError> {
        let mut content = work.content();
        let stored = match (before, draft) {
            (None, Some(draft)) => content.insert_permitted(&draft).await.map(Changed::Created),
            (Some(before), Some(draft)) => {
                let after = content.items.update(&mut content.at, &before, &draft).await;
                after.map(|after| Changed::Updated(before, after))
            }
            (Some(before), None) => {
                content.items.delete(&mut content.at, &before).await.map(|()| Changed::Deleted(before))
            }
            (None, None) => {
                return Err(CallError::internal(anyhow::anyhow!("a write has neither an item nor a draft")));
            }
        };
        stored.map_err(|refusal| starved(content.at.ledger, refusal).into())
    }

    /// An item that the caller may see. It is checked before the change itself, so that a refusal does not reveal that an
    /// unseen item exists.
    async fn visible(
        &self,
        id: ItemId,
        work: &mut Work<'_, impl BorrowMut<Session>>,
    ) -> Result<Item, CallError> {
        let item = work.any(id).await?.ok_or(CallError::NotFound)?;
        if self.may(Operation::Read, &item).await? { Ok(item) } else { Err(CallError::NotFound) }
    }

    async fn may(&self, operation: Operation, item: &Item) -> Result<bool, CallError> {
        match self.verdict(operation, item).await? {
            Verdict::Deny => Ok(false),
            Verdict::Grant => Ok(true),
            Verdict::Neutral => Ok(self.sees(item).await?),
        }
    }

    async fn verdict(&self, operation: Operation, item: &Item) -> Result<Verdict, CallError> {
        let asked = Asked::by_request(self.runtime);
        tap::access(asked, self.plugins.access(), &self.setting, operation, item).await
    }

    /// The host's own rule: the item is published, the caller's own, or of a type that the caller may edit.
    async fn sees(&self, item: &Item) -> Result<bool, Refusal> {
        self.setting.request.sees(item, &*self.runtime.backends.users).await
    }

    async fn permit(
        &self,
        operation: Operation,
        kind: WriteKind,
        item: &Item,
        work: &mut Work<'_, impl BorrowMut<Session>>,
    ) -> Result<(), CallError> {
        match self.verdict(operation, item).await? {
            Verdict::Deny => Err(CallError::Denied),
            Verdict::Grant => Ok(()),
            Verdict::Neutral => Ok(work.content().permit(kind, &item.item_type, item.author).await?),
        }
    }

    /// An item of a page. If its view tap fails, the page leaves out this item and keeps the others.
    async fn shown(&self, item: Item) -> Result<Option<Item>, CallError> {
        match self.show(item).await {
            Ok(item) => Ok(Some(item)),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                self.hid(&error);
                Ok(None)
            }
        }
    }

    /// A written item. It is committed, so if its view tap fails, the caller gets the item without its fields.
    async fn written(&self, item: Item) -> Result<Item, CallError> {
        let bare = Item { fields: Fields::empty(), ..item.clone() };
        match self.show(item).await {
            Ok(item) => Ok(item),
            Err(error) => {
                self.hid(&error);
                Ok(bare)
            }
        }
    }

    /// Reports the cause of a failed view tap that no caller is told of.
    fn hid(&self, error: &CallError) {
        let id = &self.setting.request.id;
        self.runtime.supervision.report_failure(None, "tap-item-view", Some(id), error);
    }

    async fn show(&self, item: Item) -> Result<Item, CallError> {
        tap::view(self.runtime, self.plugins.view(), &self.setting, item).await
    }
}

/// What the items of a page are for the caller: a `grant` adds none to those that the host's own rule shows.
impl Sight for ItemRequest<'_> {
    type Error = CallError;

    fn has_say(&self) -> bool {
        !self.plugins.access().is_empty() || !self.plugins.view().is_empty()
    }

    async fn see(&self, item: Item) -> Result<Option<Item>, CallError> {
        match self.verdict(Operation::Read, &item).await? {
            Verdict::Deny => Ok(None),
            Verdict::Neutral | Verdict::Grant => self.shown(item).await,
        }
    }
}

/// One write as a unit of work.
struct WriteUnit<'a> {
    request: &'a ItemRequest<'a>,
    write: &'a Write,
}

impl UnitOfWork for WriteUnit<'_> {
    type Output = Written;

    fn lost_race(&self) {
        self.request.runtime.metrics.item_write_lost_race();
    }

    async fn run(&mut self) -> Ran<Written> {
        let Self { request, write } = self;
        let session = request.session(Kind::Mutation);
        let mut transaction = SharedTransaction::new(session);
        let written = request.attempt(write, &mut transaction).await;
        transaction.ran(written)
    }
}

/// A change that is written and not yet committed.
enum Changed {
    Created(Item),
    Updated(Item, Item),
    Deleted(Item),
}

impl Changed {
    fn to_wit(&self) -> ItemChange {
        match self {
            Self::Created(item) => ItemChange::Created(item.clone().into()),
            Self::Updated(before, after) => {
                ItemChange::Updated(Update { before: before.clone().into(), after: after.clone().into() })
            }
            Self::Deleted(item) => ItemChange::Deleted(item.clone().into()),
        }
    }

    fn written(self) -> Written {
        match self {
            Self::Created(item) | Self::Updated(_, item) => Written::Item(item),
            Self::Deleted(_) => Written::Deleted,
        }
    }
}

/// The item that a draft would become. The access taps of a create get it.
fn unwritten(draft: &Draft, setting: &Setting) -> Item {
    let now = setting.clock.now();
    Item {
        id: uuid::Uuid::nil(),
        item_type: draft.item_type.as_str().to_owned(),
        title: draft.title.as_str().to_owned(),
        status: draft.status,
        fields: draft.fields.clone(),
        revision: 0,
        author: setting.request.caller.as_user().map(|user| user.id),
        created_at: now,
        updated_at: now,
    }
}
