//! Taps that follow orders in the item's fields. Each tap reads the field with its name (`access`, `view`, `presave`,
//! `changed`), so a test chooses in the item what goes wrong, and where.
//!
//! - all: `trap`, `spin`
//! - `access`: `grant`, `deny`; anything else is neutral
//! - `view`, `presave`: `append:TEXT` adds `TEXT@PLUGIN` to the array in the field `trail`
//! - `presave`: `veto`; `retype` returns a draft of another type; `garbage` returns fields that are not JSON
//! - `view`: `garbage`
//! - `changed`: `veto`, after the tap has stored the change in the table `seen`, as it always does
//!
//! `cron` reads the variable `cron`: it fails on `fail` and traps on `trap`. `count` sets the variable `last-run` to the
//! number of rows in `seen`, and any other value sets it to the time of the run.

palisade_sdk::plugin! { path: "wit" }

use exports::palisade::plugin::tap_item_access::{self, Decision, Operation};
use exports::palisade::plugin::tap_item_changed::{self, Change};
use exports::palisade::plugin::{tap_cron, tap_item_presave, tap_item_view};
use palisade_sdk::item::{Draft, Item};
use palisade_sdk::taps::Refusal;
use palisade_sdk::{Error, db, params, request_context, variables};
use serde_json::{Map, Value};

struct Taps;

impl tap_item_access::Guest for Taps {
    fn check(_operation: Operation, item: Item) -> Decision {
        match order(&item.fields, "access").as_str() {
            "grant" => Decision::Grant,
            "deny" => Decision::Deny,
            _ => Decision::Neutral,
        }
    }
}

impl tap_item_view::Guest for Taps {
    fn view(item: Item) -> String {
        let order = order(&item.fields, "view");
        append(item.fields, &order)
    }
}

impl tap_item_presave::Guest for Taps {
    fn presave(_previous: Option<Item>, mut draft: Draft) -> Result<Draft, Refusal> {
        let order = order(&draft.fields, "presave");
        match order.as_str() {
            "veto" => return Err("vetoed before the write".into()),
            "retype" => draft.item_type.push_str("-other"),
            _ => draft.fields = append(draft.fields, &order),
        }
        Ok(draft)
    }
}

impl tap_item_changed::Guest for Taps {
    fn changed(change: Change) -> Result<(), Refusal> {
        let (item, action) = match change {
            Change::Created(item) => (item, "created"),
            Change::Updated(update) => (update.after, "updated"),
            Change::Deleted(item) => (item, "deleted"),
        };
        db::insert("seen")
            .columns(["item", "action", "revision"])
            .row(params![db::Uuid(item.id), action, item.revision])
            .run()?;
        if order(&item.fields, "changed") == "veto" { Err("vetoed after the write".into()) } else { Ok(()) }
    }
}

impl tap_cron::Guest for Taps {
    fn run(scheduled: i64) -> Result<(), Refusal> {
        Ok(cron(scheduled)?)
    }
}

fn cron(scheduled: i64) -> Result<(), Error> {
    match variables::get::<String>("cron")?.as_str() {
        "fail" => Err("cron was told to fail".into()),
        "trap" => panic!("cron was told to trap"),
        "count" => {
            let seen = db::select("seen").columns(["revision"]).fetch()?.len();
            Ok(variables::set("last-run", i64::try_from(seen).unwrap_or(i64::MAX))?)
        }
        _ => Ok(variables::set("last-run", scheduled)?),
    }
}

/// The order for a tap in an item's fields. This function carries out `trap` and `spin` itself.
fn order(fields: &str, tap: &str) -> String {
    let order = parse(fields).get(tap).and_then(Value::as_str).unwrap_or_default().to_owned();
    match order.as_str() {
        "trap" => panic!("{tap} was told to trap"),
        "spin" => loop {
            std::hint::black_box(());
        },
        _ => order,
    }
}

fn append(fields: String, order: &str) -> String {
    if order == "garbage" {
        return "{".to_owned();
    }
    let Some(text) = order.strip_prefix("append:") else { return fields };
    let mut fields = parse(&fields);
    let trail = fields.entry("trail").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(trail) = trail {
        trail.push(format!("{text}@{}", request_context::request().plugin).into());
    }
    Value::Object(fields).to_string()
}

fn parse(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

export!(Taps);
