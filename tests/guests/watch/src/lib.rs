//! Taps that follow the field `watch` of an item, and a function that reads items while such a tap is its own.
//!
//! - `deny` denies callers without a name
//! - `members` looks into the table `members`, and denies if it is empty
//! - `read` reads the item through `item.get`, and denies if there is none
//! - `list` reads notes through `item.find`, and denies if there are none
//!
//! The view tap removes the field `secret` and shows the field `card` as `***`.

palisade_sdk::plugin! { path: "wit" }

use exports::palisade::plugin::tap_item_access::{self, Decision, Operation};
use exports::palisade::plugin::tap_item_view;
use exports::probe::watch::lists::Guest;
use palisade_sdk::item::{self, Criteria, Item};
use palisade_sdk::{Error, db, user};
use serde_json::{Map, Value};

/// The most notes that `titles` returns.
const TITLES: u32 = 100;

struct Watch;

impl Guest for Watch {
    fn titles(fields: Option<String>) -> Result<Vec<String>, String> {
        let mut criteria = Criteria::new("note").limit(TITLES);
        criteria.fields = fields;
        Ok(item::find(&criteria)?.into_iter().map(|item| item.title).collect())
    }
}

impl tap_item_access::Guest for Watch {
    fn check(_operation: Operation, item: Item) -> Decision {
        let fields = parse(&item.fields);
        let may = match fields.get("watch").and_then(Value::as_str).unwrap_or_default() {
            "deny" => Ok(user::current().is_some()),
            "members" => members(),
            "read" => item::get(&item.id).map(|item| item.is_some()).map_err(Error::from),
            "list" => item::find(&Criteria::new("note")).map(|items| !items.is_empty()).map_err(Error::from),
            _ => Ok(true),
        };
        if may.unwrap_or(false) { Decision::Neutral } else { Decision::Deny }
    }
}

fn members() -> Result<bool, Error> {
    Ok(!db::select("members").columns(["name"]).fetch()?.is_empty())
}

impl tap_item_view::Guest for Watch {
    fn view(item: Item) -> String {
        let mut fields = parse(&item.fields);
        if fields.remove("secret").is_none() && !fields.contains_key("card") {
            return item.fields;
        }
        if let Some(card) = fields.get_mut("card") {
            *card = "***".into();
        }
        Value::Object(fields).to_string()
    }
}

fn parse(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

export!(Watch);
