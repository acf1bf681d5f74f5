//! Items through the host's own API: what a caller does over HTTP, with every tap in its place.
//!
//! A read asks access, then view. A write asks access, then presave, writes, tells changed, commits, and shows the result
//! through view. The write and its presave and changed taps are one serializable transaction: all of it happens or
//! nothing does, and when it loses a race all of it runs again.

mod work;

use crate::backend::Item;
use crate::backend::postgres::session::Session;
use crate::content::Change;
use crate::core::Core;
use crate::error::{CallError, Refusal};
use crate::guard::item::{Criteria, Draft, Fields, ItemId, Patch};
use crate::invocation::Setting;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::plugin::{ItemChange, Operation, Update};
use crate::registry::Current;
use crate::request::Request;
use crate::tap::{self, Verdict};
use crate::transaction::{Ran, Unit, transact};
use std::sync::Arc;
use work::{Work, lost_session};

/// One page, and where the next begins.
#[derive(Debug)]
pub struct Page {
    /// The items that the caller may see.
    pub items: Vec<Item>,
    /// Give this as `after` for the next page; `None` at the end.
    pub next: Option<uuid::Uuid>,
}

/// A change to write.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Create(Draft),
    Patch(ItemId, Patch),
    Delete(ItemId, Option<u32>),
}

/// What a write did.
enum Written {
    Item(Item),
    Deleted,
}

/// One request's dealings with items.
pub(crate) struct Items<'a> {
    core: &'a Core,
    plugins: Arc<Current>,
    setting: Setting,
}

impl<'a> Items<'a> {
    pub(crate) fn new(core: &'a Core, request: Arc<Request>) -> Self {
        let setting = Setting::new(request, Kind::Mutation, &Limits::default());
        Self { core, plugins: core.registry.current(), setting }
    }

    /// One item, as the caller may see it.
    pub(crate) async fn get(&self, id: ItemId) -> Result<Item, CallError> {
        let mut work = Work::new(self, self.core.database.session(Kind::Query));
        let item = work.any(self, id).await?.ok_or(CallError::NotFound)?;
        drop(work);
        let seen = self.may(Operation::Read, &item).await?;
        if seen { self.show(item).await } else { Err(CallError::NotFound) }
    }

    /// A page of items.
    pub(crate) async fn find(&self, criteria: &Criteria) -> Result<Page, CallError> {
        let mut work = Work::new(self, self.core.database.session(Kind::Query));
        let found = work.content(self).find(criteria).await?;
        drop(work);
        let full = found.len() >= criteria.limit.get() as usize;
        let next = if full { found.last().map(|item| item.id) } else { None };
        let mut items = Vec::with_capacity(found.len());
        for item in found {
            let verdict =
                tap::access(self.core, self.plugins.access(), &self.setting, Operation::Read, &item).await?;
            if verdict != Verdict::Deny {
                items.extend(self.shown(item).await?);
            }
        }
        Ok(Page { items, next })
    }

    /// Writes; the item as the caller may see it, or `None` when it is deleted.
    pub(crate) async fn write(&self, write: &Write) -> Result<Option<Item>, CallError> {
        let written = transact(&self.setting, Writing { items: self, write }).await?;
        match written {
            Written::Item(item) => self.written(item).await.map(Some),
            Written::Deleted => Ok(None),
        }
    }

    /// Runs the whole write once, up to and without the commit.
    async fn attempt(&self, write: &Write, session: Session) -> Ran<Written> {
        let mut work = Work::new(self, session);
        let planned = self.plan(write, &mut work).await;
        let Work { session, ledger, random } = work;
        let (before, draft) = match planned {
            Ok(planned) => planned,
            Err(error) => return (Some(session), Err(error)),
        };
        let (session, draft) = match draft {
            None => (Some(session), Ok(None)),
            Some(draft) => {
                let taps = self.plugins.presave();
                let (session, draft) =
                    tap::presave(self.core, taps, &self.setting, session, before.as_ref(), draft).await;
                (session, draft.map(Some))
            }
        };
        let (session, draft) = match (session, draft) {
            (Some(session), Ok(draft)) => (session, draft),
            (session, Err(error)) => return (session, Err(error)),
            (None, Ok(_)) => return (None, Err(lost_session())),
        };
        let mut work = Work { session, ledger, random };
        let change = self.store(&mut work, before, draft).await;
        let Work { session, .. } = work;
        let change = match change {
            Ok(change) => change,
            Err(error) => return (Some(session), Err(error)),
        };
        let told = change.to_wit();
        let (session, told) =
            tap::changed(self.core, self.plugins.changed(), &self.setting, session, &told).await;
        (session, told.and_then(|()| self.plugins.all_enabled()).map(|()| change.written()))
    }

    /// Finds the item, asks whether the caller may change it, and makes the draft; no draft deletes.
    async fn plan(&self, write: &Write, work: &mut Work) -> Result<(Option<Item>, Option<Draft>), CallError> {
        match write {
            Write::Create(draft) => {
                let item = unwritten(draft, self);
                self.permit(Operation::Create, Change::Create, &item, work).await?;
                Ok((None, Some(draft.clone())))
            }
            Write::Patch(id, patch) => {
                let old = self.visible(*id, work).await?;
                self.permit(Operation::Update, Change::Edit, &old, work).await?;
                let draft = old.patched(patch)?;
                Ok((Some(old), Some(draft)))
            }
            Write::Delete(id, revision) => {
                let old = self.visible(*id, work).await?;
                self.permit(Operation::Delete, Change::Delete, &old, work).await?;
                match revision {
                    Some(revision) if *revision != old.revision => Err(CallError::Conflict(old.revision)),
                    _ => Ok((Some(old), None)),
                }
            }
        }
    }

    async fn store(
        &self,
        work: &mut Work,
        before: Option<Item>,
        draft: Option<Draft>,
    ) -> Result<Changed, CallError> {
        let mut content = work.content(self);
        Ok(match (before, draft) {
            (None, Some(draft)) => Changed::Created(content.insert_permitted(&draft).await?),
            (Some(before), Some(draft)) => {
                let after = content.items.update(&mut content.at, &before, &draft).await?;
                Changed::Updated(before, after)
            }
            (Some(before), None) => {
                content.items.delete(&mut content.at, &before).await?;
                Changed::Deleted(before)
            }
            (None, None) => return Err(CallError::internal(anyhow::anyhow!("a write of nothing"))),
        })
    }

    /// An item that the caller may see, before anything is said about changing it.
    async fn visible(&self, id: ItemId, work: &mut Work) -> Result<Item, CallError> {
        let item = work.any(self, id).await?.ok_or(CallError::NotFound)?;
        if self.may(Operation::Read, &item).await? { Ok(item) } else { Err(CallError::NotFound) }
    }

    async fn may(&self, operation: Operation, item: &Item) -> Result<bool, CallError> {
        match tap::access(self.core, self.plugins.access(), &self.setting, operation, item).await? {
            Verdict::Deny => Ok(false),
            Verdict::Grant => Ok(true),
            Verdict::Neutral => Ok(self.sees(item).await?),
        }
    }

    /// The host's own rule: published, one's own, or of a type that one edits.
    async fn sees(&self, item: &Item) -> Result<bool, Refusal> {
        self.setting.request.sees(item, &*self.core.backends.users).await
    }

    async fn permit(
        &self,
        operation: Operation,
        change: Change,
        item: &Item,
        work: &mut Work,
    ) -> Result<(), CallError> {
        match tap::access(self.core, self.plugins.access(), &self.setting, operation, item).await? {
            Verdict::Deny => Err(CallError::Denied),
            Verdict::Grant => Ok(()),
            Verdict::Neutral => Ok(work.content(self).permit(change, &item.item_type, item.author).await?),
        }
    }

    /// An item of a page: one whose view fails is not shown, and takes no other with it.
    async fn shown(&self, item: Item) -> Result<Option<Item>, CallError> {
        match self.show(item).await {
            Ok(item) => Ok(Some(item)),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "an item is left out of a page: its view failed");
                Ok(None)
            }
        }
    }

    /// A written item. It is committed: when its view fails, the caller hears of the write and sees no fields.
    async fn written(&self, item: Item) -> Result<Item, CallError> {
        let bare = Item { fields: Fields::empty(), ..item.clone() };
        match self.show(item).await {
            Ok(item) => Ok(item),
            Err(error) => {
                tracing::warn!(%error, "a written item is shown without its fields: its view failed");
                Ok(bare)
            }
        }
    }

    async fn show(&self, item: Item) -> Result<Item, CallError> {
        tap::view(self.core, self.plugins.view(), &self.setting, item).await
    }
}

/// One write as a unit of work.
struct Writing<'a> {
    items: &'a Items<'a>,
    write: &'a Write,
}

impl Unit for Writing<'_> {
    type Output = Written;

    fn lost_race(&self) {
        self.items.core.metrics.item_write_lost_race();
    }

    async fn run(&mut self) -> Ran<Written> {
        self.items.attempt(self.write, self.items.core.database.session(Kind::Mutation)).await
    }
}

/// A change that is written.
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

/// The item that a draft would become: what access taps are shown.
fn unwritten(draft: &Draft, items: &Items<'_>) -> Item {
    let now = items.setting.clock.now();
    Item {
        id: uuid::Uuid::nil(),
        item_type: draft.item_type.as_str().to_owned(),
        title: draft.title.as_str().to_owned(),
        status: draft.status,
        fields: draft.fields.clone(),
        revision: 0,
        author: items.setting.request.caller.as_user().map(|user| user.id),
        created_at: now,
        updated_at: now,
    }
}
