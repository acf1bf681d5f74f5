//! Imports a folder of Markdown as items. An item is found by its source, and written only if its file has changed.

mod files;
mod markdown;

use anyhow::Result;
use files::File;
use palisade::CallError;
use palisade::Host;
use palisade_guard::caller::Caller;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::Item;
use palisade_guard::item::{
    Criteria, Draft, Fields, Filter, ItemScope, ItemType, Order, PageSize, Patch, Status, Title,
};
use palisade_guard::refusal::Refusal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;

/// The default type of imported items.
pub(super) const TYPE: &str = "post";
/// The field by which an item is found again.
const SOURCE: &str = "source";
/// The field with the digest of what was imported last. Taps may change all other fields, so comparing those could not
/// tell whether a file has changed.
const DIGEST: &str = "digest";

/// What an import did.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) imported: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    /// Files that are not imported, and why.
    pub(super) refused: Vec<(String, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imported {}, updated {}, unchanged {}", self.imported, self.updated, self.unchanged)?;
        if self.refused.is_empty() { Ok(()) } else { write!(f, ", refused {}", self.refused.len()) }
    }
}

/// Imports every Markdown file of a folder, as the host itself. A file that is refused does not stop the others; an
/// unreachable database does.
pub(super) async fn import(host: &Host, folder: &Path, item_type: &str) -> Result<Report> {
    let item_type = ItemType::parse(item_type, ItemScope::All, ItemPower::Write)
        .map_err(|refusal| crate::output::usage(refusal.to_string()))?;
    // Two servers that start with the same folder import each file once.
    let _alone = host.alone("import").await?;
    let mut report = Report::default();
    for file in files::markdown(folder)? {
        let done = match file.text() {
            Ok(text) => write(host, &item_type, &file, &text).await,
            Err(sentence) => Err(CallError::BadArguments(sentence)),
        };
        match done {
            Ok(Written::Inserted) => report.imported += 1,
            Ok(Written::Updated) => report.updated += 1,
            Ok(Written::Unchanged) => report.unchanged += 1,
            Err(
                error @ (CallError::Unavailable { .. } | CallError::TimedOut | CallError::Internal { .. }),
            ) => {
                return Err(error.into());
            }
            Err(error) => report.refused.push((file.source, error.to_string())),
        }
    }
    Ok(report)
}

enum Written {
    Inserted,
    Updated,
    Unchanged,
}

async fn write(host: &Host, item_type: &ItemType, file: &File, text: &str) -> Result<Written, CallError> {
    let draft = draft(item_type, file, text)?;
    let Some(old) = find(host, item_type, &file.source).await? else {
        host.items(Caller::Host).create(draft).await?;
        return Ok(Written::Inserted);
    };
    if old.fields.get(DIGEST) == draft.fields.get(DIGEST) {
        return Ok(Written::Unchanged);
    }
    let patch = Patch {
        title: Some(draft.title),
        status: None,
        fields: Some(draft.fields),
        revision: Some(old.revision),
    };
    host.items(Caller::Host).patch(&old.id.to_string(), patch).await?;
    Ok(Written::Updated)
}

async fn find(host: &Host, item_type: &ItemType, source: &str) -> Result<Option<Item>, CallError> {
    let mut criteria = Criteria {
        item_type: item_type.clone(),
        status: None,
        fields: Some(Filter::parse(&json!({ SOURCE: source }).to_string())?),
        order: Order::Oldest,
        limit: PageSize::parse(1)?,
        after: None,
    };
    loop {
        let mut page = host.items(Caller::Host).find(&criteria).await?;
        // A page can be empty although it is not the last one.
        match (page.items.pop(), page.next) {
            (None, Some(next)) => criteria.after = Some(next),
            (item, _) => return Ok(item),
        }
    }
}

fn draft(item_type: &ItemType, file: &File, text: &str) -> Result<Draft, Refusal> {
    let title = markdown::title(text).unwrap_or_else(|| file.stem.clone());
    let digest = Sha256::new().chain_update(&title).chain_update([0]).chain_update(text).finalize();
    let fields: Value =
        json!({ "body": text, "slug": file.stem, SOURCE: file.source, DIGEST: hex::encode(digest) });
    Ok(Draft {
        item_type: item_type.clone(),
        title: Title::parse(&title)?,
        status: Status::Published,
        fields: Fields::from_value(fields)?,
    })
}
