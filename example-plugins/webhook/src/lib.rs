//! A webhook: deliveries signed as GitHub signs them are stored, once each, and a page lists them. The grant `routes` in the
//! manifest says which requests get here, and `docs/webhooks.md` explains each step.

palisade_sdk::plugin! { path: "wit" }

use exports::acme::webhook::settings;
use exports::palisade::plugin::routes::{self, Request, Response};
use palisade_sdk::db::{self, Timestamptz, col};
use palisade_sdk::routes::{Method, escaped};
use palisade_sdk::{Error, clock, hmac, params, user, variables, warn};

/// Deliveries that the page shows.
const SHOWN_MAX: u32 = 50;
/// Bytes of a delivery that are stored.
const BODY_BYTES_MAX: usize = 256 * 1024;

struct Webhook;

impl routes::Guest for Webhook {
    fn handle(request: Request) -> Response {
        let answer = match (request.method, request.path.as_str()) {
            (Method::Post, "/github") => receive(&request),
            (Method::Get, "/deliveries") => page(),
            (Method::Get, path) => file(path),
            _ => Ok(not_found()),
        };
        answer.unwrap_or_else(|error| {
            // The sender may know nothing of it, and tries again after a 500.
            warn!("{error}");
            Response::text(500, "the delivery could not be handled")
        })
    }
}

/// Stores a delivery whose signature is valid. What is signed is the body as it was sent.
fn receive(request: &Request) -> Result<Response, Error> {
    let Ok(body) = request.bytes(BODY_BYTES_MAX) else {
        return Ok(Response::text(413, "the body is too large"));
    };
    let header = |name| request.header(name).and_then(|value| std::str::from_utf8(value).ok());
    let signature = header("x-hub-signature-256").and_then(|header| header.strip_prefix("sha256="));
    let key: String = variables::get("key")?;
    if !signature.is_some_and(|signature| hmac::verify(key.as_bytes(), &[&body], signature)) {
        return Ok(Response::text(401, "the signature is missing or wrong"));
    }
    let (Some(delivery), Some(event)) = (header("x-github-delivery"), header("x-github-event")) else {
        return Ok(Response::text(400, "x-github-delivery and x-github-event are needed"));
    };
    let Ok(body) = String::from_utf8(body) else {
        return Ok(Response::text(415, "the body is not UTF-8"));
    };
    db::insert("deliveries")
        .columns(["delivery", "event", "received", "body"])
        .row(params![delivery, event, Timestamptz(clock::now()), body])
        .on_conflict_nothing(["delivery"])
        .run()?;
    Ok(Response::new(204))
}

/// The newest deliveries. All of their text comes from elsewhere, so all of it is escaped.
fn page() -> Result<Response, Error> {
    let rows = db::select("deliveries")
        .columns(["id", "delivery", "event"])
        .order_by_descending("id")
        .limit(SHOWN_MAX)
        .fetch()?;
    let mut page = String::from("<!doctype html><title>Deliveries</title><h1>Deliveries</h1><ul>");
    for row in &rows {
        let (id, delivery, event) =
            (row.get::<i64>("id")?, row.get::<String>("delivery")?, row.get::<String>("event")?);
        let (id, delivery, event) = (id.to_string(), escaped(&delivery), escaped(&event));
        page += &["<li><a href=\"deliveries/", &id, "\">", &delivery, "</a>: ", &event, "</li>"].concat();
    }
    Ok(Response::html(page + "</ul>"))
}

/// The body of one delivery, as a file: `/deliveries/ID`.
fn file(path: &str) -> Result<Response, Error> {
    let id = path.strip_prefix("/deliveries/").and_then(|id| id.parse::<i64>().ok());
    let Some(id) = id else { return Ok(not_found()) };
    let rows = db::select("deliveries").columns(["body"]).filter(col("id").equals(id)).fetch()?;
    let Some(row) = rows.first() else { return Ok(not_found()) };
    let answer = Response::json(row.get::<String>("body")?);
    Ok(answer.header("content-disposition", format!("attachment; filename=\"delivery-{id}.json\"")))
}

fn not_found() -> Response {
    Response::text(404, "there is nothing here")
}

impl settings::Guest for Webhook {
    fn set_key(key: String) -> Result<(), String> {
        if !user::has_permission("webhook:configure")? {
            return Err("you need the permission webhook:configure".into());
        }
        Ok(variables::set("key", key)?)
    }
}

export!(Webhook);
