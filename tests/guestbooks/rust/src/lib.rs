//! A guestbook in Rust.

use exports::acme::guestbook::reading::{Entry, Guest as Reading};
use exports::acme::guestbook::writing::Guest as Writing;
use palisade_sdk::{db, params, user};

palisade_sdk::plugin! {}

struct Guestbook;

impl Reading for Guestbook {
    fn recent(max: u32) -> Result<Vec<Entry>, String> {
        let newest = db::select("entries").columns(["id", "name", "message"]).order_by_descending("id").limit(max);
        let entry = |row: &db::Row| {
            Ok(Entry { id: row.get("id")?, name: row.get("name")?, message: row.get("message")? })
        };
        newest.fetch()?.iter().map(entry).collect()
    }

    fn caller() -> Option<String> {
        user::current().map(|user| user.name)
    }

    fn echo(number: u32) -> u32 {
        number
    }

    fn echo_signed(number: i64) -> i64 {
        number
    }
}

impl Writing for Guestbook {
    fn sign(name: String, message: String) -> Result<i64, String> {
        if name.is_empty() {
            return Err("a name is needed".to_owned());
        }
        let added = db::insert("entries").columns(["name", "message"]).row(params![name, message]);
        Ok(added.returning(["id"]).one()?.get("id")?)
    }
}

export!(Guestbook);
