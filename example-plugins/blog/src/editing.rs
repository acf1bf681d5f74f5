//! Writes posts.
//!
//! This code does not check who owns a draft. The manifest names the owner column, and the database enforces it.

use palisade_sdk::db::{self, Filter, Row, Timestamptz, Uuid, col};
use palisade_sdk::item::{self, Status};
use palisade_sdk::{clock, params, user};

use crate::exports::acme::blog::editing::{Draft, Guest};
use crate::fields::Fields;
use crate::{Blog, POST};

/// Drafts that one call returns.
const DRAFTS_MAX: u32 = 100;

impl Guest for Blog {
    fn drafts() -> Result<Vec<Draft>, String> {
        let rows = db::select("drafts")
            .columns(["id", "title", "body", "updated_at"])
            .order_by_descending("id")
            .limit(DRAFTS_MAX)
            .fetch()?;
        Ok(rows.iter().map(draft).collect::<Result<_, _>>()?)
    }

    fn create(title: String, body: String) -> Result<i64, String> {
        let created = db::insert("drafts")
            .columns(["title", "body", "author", "updated_at"])
            .row(params![title, body, Uuid(author()?), Timestamptz(clock::now())])
            .returning(["id"])
            .one()?;
        Ok(created.get("id")?)
    }

    fn save(draft: i64, title: String, body: String) -> Result<(), String> {
        let saved = db::update("drafts")
            .set("title", title)
            .set("body", body)
            .set("updated_at", Timestamptz(clock::now()))
            .filter(numbered(draft))
            .run()?;
        found(draft, saved.count)
    }

    fn publish(draft: i64) -> Result<String, String> {
        let row = db::select("drafts").columns(["title", "body"]).filter(numbered(draft)).first()?;
        let row = row.ok_or_else(|| absent(draft))?;
        let title: String = row.get("title")?;
        // Taps do not run for changes that a plugin makes itself, so the fields that they derive are derived here.
        let mut fields = Fields::of_body(row.get("body")?);
        fields.derive(&title)?;
        let post = item::Draft::new(POST, title).status(Status::Published).fields(fields.into_json());
        let post = item::insert(&post)?;
        Self::discard(draft)?;
        palisade_sdk::info!(item = post.id, draft = draft, "published");
        Ok(post.id)
    }

    fn discard(draft: i64) -> Result<(), String> {
        let discarded = db::delete("drafts").filter(numbered(draft)).run()?;
        found(draft, discarded.count)
    }
}

/// Returns the id of the caller, who becomes the author of a draft.
fn author() -> Result<String, String> {
    user::current().map(|user| user.id).ok_or_else(|| "Sign in to write.".to_owned())
}

fn numbered(draft: i64) -> Filter {
    col("id").equals(draft)
}

fn found(draft: i64, count: u64) -> Result<(), String> {
    if count == 0 { Err(absent(draft)) } else { Ok(()) }
}

fn absent(draft: i64) -> String {
    format!("You have no draft {draft}.")
}

fn draft(row: &Row) -> Result<Draft, db::Error> {
    Ok(Draft {
        id: row.get("id")?,
        title: row.get("title")?,
        body: row.get("body")?,
        updated_at: row.get::<Timestamptz>("updated_at")?.0,
    })
}
