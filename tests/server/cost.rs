//! The most expensive request that each route permits, on a served process whose memory is bounded.

use super::GREET;
use crate::command::child::Serving;
use crate::harness::{World, client};
use palisade::guard::user::{Permission, UserId};
use palisade::limits::{BODY_BYTES_MAX, ITEM_FIELDS_BYTES_MAX, JSON_VALUES_MAX, MIB};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::fs;

/// What the process may hold, and what it was told.
const MEMORY: (u64, &str) = (512 * MIB, "512 MiB");
/// Requests at once.
const AT_ONCE: usize = 24;
/// The length of a URL that a head has room for.
const URL_BYTES: usize = 60_000;

/// One route with its most expensive request.
struct Row {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<String>,
    headers: Vec<(String, String)>,
}

impl Row {
    fn new(what: &'static str, method: Method, path: impl Into<String>, body: Option<String>) -> Self {
        Self { what, method, path: path.into(), body, headers: Vec::new() }
    }
}

/// One JSON value as often as this many bytes, and the values of one body, have room for it.
fn list(one: &str, bytes: usize, wrapped: [&str; 2]) -> String {
    let values = 1 + one.matches(':').count();
    let count = ((JSON_VALUES_MAX - 10) / values).min((bytes - 1_000) / (one.len() + 1));
    format!("{}{}{}", wrapped[0], vec![one; count].join(","), wrapped[1])
}

fn rows() -> Vec<Row> {
    let name = ["{\"name\":[", "]}"];
    let fields = ["{\"itemType\":\"post\",\"title\":\"x\",\"fields\":{\"body\":\"x\",\"a\":[", "]}}"];
    let bytes = usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap();
    let within = |one: &str| list(one, bytes, fields);
    let over = |wrapped: [&str; 2]| {
        format!("{}{}{}", wrapped[0], vec!["{\"\":0}"; JSON_VALUES_MAX].join(","), wrapped[1])
    };
    let list = |one: &str, wrapped: [&str; 2]| list(one, BODY_BYTES_MAX, wrapped);
    let item = "/items/0190a5f0-0000-7000-8000-000000000000";
    let mut many_headers = Row::new("the most headers", Method::GET, "/items?type=post&limit=100", None);
    many_headers.headers = (0..70).map(|number| (format!("x-{number}"), "x".repeat(1_000))).collect();
    let escaped = |text: &str| text.replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    let filter = |one: &str| {
        let one = escaped(one);
        let list = vec![&*one; (URL_BYTES - 60) / (one.len() + 1)].join(",");
        format!("/items?type=post&limit=100&fields={}", escaped(&format!("{{\"a\":[{list}]}}")))
    };
    vec![
        Row::new(
            "the largest text",
            Method::POST,
            GREET,
            Some(json!({ "name": "x".repeat(BODY_BYTES_MAX / 2) }).to_string()),
        ),
        Row::new("the most numbers", Method::POST, GREET, Some(list("0", name))),
        Row::new("the most objects", Method::POST, GREET, Some(list("{\"\":0}", name))),
        Row::new("the most empty lists", Method::POST, GREET, Some(list("[]", name))),
        Row::new("the most texts", Method::POST, GREET, Some(list("\"x\"", name))),
        Row::new(
            "no such function",
            Method::POST,
            "/call/greeter/greeting/none",
            Some(list("{\"\":0}", name)),
        ),
        Row::new("a nested item", Method::POST, "/items", Some(within("{\"\":0}"))),
        Row::new("an item of numbers", Method::POST, "/items", Some(within("0"))),
        Row::new("an item over its limit", Method::POST, "/items", Some(over(fields))),
        Row::new("a patch over its limit", Method::PATCH, item, Some(over(["{\"fields\":{\"a\":[", "]}}"]))),
        Row::new("a deletion", Method::DELETE, item, None),
        Row::new("an item", Method::GET, item, None),
        Row::new("a filter of numbers", Method::GET, filter("1"), None),
        Row::new("a filter of objects", Method::GET, filter("{\"\":0}"), None),
        many_headers,
        Row::new("the document", Method::GET, "/openapi.json", None),
        Row::new("health", Method::GET, "/livez", Some(list("{\"\":0}", name))),
        Row::new("readiness", Method::GET, "/readyz", None),
        Row::new("metrics", Method::GET, "/metrics", None),
        Row::new("no route", Method::POST, "/none", Some(list("{\"\":0}", name))),
        Row::new("the plugins", Method::GET, "/admin/plugins", None),
        Row::new(
            "a reason",
            Method::POST,
            "/admin/plugins/greeter/disable",
            Some(list("{\"\":0}", ["{\"reason\":[", "]}"])),
        ),
        Row::new(
            "no body is needed",
            Method::POST,
            "/admin/plugins/greeter/enable",
            Some(list("{\"\":0}", name)),
        ),
    ]
}

/// The most that a process has ever held in memory.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1_024
}

async fn send(client: Client, url: String, row: &Row, token: Option<&str>) -> (u16, String) {
    let mut request = client.request(row.method.clone(), format!("{url}{}", row.path));
    for (name, value) in &row.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &row.body {
        request = request.header("content-type", "application/json").body(body.clone());
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer =
        request.send().await.unwrap_or_else(|error| panic!("{}: {:?}", row.what, error.without_url()));
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap_or_else(|error| panic!("{}: {:?}", row.what, error.without_url()));
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, body["error"]["kind"].as_str().unwrap_or_default().to_owned())
}

/// The token of a user who may do everything.
async fn token(world: &World) -> String {
    let host = world.host(&["greeter"]).await;
    let may = ["item:create:post", "item:edit:post", "item:delete:post", "host:operate"];
    let may: Vec<_> = may.iter().map(|may| Permission::parse(may).unwrap()).collect();
    host.users().permit("all", &may).await.unwrap();
    let user = world.user(&host, "ada", &["all"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    host.stop().await;
    token
}

#[tokio::test]
async fn most_expensive_requests_of_every_route_stay_within_the_memory_of_the_process() {
    let world = World::new().await;
    let token = token(&world).await;
    let serving = Serving::start(&world, &["--memory", MEMORY.1]).await;
    let (url, process) = (serving.url().to_owned(), serving.id());
    let before = peak(process);
    for token in [None, Some(token.as_str())] {
        for row in rows() {
            let held = peak(process);
            let sent = (0..AT_ONCE).map(|_| send(client(), url.clone(), &row, token));
            let mut statuses = futures_util::future::join_all(sent).await;
            statuses.sort_unstable();
            statuses.dedup();
            let peak = peak(process);
            let user = if token.is_some() { "a user" } else { "anonymous" };
            println!(
                "{:>4} MiB (+{:>3})  {user:<9}  {:<24} {statuses:?}",
                peak / MIB,
                // The kernel's number is off by some pages of each processor, also downwards.
                peak.saturating_sub(held) / MIB,
                row.what
            );
            assert!(peak <= MEMORY.0, "{user}: {}: {} MiB", row.what, peak / MIB);
            let is_orderly = |(status, kind): &(u16, String)| {
                *status < 500 || kind == "plugin-failed" || kind == "overloaded"
            };
            assert!(statuses.iter().all(is_orderly), "{user}: {}: {statuses:?}", row.what);
            if token.is_none()
                && ["/items", "/admin"].iter().any(|path| row.path.starts_with(path))
                && row.method != Method::GET
            {
                // An access tap is loaded, which could permit it, so what is no item is found before who may not write one.
                let is_over = row.what.ends_with("over its limit");
                let refused = if is_over { &[400, 503][..] } else { &[401, 403, 404, 503] };
                assert!(
                    statuses.iter().all(|(status, _)| refused.contains(status)),
                    "{}: {statuses:?}",
                    row.what
                );
            }
        }
    }
    let live = client().get(format!("{url}/livez")).send().await.unwrap();
    assert_eq!(live.status(), 200);
    println!(
        "{} MiB before, {} MiB at the most, of {} MiB",
        before / MIB,
        peak(process) / MIB,
        MEMORY.0 / MIB
    );
    let ended = serving.terminate().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
}
