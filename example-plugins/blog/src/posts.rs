//! Reads posts.

use palisade_sdk::item::{self, Criteria, Item, Status};
use palisade_sdk::variables;

use crate::exports::acme::blog::posts::{Guest, Post, Site, Summary};
use crate::fields::Fields;
use crate::{Blog, POST, markdown};

impl Guest for Blog {
    fn about() -> Result<Site, String> {
        Ok(Site { name: variables::get("site-name")?, page_size: page_size()? })
    }

    fn list(limit: Option<u32>, after: Option<String>) -> Result<Vec<Summary>, String> {
        let limit = limit.map_or_else(page_size, Ok)?;
        let mut criteria = Criteria::new(POST).status(Status::Published).limit(limit);
        criteria.after = after;
        item::find(&criteria)?.iter().map(summary).collect()
    }

    fn get(id: String) -> Result<Option<Post>, String> {
        let item = item::get(&id)?.filter(|item| item.item_type == POST);
        item.as_ref().map(post).transpose()
    }
}

fn page_size() -> Result<u32, String> {
    let page_size: i64 = variables::get("page-size")?;
    u32::try_from(page_size)
        .map_err(|_| format!("the variable `page-size` is {page_size}: set it to a number from 1 to 100"))
}

fn post(item: &Item) -> Result<Post, String> {
    let body = Fields::parse(&item.fields)?.body()?;
    let html = markdown::render_cached(&item.id, item.revision, &body);
    Ok(Post { summary: summary(item)?, html, revision: item.revision })
}

fn summary(item: &Item) -> Result<Summary, String> {
    let fields = Fields::parse(&item.fields)?;
    let (id, title, created_at) = (item.id.clone(), item.title.clone(), item.created_at);
    Ok(Summary { id, slug: fields.text("slug"), summary: fields.text("summary"), title, created_at })
}
