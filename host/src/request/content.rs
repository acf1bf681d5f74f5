//! The rules of content items: who may see and change which item. They are the same for plugins and for the host's own API.
//!
//! Each statement that reads items filters by what the caller may see. A change needs a permission, `item:create:TYPE`,
//! `item:edit:TYPE` or `item:delete:TYPE`; authors may edit and delete what they inserted. An access tap's `grant` replaces the
//! permission (see [`crate::calls::tap`]).

use crate::request::Request;
use crate::request::random::Random;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Criteria, Draft, Item, ItemId, ItemScope, Patch};
use palisade_guard::limits::{ITEM_ID_RANDOM_BYTES, US_PER_MS};
use palisade_guard::refusal::Refusal;
use palisade_guard::user::Permission;
use palisade_store::{At, ItemStore, UserStore, Viewer};
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

impl Content<'_> {
    /// The item, if the caller may see it.
    pub(crate) async fn get(&mut self, id: ItemId) -> Result<Option<Item>, Refusal> {
        Ok(self.get_many(&[id]).await?.pop())
    }

    /// The items that the caller may see, in the order of the ids.
    pub(crate) async fn get_many(&mut self, ids: &[ItemId]) -> Result<Vec<Item>, Refusal> {
        let permissions = self.request.permissions(self.users).await?;
        let viewer = viewer(self.request, permissions, self.scope);
        let found = self.items.get(&mut self.at, ids, &viewer).await?;
        let by_id: HashMap<Uuid, Item> = found.into_iter().map(|item| (item.id, item)).collect();
        Ok(ids.iter().filter_map(|id| by_id.get(&id.uuid()).cloned()).collect())
    }

    /// One page of the items that the caller may see.
    pub(crate) async fn find(&mut self, criteria: &Criteria) -> Result<Vec<Item>, Refusal> {
        let permissions = self.request.permissions(self.users).await?;
        let viewer = viewer(self.request, permissions, self.scope);
        self.items.find(&mut self.at, criteria, &viewer).await
    }

    /// Inserts an item.
    pub(crate) async fn insert(&mut self, draft: &Draft) -> Result<Item, Refusal> {
        self.permit(WriteKind::Create, draft.item_type.as_str(), None).await?;
        self.insert_permitted(draft).await
    }

    /// Changes an item.
    pub(crate) async fn patch(&mut self, id: ItemId, patch: &Patch) -> Result<Item, Refusal> {
        let old = self.get(id).await?.ok_or(Refusal::NotFound)?;
        self.permit(WriteKind::Edit, &old.item_type, old.author).await?;
        let new = old.patched(patch, self.at.ledger.limits())?;
        self.items.update(&mut self.at, &old, &new).await
    }

    /// Deletes an item.
    pub(crate) async fn delete(&mut self, id: ItemId, revision: Option<u32>) -> Result<(), Refusal> {
        let old = self.get(id).await?.ok_or(Refusal::NotFound)?;
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
            return Err(Refusal::Denied);
        }
        let caller = &self.request.caller;
        if kind != WriteKind::Create && author.is_some() && author == caller.as_user().map(|user| user.id) {
            return Ok(());
        }
        let permission = Permission::parse(&format!("item:{}:{item_type}", kind.word()))?;
        if self.request.holds(&permission, self.users).await? { Ok(()) } else { Err(Refusal::Denied) }
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

fn viewer<'a>(
    request: &'a Request,
    permissions: &'a std::collections::BTreeSet<String>,
    scope: ItemScope<'a>,
) -> Viewer<'a> {
    Viewer {
        user: request.caller.as_user().map(|user| user.id),
        permissions,
        is_host: matches!(request.caller, palisade_guard::caller::Caller::Host),
        scope,
    }
}
