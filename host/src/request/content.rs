//! The rules of content items: who may see and change which item. They are the same for plugins and for the host's own API.
//!
//! Each statement that reads items filters by what the caller may see. Where taps have a say as well, [`Sight`] asks them, and
//! nothing tells of an item that they hide: not the ledger, not where a page ends, not a filter. A change needs a permission, `item:create:TYPE`,
//! `item:edit:TYPE` or `item:delete:TYPE`; authors may edit and delete what they inserted. An access tap's `grant` replaces the
//! permission (see [`crate::calls::tap`]).

use crate::request::Request;
use crate::request::random::Random;
use palisade_guard::caller::Caller;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{self, Criteria, Draft, Filter, Item, ItemId, ItemScope, Patch, Place};
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{
    ITEM_EXAMINED_MAX, ITEM_ID_RANDOM_BYTES, ITEM_PAGE_BYTES_MAX, Limit, US_PER_MS,
};
use palisade_guard::memory::OutOfMemory;
use palisade_guard::refusal::Refusal;
use palisade_guard::user::Permission;
use palisade_store::{At, End, Found, ItemStore, Search, UserStore, Viewer};
use std::collections::HashMap;
use uuid::Uuid;

/// Items as one caller may see and change them, within one transaction.
pub(crate) struct Content<'a> {
    pub(crate) at: At<'a>,
    pub(crate) items: &'a dyn ItemStore,
    pub(crate) users: &'a dyn UserStore,
    pub(crate) request: &'a Request,
    pub(crate) scope: ItemScope<'a>,
    pub(crate) random: &'a mut Random,
}

/// The kinds of a change, each with its own permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteKind {
    Create,
    Edit,
    Delete,
}

impl WriteKind {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Delete => "delete",
        }
    }
}

/// What taps make of the items that the host's own rule shows to a caller.
pub(crate) trait Sight: Sync {
    /// Why it cannot be told what the caller sees.
    type Error: From<Refusal> + Send;

    /// Whether any tap has a say. If not, `see` returns each item unchanged.
    fn has_say(&self) -> bool;

    /// The item as the caller sees it; `None` if a tap hides it.
    fn see(&self, item: Item) -> impl Future<Output = Result<Option<Item>, Self::Error>> + Send;
}

/// A part of a list of items.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) items: Vec<Item>,
    /// The item behind which the rest of the list begins; `None` at its end. The caller may not see this item.
    pub(crate) rest: Option<ItemId>,
}

impl Content<'_> {
    /// The item, if the caller may see it.
    pub(crate) async fn get<S: Sight>(&mut self, id: ItemId, sight: &S) -> Result<Option<Item>, S::Error> {
        Ok(self.get_many(&[id], sight).await?.pop())
    }

    /// The items that the caller may see, in the order of the ids, none of which is given twice.
    pub(crate) async fn get_many<S: Sight>(
        &mut self,
        ids: &[ItemId],
        sight: &S,
    ) -> Result<Vec<Item>, S::Error> {
        let permissions = self.request.permissions(self.users).await?;
        let viewer = viewer(self.request, permissions, self.scope);
        if !sight.has_say() {
            let found = self.items.get(&mut self.at, ids, &viewer).await?;
            return Ok(in_order(ids, found));
        }
        self.spend(Limit::DbStatements, 1)?;
        let mut unseen = self.at.ledger.beside();
        let found = self.items.get(&mut self.at.charging(&mut unseen), ids, &viewer).await;
        let found = found.map_err(|refusal| starved(&unseen, refusal))?;
        self.at.pause();
        let mut items = Vec::with_capacity(found.len());
        for item in in_order(ids, found) {
            if let Some(item) = sight.see(item).await? {
                self.charge(&item)?;
                items.push(item);
            }
        }
        Ok(items)
    }

    /// Checks that the caller may see the item behind which they ask a list to go on. Otherwise they could choose any place, and learn
    /// from where a part of the list ends which hidden items are between two places.
    pub(crate) async fn check_place<S: Sight>(&mut self, after: ItemId, sight: &S) -> Result<(), S::Error> {
        if self.is_open(sight) || self.get(after, sight).await?.is_some() {
            return Ok(());
        }
        Err(Place::unknown().into())
    }

    /// The next items that match the criteria and that the caller may see: at most `limit`, and as many bytes as one page has. There
    /// may be none although the list goes on, if taps have hidden [`ITEM_EXAMINED_MAX`] items in a row, or if a search for fields
    /// has examined as many, or [so many bytes](palisade_guard::limits::ITEM_SEARCHED_BYTES_MAX).
    ///
    /// Where taps have a say, a filter is applied to fields only in rows that were chosen without it, and then to what `see`
    /// returns. So what a caller gets depends only on items that they see, and on the number and size of the others, but not on
    /// what these contain. (How long it takes is not hidden.) A caller who is the host sees everything, so that its filters may
    /// leave out what cannot match.
    pub(crate) async fn find<S: Sight>(
        &mut self,
        criteria: &Criteria,
        after: Option<ItemId>,
        sight: &S,
    ) -> Result<Part, S::Error> {
        let permissions = self.request.permissions(self.users).await?;
        let viewer = viewer(self.request, permissions, self.scope);
        let (limit, is_open) = (criteria.limit.get() as usize, self.is_open(sight));
        let searched = criteria.fields.is_some().then_some(ITEM_EXAMINED_MAX);
        if !sight.has_say() {
            let search = Search { criteria, after, limit, rows: searched, is_blind: false };
            let found = self.items.find(&mut self.at, &search, &viewer).await;
            let Found { items, end } = found.map_err(|refusal| starved(self.at.ledger, refusal))?;
            let rest = match end {
                End::Cut { after, .. } | End::Window { after } => Some(after),
                End::Last => None,
            };
            return Ok(Part { items: items.into_iter().map(|(item, _)| item).collect(), rest });
        }
        let (mut part, mut bytes, mut rows) =
            (Part { rest: after, ..Part::default() }, 0_u64, ITEM_EXAMINED_MAX);
        loop {
            self.spend(Limit::DbStatements, 1)?;
            let left = limit.saturating_sub(part.items.len());
            let window = if is_open { searched } else { Some(rows) };
            let search = Search { criteria, after: part.rest, limit: left, rows: window, is_blind: !is_open };
            let mut unseen = self.at.ledger.beside();
            let found = self.items.find(&mut self.at.charging(&mut unseen), &search, &viewer).await;
            let found = found.map_err(|refusal| starved(&unseen, refusal))?;
            // Others have the connection while taps look at the items.
            self.at.pause();
            for (item, _) in found.items {
                let (id, before) = (ItemId::from(item.id), part.items.last().map(|item| item.id.into()));
                let Some(item) = sight.see(item).await? else { continue };
                if !criteria.fields.as_ref().is_none_or(|filter| is_open || shows(&item, filter)) {
                    continue;
                }
                bytes = bytes.saturating_add(item.bytes());
                if bytes > ITEM_PAGE_BYTES_MAX && before.is_some() {
                    return Ok(Part { rest: before, ..part });
                }
                self.charge(&item)?;
                part.items.push(item);
                if part.items.len() >= limit {
                    return Ok(Part { rest: Some(id), ..part });
                }
            }
            match found.end {
                End::Last => return Ok(Part { rest: None, ..part }),
                End::Window { after } => return Ok(Part { rest: Some(after), ..part }),
                End::Cut { after, place } => (part.rest, rows) = (Some(after), rows.saturating_sub(place)),
            }
            if rows == 0 && !is_open {
                return Ok(part);
            }
        }
    }

    /// Whether nothing is to be kept from the caller: no tap has a say, or the caller is the host.
    fn is_open<S: Sight>(&self, sight: &S) -> bool {
        !sight.has_say() || matches!(self.request.caller, Caller::Host)
    }

    /// Spends what a guest reads. What it does not see is not spent.
    fn charge(&mut self, item: &Item) -> Result<(), Refusal> {
        self.spend(Limit::DbRows, 1)?;
        self.spend(Limit::DbBytes, item.bytes())
    }

    fn spend(&mut self, limit: Limit, amount: u64) -> Result<(), Refusal> {
        let spent = self.at.ledger.spend(limit, amount);
        spent.map_err(|exceeded| starved(self.at.ledger, exceeded.into()))
    }

    /// Inserts an item.
    pub(crate) async fn insert(&mut self, draft: &Draft) -> Result<Item, Refusal> {
        self.permit(WriteKind::Create, draft.item_type.as_str(), None).await?;
        self.insert_permitted(draft).await
    }

    /// Changes an item.
    pub(crate) async fn patch(
        &mut self,
        id: ItemId,
        patch: &Patch,
        sight: &impl Sight<Error = Refusal>,
    ) -> Result<Item, Refusal> {
        // The answer has all fields, so a change needs that the caller sees them.
        let old = self.get(id, sight).await?.ok_or(Refusal::NotFound)?;
        self.permit(WriteKind::Edit, &old.item_type, old.author).await?;
        let new = old.patched(patch, self.at.ledger.limits())?;
        self.items.update(&mut self.at, &old, &new).await
    }

    /// Deletes an item.
    pub(crate) async fn delete(
        &mut self,
        id: ItemId,
        revision: Option<u32>,
        sight: &impl Sight<Error = Refusal>,
    ) -> Result<(), Refusal> {
        let old = self.get(id, sight).await?.ok_or(Refusal::NotFound)?;
        self.permit(WriteKind::Delete, &old.item_type, old.author).await?;
        if revision.is_some_and(|revision| revision != old.revision) {
            return Err(Refusal::Conflict(old.revision));
        }
        self.items.delete(&mut self.at, &old).await
    }

    /// Inserts an item whose permission is already checked.
    pub(crate) async fn insert_permitted(&mut self, draft: &Draft) -> Result<Item, Refusal> {
        let author = self.request.caller.as_user().map(|user| user.id);
        let id = self.item_id();
        self.items.insert(&mut self.at, id, draft, author).await
    }

    /// Checks that the plugin's grant and the caller's permissions cover a change.
    pub(crate) async fn permit(
        &self,
        kind: WriteKind,
        item_type: &str,
        author: Option<Uuid>,
    ) -> Result<(), Refusal> {
        if !self.scope.allows(item_type, ItemPower::Write) {
            return Err(item::ungranted(item_type, ItemPower::Write));
        }
        let caller = &self.request.caller;
        if kind != WriteKind::Create && author.is_some() && author == caller.as_user().map(|user| user.id) {
            return Ok(());
        }
        let permission = Permission::parse(&format!("item:{}:{item_type}", kind.word()))?;
        if self.request.holds(&permission, self.users).await? {
            return Ok(());
        }
        Err(Refusal::Ungranted(format!("the caller does not hold the permission `{}`", permission.as_str())))
    }

    /// Makes a version 7 id from the invocation's own time and randomness, so that a mutation that runs again makes the same
    /// ids. The ids of one request sort by creation.
    fn item_id(&mut self) -> Uuid {
        let sequence = self.request.next_item().to_be_bytes();
        let mut tail: [u8; ITEM_ID_RANDOM_BYTES] = self.random.array();
        if let Some(head) = tail.first_chunk_mut::<2>() {
            *head = sequence;
        }
        let millis = u64::try_from(self.at.now.div_euclid(US_PER_MS)).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }
}

/// The items in the order of their ids.
fn in_order(ids: &[ItemId], items: Vec<Item>) -> Vec<Item> {
    let mut by_id: HashMap<Uuid, Item> = items.into_iter().map(|item| (item.id, item)).collect();
    ids.iter().filter_map(|id| by_id.remove(&id.uuid())).collect()
}

fn shows(item: &Item, filter: &Filter) -> bool {
    filter.matches(item.fields.as_str())
}

/// The refusal of a ledger: that the host has too few bytes, if that is why.
pub(crate) fn starved(ledger: &Ledger, refusal: Refusal) -> Refusal {
    if ledger.is_starved() { OutOfMemory.into() } else { refusal }
}

fn viewer<'a>(
    request: &'a Request,
    permissions: &'a std::collections::BTreeSet<String>,
    scope: ItemScope<'a>,
) -> Viewer<'a> {
    Viewer {
        user: request.caller.as_user().map(|user| user.id),
        permissions,
        is_host: matches!(request.caller, Caller::Host),
        scope,
    }
}
