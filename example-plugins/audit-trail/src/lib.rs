//! Records every change to an item in the transaction of the change: the change and its entry are stored together or
//! not at all. `migrations/` creates the table; the manifest grants neither update nor delete on it.

palisade_sdk::plugin! { path: "wit" }

use exports::acme::audit_trail::trail::{self, Action, Entry};
use exports::palisade::plugin::tap_item_changed::{self, Change};
use palisade_sdk::db::{self, Row, Timestamptz, Uuid, col};
use palisade_sdk::item::Item;
use palisade_sdk::taps::Refusal;
use palisade_sdk::{clock, params, request_context, user};

/// Entries that one call returns.
const ENTRIES_MAX: u32 = 100;

struct AuditTrail;

impl tap_item_changed::Guest for AuditTrail {
    fn changed(change: Change) -> Result<(), Refusal> {
        let (item, action) = match change {
            Change::Created(item) => (item, "created"),
            Change::Updated(update) => (update.after, "updated"),
            Change::Deleted(item) => (item, "deleted"),
        };
        // When the entry cannot be written, the error rejects the change.
        Ok(write(item, action)?)
    }
}

fn write(item: Item, action: &str) -> Result<(), db::Error> {
    db::insert("entries")
        .columns(["item", "item_type", "action", "revision", "actor", "at", "request"])
        .row(params![
            Uuid(item.id),
            item.item_type,
            action,
            item.revision,
            user::current().map(|actor| Uuid(actor.id)),
            Timestamptz(clock::now()),
            request_context::request().id,
        ])
        .run()?;
    Ok(())
}

impl trail::Guest for AuditTrail {
    fn list(item: String) -> Result<Vec<Entry>, String> {
        let rows = db::select("entries")
            .columns(["id", "action", "revision", "actor", "at", "request"])
            .filter(col("item").equals(Uuid(item)))
            .order_by_descending("id")
            .limit(ENTRIES_MAX)
            .fetch()?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row) -> Result<Entry, db::Error> {
    let action = match row.get::<String>("action")?.as_str() {
        "created" => Action::Created,
        "updated" => Action::Updated,
        _ => Action::Deleted,
    };
    Ok(Entry {
        id: row.get("id")?,
        action,
        revision: row.get("revision")?,
        actor: row.get("actor")?,
        at: row.get::<Timestamptz>("at")?.0,
        request: row.get("request")?,
    })
}

export!(AuditTrail);
