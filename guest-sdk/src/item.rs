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

/// Items in a page when the author does not say: small enough to show, large enough to be worth the call.
const PAGE_ITEMS: u32 = 20;

/// Returns the item whose id is `id`, or `none` when the current principal can see no such item of a granted type.
pub fn get(id: &str) -> Result<Option<Item>, Error> {
    raw::get(id)
}

/// Returns the items with these ids, at most 100, in the order asked for; those that `get` would not return are left
/// out.
pub fn get_many(ids: &[String]) -> Result<Vec<Item>, Error> {
    raw::get_many(ids)
}

/// Returns one page of items that meet all criteria. A page shorter than `limit` is the last one.
pub fn find(criteria: &Criteria) -> Result<Vec<Item>, Error> {
    raw::find(criteria)
}

/// Inserts an item and returns it as revision 1. Its author is the current principal.
pub fn insert(draft: &Draft) -> Result<Item, Error> {
    raw_write::insert(draft)
}

/// Changes the item whose id is `id` and returns it with its new revision; the old revision is kept by the host.
pub fn patch(id: &str, alteration: &Alteration) -> Result<Item, Error> {
    raw_write::patch(id, alteration)
}

/// Deletes the item whose id is `id`, with the host keeping its last revision. When `revision` is given and the item
/// has another one, nothing is deleted and the error is `conflict`.
pub fn delete(id: &str, revision: Option<u32>) -> Result<(), Error> {
    raw_write::delete(id, revision)
}

impl Criteria {
    /// Items of this type that the current principal may see: the newest 20.
    pub fn new(item_type: impl Into<String>) -> Self {
        let item_type = item_type.into();
        Self { item_type, status: None, fields: None, order: Order::Newest, limit: PAGE_ITEMS, after: None }
    }

    /// Only items of this status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only items whose fields contain this JSON object.
    pub fn fields(mut self, json: impl Into<String>) -> Self {
        self.fields = Some(json.into());
        self
    }

    /// In which order.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// At most this many: 1 to 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Only items after the one with this id, the last of the previous page.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }
}

impl Draft {
    /// A draft without fields that is not shown yet.
    pub fn new(item_type: impl Into<String>, title: impl Into<String>) -> Self {
        let (item_type, title) = (item_type.into(), title.into());
        Self { item_type, title, status: Status::Draft, fields: "{}".to_owned() }
    }

    /// Whether to show it.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The fields, a JSON object.
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
    /// The new title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The new status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// A JSON merge patch (RFC 7396) to the fields.
    pub fn fields(mut self, json: impl Into<String>) -> Self {
        self.fields = Some(json.into());
        self
    }

    /// The revision that the change is made for.
    pub fn revision(mut self, revision: u32) -> Self {
        self.revision = Some(revision);
        self
    }
}
