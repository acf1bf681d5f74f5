//! Calls one function of each interface of the contract, in each kind.

palisade_sdk::plugin! { path: "wit" }

use exports::probe::kinds::{as_action, as_mutation, as_query};
use palisade_sdk::raw::db::{Scalar, Selection, Value};
use palisade_sdk::raw::{
    cache, clock, db, db_write, http, item, item_write, logging, random, request_context, user, variables,
    variables_write,
};
use std::fmt::Debug;

struct Kinds;

/// Bytes of a random sample.
const SAMPLE_BYTES: u32 = 16;
/// Iterations that let time pass.
const ROUNDS: u32 = 100_000;

impl as_query::Guest for Kinds {
    fn attempt(name: String) -> String {
        attempt(&name)
    }
}

impl as_mutation::Guest for Kinds {
    fn attempt(name: String) -> String {
        attempt(&name)
    }
}

impl as_action::Guest for Kinds {
    fn attempt(name: String) -> String {
        attempt(&name)
    }
}

fn attempt(name: &str) -> String {
    match name {
        "db" => said(db::select(&marks()).and_then(|rows| rows.next(1))),
        "db-write" => said(db_write::insert(&mark())),
        "user" => said(user::current().is_none()),
        "cache" => said(cache::get("absent")),
        "variables" => said(variables::get("label")),
        "variables-write" => said(variables_write::unset("label")),
        "item" => said(item::get("018f0000-0000-7000-8000-000000000000")),
        "item-write" => said(item_write::delete("018f0000-0000-7000-8000-000000000000", None)),
        "logging" => {
            logging::log(logging::Level::Info, "here", &[]);
            "logged".into()
        }
        "request-context" => said(request_context::get("absent")),
        "clock" => {
            let (now, monotonic) = (clock::now(), clock::monotonic());
            (0..ROUNDS).for_each(|round| {
                let _ = std::hint::black_box(round);
            });
            said((clock::now() - now, clock::monotonic() - monotonic))
        }
        "random" => said(random::bytes(SAMPLE_BYTES)),
        "http" => said(http::fetch(&request()).map(|response| response.status)),
        other => format!("no interface is named {other}"),
    }
}

fn said(answer: impl Debug) -> String {
    format!("{answer:?}")
}

fn marks() -> Selection {
    Selection {
        table: "marks".into(),
        columns: vec!["kind".into()],
        filter: Vec::new(),
        order_by: Vec::new(),
        limit: Some(1),
        after: Vec::new(),
    }
}

fn mark() -> db_write::Insertion {
    db_write::Insertion {
        table: "marks".into(),
        columns: vec!["kind".into()],
        rows: vec![vec![Value::Scalar(Scalar::Text("any".into()))]],
        on_conflict: None,
        returning: Vec::new(),
    }
}

/// A request to a host without a grant, so that nothing is sent.
fn request() -> http::Request {
    http::Request {
        method: http::Method::Get,
        url: "https://elsewhere.example/".into(),
        headers: Vec::new(),
        body: None,
        timeout_ms: None,
        secret: None,
    }
}

export!(Kinds);
