//! `wit/item.wit`: content items. Guard: [`palisade_guard::item`]; rules: [`crate::request::content`]; store: [`palisade_store::ItemStore`].

use crate::api::bindings::palisade::plugin::item as wit;
use crate::api::bindings::palisade::plugin::item_write::{Alteration, Host as HostWrite};
use crate::api::{refused, size};
use crate::request::content::Content;
use crate::request::taps::PluginSight;
use crate::state::State;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{
    Criteria, Draft, Fields, Filter, Item, ItemId, ItemScope, ItemType, Order, PageSize, Patch, Status, Title,
};
use palisade_guard::limits::Limits;
use palisade_guard::refusal::Refusal;
use palisade_store::at;
use uuid::Uuid;

/// The item types that the plugin is granted, and the items of these types that the caller may see.
struct View<'a> {
    scope: ItemScope<'a>,
    content: Content<'a>,
    sight: PluginSight<'a>,
}

interface! { link: item, link_write: item_write }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { plugin, backends, request, access, session, ledger, clock, random, .. } = state;
        let scope = ItemScope::Granted(&plugin.grants.item);
        let at = at(session, ledger, Some(&plugin.name), clock.now());
        let (items, users) = (&*backends.items, &*backends.users);
        let sight = PluginSight(access.as_deref());
        Self { scope, content: Content { at, items, users, request, scope, random }, sight }
    }
}

impl wit::Host for View<'_> {
    async fn get(&mut self, id: String) -> Result<Option<wit::Item>, Refusal> {
        self.content.at.ledger.handled(id.len());
        let id = ItemId::parse(&id)?;
        let item = self.content.get(id, &self.sight).await?;
        Ok(item.map(|item| self.passed(item)))
    }

    async fn get_many(&mut self, ids: Vec<String>) -> Result<Vec<wit::Item>, Refusal> {
        self.content.at.ledger.handled(size("", &ids));
        let ids = ItemId::parse_many(&ids)?;
        let items = self.content.get_many(&ids, &self.sight).await?;
        Ok(items.into_iter().map(|item| self.passed(item)).collect())
    }

    async fn find(&mut self, criteria: wit::Criteria) -> Result<Vec<wit::Item>, Refusal> {
        let texts = [&criteria.fields, &criteria.after].into_iter().flatten();
        self.content.at.ledger.handled(size(&criteria.item_type, texts));
        let mut after = criteria.after.as_deref().map(ItemId::parse).transpose()?;
        let criteria = Criteria {
            item_type: ItemType::parse(&criteria.item_type, self.scope, ItemPower::Read)?,
            status: criteria.status.map(Status::from),
            fields: criteria.fields.as_deref().map(Filter::parse).transpose()?,
            order: criteria.order.into(),
            limit: PageSize::parse(criteria.limit)?,
            after: None,
        };
        if let Some(after) = after {
            self.content.check_place(after, &self.sight).await?;
        }
        loop {
            let part = self.content.find(&criteria, after, &self.sight).await?;
            // An empty page is the end, so the search goes on where taps hid all that it examined. The guest pays for it.
            after = part.rest;
            if after.is_none() || !part.items.is_empty() {
                return Ok(part.items.into_iter().map(|item| self.passed(item)).collect());
            }
        }
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal.noted(&mut self.content.at.ledger.notes) {
            Refusal::Denied => wit::Error::AccessDenied,
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => {
                wit::Error::LimitExceeded(refused(self.content.at.ledger, exceeded))
            }
            Refusal::NotFound => wit::Error::NotFound,
            Refusal::Conflict(revision) => wit::Error::Conflict(revision),
            Refusal::Serialization => wit::Error::Serialization,
            Refusal::Timeout => wit::Error::Timeout,
            other => wit::Error::Other(other.into_other(&mut self.content.at.ledger.notes)),
        })
    }
}

impl HostWrite for View<'_> {
    async fn insert(&mut self, draft: wit::Draft) -> Result<wit::Item, Refusal> {
        self.content.at.ledger.handled(size(&draft.fields, [&draft.title, &draft.item_type]));
        let draft = parse_draft(&draft, self.scope, self.content.at.ledger.limits())?;
        let item = self.content.insert(&draft).await?;
        Ok(self.passed(item))
    }

    async fn patch(&mut self, id: String, alteration: Alteration) -> Result<wit::Item, Refusal> {
        let texts = [&alteration.title, &alteration.fields].into_iter().flatten();
        self.content.at.ledger.handled(size(&id, texts));
        let id = ItemId::parse(&id)?;
        let limits = self.content.at.ledger.limits();
        let patch = Patch {
            title: alteration.title.as_deref().map(Title::parse).transpose()?,
            status: alteration.status.map(Status::from),
            fields: alteration.fields.as_deref().map(|fields| Fields::parse(fields, limits)).transpose()?,
            revision: alteration.revision,
        };
        let item = self.content.patch(id, &patch, &self.sight).await?;
        Ok(self.passed(item))
    }

    async fn delete(&mut self, id: String, revision: Option<u32>) -> Result<(), Refusal> {
        self.content.at.ledger.handled(id.len());
        let id = ItemId::parse(&id)?;
        self.content.delete(id, revision, &self.sight).await
    }
}

impl View<'_> {
    /// An item as the guest gets it.
    fn passed(&mut self, item: Item) -> wit::Item {
        let item = wit::Item::from(item);
        self.content.at.ledger.handled(size(&item.fields, [&item.title]));
        item
    }
}

/// Checks a draft that a guest made, in a call or in a presave tap.
pub(crate) fn parse_draft(
    draft: &wit::Draft,
    scope: ItemScope<'_>,
    limits: &Limits,
) -> Result<Draft, Refusal> {
    Ok(Draft {
        item_type: ItemType::parse(&draft.item_type, scope, ItemPower::Write)?,
        title: Title::parse(&draft.title)?,
        status: draft.status.into(),
        fields: Fields::parse(&draft.fields, limits)?,
    })
}

impl From<Item> for wit::Item {
    fn from(item: Item) -> Self {
        Self {
            id: item.id.to_string(),
            item_type: item.item_type,
            title: item.title,
            status: item.status.into(),
            fields: item.fields.into_string(),
            revision: item.revision,
            author: item.author.as_ref().map(Uuid::to_string),
            created_at: item.created_at,
            updated_at: item.updated_at,
        }
    }
}

impl From<Draft> for wit::Draft {
    fn from(draft: Draft) -> Self {
        Self {
            item_type: draft.item_type.as_str().to_owned(),
            title: draft.title.as_str().to_owned(),
            status: draft.status.into(),
            fields: draft.fields.into_string(),
        }
    }
}

impl From<Status> for wit::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::Draft => Self::Draft,
            Status::Published => Self::Published,
        }
    }
}

impl From<wit::Status> for Status {
    fn from(status: wit::Status) -> Self {
        match status {
            wit::Status::Draft => Self::Draft,
            wit::Status::Published => Self::Published,
        }
    }
}

impl From<wit::Order> for Order {
    fn from(order: wit::Order) -> Self {
        match order {
            wit::Order::Newest => Self::Newest,
            wit::Order::Oldest => Self::Oldest,
        }
    }
}
