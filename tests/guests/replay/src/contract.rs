//! The values that the contract's interfaces return.

use crate::hex;
use palisade_sdk::item::{self, Draft};
use palisade_sdk::{clock, db, params, random, request_context, user, variables};
use std::fmt::Debug;

/// Bytes of a random sample.
const SAMPLE_BYTES: u32 = 64;
/// Limits whose usage also depends on the guest's compiler.
const COMPILED: [&str; 4] = ["memory", "table-elements", "host-calls", "handles"];

/// What a query sees without sending a statement.
pub fn given() -> Vec<String> {
    vec![
        said("now", (clock::now(), clock::monotonic())),
        said("random", random::bytes(SAMPLE_BYTES).map(|bytes| hex(&bytes))),
        said("random again", random::bytes(SAMPLE_BYTES).map(|bytes| hex(&bytes))),
        said("request", request_context::request()),
        said(
            "context",
            (request_context::get("key"), request_context::set("key", "value"), request_context::get("key")),
        ),
        said("user", user::current()),
        said("too much", random::bytes(u32::MAX)),
        said("no item", item::get("not an id")),
        said("no key", request_context::get("")),
    ]
}

/// What a query sees.
pub fn met() -> Vec<String> {
    let mut lines = given();
    lines.push(said("variable", variables::get::<String>("label")));
    lines.push(said("item", item::get("018f0000-0000-7000-8000-000000000000")));
    lines.push(said("no such table", db::select("elsewhere").columns(["id"]).fetch()));
    lines.push(said("no such column", db::select("entries").columns(["secret"]).fetch()));
    lines.push(said("no SQL", db::query("SELECT now()", params![]).map(drop)));
    lines.extend(rows());
    let sum =
        "SELECT kind, sum(amount) AS amount, count(*) AS count FROM entries GROUP BY kind ORDER BY kind";
    lines.push(said("sums", db::query(sum, params![]).and_then(db::Rows::all)));
    lines.extend(remaining().into_iter().filter(|line| !COMPILED.iter().any(|name| line.contains(name))));
    lines
}

/// The rows in a requested order.
pub fn rows() -> Vec<String> {
    let rows = db::select("entries").columns(["id", "kind", "amount", "at"]).order_by("id").fetch();
    vec![said("rows", rows)]
}

/// Rows in the order in which the server finds them.
pub fn without_order() -> Vec<String> {
    let groups = "SELECT kind, array_agg(id) AS ids FROM entries GROUP BY kind";
    vec![
        said("rows in no order", db::select("entries").columns(["id"]).fetch()),
        said("groups in no order", db::query(groups, params![]).and_then(db::Rows::all)),
    ]
}

/// The remaining budgets.
pub fn remaining() -> Vec<String> {
    let line = |usage: request_context::Usage| format!("remaining {usage:?}");
    request_context::remaining().into_iter().map(line).collect()
}

/// What a mutation also sees: its own writes, and an error among them.
pub fn written(id: i64) -> Vec<String> {
    let kept = kept(id);
    let again = db::insert("entries").columns(["id", "kind", "amount"]).row(params![id, "again", 0.0]).run();
    let mut lines = vec![said("kept", kept), said("twice", again)];
    lines.push(said(
        "note",
        item::insert(&Draft::new("note", "A note").fields(r#"{"b": 1, "a": [0.1, 1e300]}"#)),
    ));
    lines.push(said("another", item::insert(&Draft::new("note", "Another"))));
    lines.extend(rows());
    lines
}

/// Inserts a row with the invocation's time and random bytes.
pub fn kept(id: i64) -> Result<Vec<String>, String> {
    let (kind, now) = (hex(&random::bytes(8)?), db::Timestamptz(clock::now()));
    db::insert("entries")
        .columns(["id", "kind", "amount", "at"])
        .row(params![id, kind.as_str(), 0.1 + 0.2, now])
        .run()?;
    let row = db::select("entries")
        .columns(["id", "kind", "amount", "at"])
        .filter(db::col("id").equals(id))
        .first()?;
    Ok(vec![said("row", row)])
}

/// Changes a row.
pub fn change(id: i64) -> Result<(), db::Error> {
    db::update("entries").set("kind", "changed").filter(db::col("id").equals(id)).run().map(drop)
}

fn said(what: &str, answer: impl Debug) -> String {
    format!("{what}: {answer:?}")
}
