//! Content items: typed documents with ids, revisions and JSON fields.
//!
//! ```
//! # fn f() -> Result<(), palisade_sdk::Error> {
//! use palisade_sdk::item::{self, Criteria, Draft, Alteration, Status};
//!
//! let post = item::insert(&Draft::new("post", "Hello").fields(r#"{"body": "…"}"#))?;
//! item::patch(&post.id, &Alteration::default().status(Status::Published).revision(post.revision))?;
//! let posts = item::find(&Criteria::new("post").status(Status::Published).limit(20))?;
//! # Ok(()) }
//! ```

pub use crate::raw::item::{Criteria, Draft, Error, Item, Order, Status};
pub use crate::raw::item_write::Alteration;

use crate::raw::{item as raw, item_write as raw_write};

/// Items per page unless the author sets a limit: few enough to show at once, enough to be worth the call.
const PAGE_ITEMS: u32 = 20;

/// Returns the item whose id is `id`, or `none` when the current principal can see no such item of a granted type.
pub fn get(id: &str) -> Result<Option<Item>, Error> {
    raw::get(id)
}

/// Returns the items with these ids, in the order of the ids, each once, without the items that `get` would not return.
/// At most 100 ids.
pub fn get_many(ids: &[String]) -> Result<Vec<Item>, Error> {
    raw::get_many(ids)
}

/// Returns one page of items that match all criteria. A page can have fewer than `limit` items, because it also ends by
/// bytes; an empty page is the end.
pub fn find(criteria: &Criteria) -> Result<Vec<Item>, Error> {
    raw::find(criteria)
}

/// Inserts an item and returns its revision 1. The author is the current principal.
pub fn insert(draft: &Draft) -> Result<Item, Error> {
    raw_write::insert(draft)
}

/// Changes the item whose id is `id` and returns its new revision. The host keeps the old revision.
pub fn patch(id: &str, alteration: &Alteration) -> Result<Item, Error> {
    raw_write::patch(id, alteration)
}

/// Deletes the item whose id is `id`. The host keeps the last revision. When `revision` is given and the item has
/// another revision, the call deletes nothing and returns `conflict`.
pub fn delete(id: &str, revision: Option<u32>) -> Result<(), Error> {
    raw_write::delete(id, revision)
}

impl Criteria {
    /// Finds the newest 20 items of this type that the current principal may see.
    pub fn new(item_type: impl Into<String>) -> Self {
        let item_type = item_type.into();
        Self { item_type, status: None, fields: None, order: Order::Newest, limit: PAGE_ITEMS, after: None }
    }

    /// Finds only items with this status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Finds only items whose fields contain this JSON object.
    pub fn fields(mut self, json: impl Into<String>) -> Self {
        self.fields = Some(json.into());
        self
    }

    /// Sets the order of the items.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Sets the largest number of items to return: 1 to 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Finds only items after the one with this id, which is the last item of the previous page.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }
}

impl Draft {
    /// Builds an item with the status `Draft` and without fields.
    pub fn new(item_type: impl Into<String>, title: impl Into<String>) -> Self {
        let (item_type, title) = (item_type.into(), title.into());
        Self { item_type, title, status: Status::Draft, fields: "{}".to_owned() }
    }

    /// Sets the status, which decides who can see the item.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Sets the fields, a JSON object.
    pub fn fields(mut self, json: impl Into<String>) -> Self {
        self.fields = json.into();
        self
    }
}

impl Default for Alteration {
    /// Changes nothing.
    fn default() -> Self {
        Self { title: None, status: None, fields: None, revision: None }
    }
}

impl Alteration {
    /// Sets the new title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the new status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets a JSON merge patch (RFC 7396) for the fields.
    pub fn fields(mut self, json: impl Into<String>) -> Self {
        self.fields = Some(json.into());
        self
    }

    /// Sets the revision that the change is for. When the item has another revision, the call is `conflict`.
    pub fn revision(mut self, revision: u32) -> Self {
        self.revision = Some(revision);
        self
    }
}
