//! A handler that follows the orders in the request's query, which are separated by `&` and carried out one after the other:
//!
//! - `status=N`, `header=NAME:VALUE`, `bytes=N`, `text=TEXT` with `%3C` and `%3E` decoded: parts of the answer
//! - `insert=TEXT`: stores the text in the table `seen`
//! - `count`: stores the number of rows in `seen` and how many bytes the body has, so that two at once conflict
//! - `read=N`: reads the body in pieces of at most N bytes, and answers how many pieces there were, or the error
//! - `keep`: keeps the body open beyond the answer
//! - `trap`, `spin`
//!
//! Without an order for its body, the answer describes the request as JSON.

palisade_sdk::plugin! { path: "wit" }

use exports::palisade::plugin::routes::{Guest, Request, Response};
use palisade_sdk::{Error, clock, db, params, random, routes::Error as BodyError, user};
use serde_json::json;

struct Routes;

impl Guest for Routes {
    fn handle(request: Request) -> Response {
        let mut answer = Answer { response: Response::new(200), has_body: false };
        let orders = request.query.clone().unwrap_or_default();
        for order in orders.split('&').filter(|order| !order.is_empty()) {
            if let Err(error) = answer.follow(order, &request) {
                return Response::text(500, error.to_string());
            }
        }
        if orders.split('&').any(|order| order == "keep") {
            std::mem::forget(request);
            return answer.response;
        }
        if answer.has_body { answer.response } else { answer.response.body(described(&request)) }
    }
}

struct Answer {
    response: Response,
    has_body: bool,
}

impl Answer {
    fn follow(&mut self, order: &str, request: &Request) -> Result<(), Error> {
        let (order, value) = order.split_once('=').unwrap_or((order, ""));
        let number = || value.parse().unwrap_or_default();
        match order {
            "status" => self.response.status = u16::try_from(number()).unwrap_or_default(),
            "header" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                self.response = self.take().header(name, value);
            }
            "bytes" => self.body(vec![b'x'; number()]),
            "text" => self.body(value.replace("%3C", "<").replace("%3E", ">").into()),
            "insert" => insert(value)?,
            "count" => {
                let rows = db::select("seen").columns(["id"]).fetch()?.len();
                insert(&format!("{rows} {}", request.bytes(usize::MAX)?.len()))?;
            }
            "read" => {
                let pieces = pieces(request, u32::try_from(number()).unwrap_or(u32::MAX));
                self.body(pieces.map_or_else(|error| error.to_string(), |count| count.to_string()).into());
            }
            "spin" => loop {
                std::hint::black_box(());
            },
            "trap" => panic!("as ordered"),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self) -> Response {
        std::mem::replace(&mut self.response, Response::new(0))
    }

    fn body(&mut self, body: Vec<u8>) {
        self.response = self.take().body(body);
        self.has_body = true;
    }
}

fn insert(what: &str) -> Result<(), Error> {
    db::insert("seen").columns(["what"]).row(params![what]).run()?;
    Ok(())
}

/// How many pieces the body has.
fn pieces(request: &Request, max: u32) -> Result<u64, BodyError> {
    let mut pieces = 0;
    while !request.body.read(max)?.is_empty() {
        pieces += 1;
    }
    Ok(pieces)
}

fn described(request: &Request) -> String {
    let headers = request
        .headers
        .iter()
        .map(|header| json!(format!("{}: {}", header.name, String::from_utf8_lossy(&header.value))));
    let body = request.bytes(usize::MAX).unwrap_or_default();
    json!({
        "method": format!("{:?}", request.method),
        "path": request.path,
        "query": request.query,
        "headers": headers.collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&body),
        "bytes": body.len(),
        "sum": body.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
        "user": user::current().map(|user| user.name),
        "now": clock::now(),
        "random": random::bytes(8).unwrap_or_default(),
    })
    .to_string()
}

export!(Routes);
