//! The HTTP server on a real listener: calls, the `OpenAPI` document, and the headers of every answer.
//!
//! Items are in `server/items.rs`. Loss of the database and shutdown are in `server/ending.rs`, hostile connections in
//! `server/connections.rs`, and requests that may be forged or malformed in `server/head.rs`.

mod connections;
mod cost;
mod documented;
mod ending;
mod head;
mod items;
mod openapi;

use crate::harness::{Answer, Served, World};
use palisade::limits::BODY_BYTES_MAX;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const GREET: &str = "/call/greeter/greeting/greet";

async fn served(world: &World) -> Served {
    Served::new(world.host(&["blog", "audit-trail", "greeter"]).await).await
}

/// Makes calls of the audit trail wait, until COMMIT. They would wait for a few seconds only, which a busy machine takes for less.
async fn hold(world: &World) {
    let role = "SELECT role FROM palisade.plugins WHERE name = 'audit-trail'";
    let role: String = world.sql.query_one(role, &[]).await.unwrap().get(0);
    let patient = format!(
        "ALTER ROLE {role} SET lock_timeout = '60s'; ALTER ROLE {role} SET statement_timeout = '60s'"
    );
    world.sql.batch_execute(&patient).await.unwrap();
    let lock = "BEGIN; LOCK TABLE plugin_audit_trail.entries IN ACCESS EXCLUSIVE MODE";
    world.sql.batch_execute(lock).await.unwrap();
}

/// Waits until so many calls wait for it.
async fn until_waiting(world: &World, calls: i64) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    for _ in 0..3_000 {
        if world.count(waiting).await == calls {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never do {calls} calls wait");
}

#[tokio::test]
async fn rejected_request_gets_its_status_its_kind_and_a_fix() {
    let world = World::new().await;
    let served = served(&world).await;
    for (method, path, body, status, kind, words) in [
        (Method::POST, GREET, r#"{"name": 5}"#, 400, "bad-arguments", ["$.name", "string"]),
        (Method::POST, GREET, r#"{"name": "Ada", "nam": 1}"#, 400, "bad-arguments", ["nam", "name"]),
        (Method::POST, GREET, "{}", 400, "bad-arguments", ["name", "string"]),
        (Method::POST, GREET, "[]", 400, "bad-arguments", ["$", "name"]),
        (Method::POST, GREET, "{", 400, "bad-arguments", ["", ""]),
        (Method::POST, "/call/blog/posts/list", r#"{"limit": -1}"#, 400, "bad-arguments", ["$.limit", "u32"]),
        (Method::POST, "/call/greter/greeting/greet", "{}", 404, "no-such-plugin", ["`greter`", "greeter"]),
        (
            Method::POST,
            "/call/greeter/greeting/greets",
            "{}",
            404,
            "no-such-function",
            ["greets`", "has greeting/greet"],
        ),
        (Method::POST, "/call/greeter", "{}", 404, "no-such-route", ["/openapi.json", ""]),
        (Method::GET, "/", "", 404, "no-such-route", ["/openapi.json", ""]),
        (Method::GET, GREET, "", 405, "wrong-method", ["allow", ""]),
        (Method::DELETE, "/items", "", 405, "wrong-method", ["allow", ""]),
    ] {
        let request = served.request(method.clone(), path).header("content-type", "application/json");
        let answer = Answer::to(request.body(body)).await;
        assert_eq!((answer.status, answer.kind()), (status, kind), "{method} {path} {body}: {answer:?}");
        assert!(
            words.iter().all(|word| answer.message().contains(word)),
            "{method} {path} {body}: {}",
            answer.message()
        );
        assert_eq!(answer.body["error"]["requestId"], answer.header("x-request-id"));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(status == 405, !answer.header("allow").is_empty());
    }
}

#[tokio::test]
async fn body_at_the_limit_is_accepted_and_over_it_rejected() {
    let world = World::new().await;
    let served = served(&world).await;
    let of = |bytes: usize| format!("{{\"name\":\"{}\"}}", "x".repeat(bytes - r#"{"name":""}"#.len()));
    let over = Answer::to(served.raw(GREET, of(BODY_BYTES_MAX + 1))).await;
    assert_eq!((over.status, over.kind()), (413, "body-too-large"));
    let at = Answer::to(served.raw(GREET, of(BODY_BYTES_MAX))).await;
    assert_ne!(at.status, 413, "{at:?}");
    let form =
        served.request(Method::POST, GREET).header("content-type", "text/plain").body(r#"{"name":"Ada"}"#);
    assert_eq!(
        Answer::to(form).await.status,
        415,
        "a page of another origin can send a form without a preflight request"
    );
}

#[tokio::test]
async fn call_answers_with_the_functions_value() {
    let world = World::new().await;
    let served = served(&world).await;
    let answer = served.post(GREET, &json!({ "name": "Ada" })).await;
    assert_eq!((answer.status, answer.body.clone()), (200, json!("Hello, Ada!")));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    let about = served.post("/call/blog/posts/about", &json!({})).await;
    assert_eq!(about.body, json!({ "name": "A blog", "pageSize": 20 }));
    let refused = served.post(GREET, &json!({ "name": "" })).await;
    assert_eq!((refused.status, refused.kind()), (422, "returned"));
    assert_eq!(refused.body["error"]["value"], "a name is needed");
}

#[tokio::test]
async fn unknown_token_is_rejected_and_never_anonymous() {
    let world = World::new().await;
    let served = served(&world).await;
    for (method, path) in [(Method::POST, GREET), (Method::GET, "/items?type=post"), (Method::POST, "/items")]
    {
        for authorization in ["Bearer pal_none", "Bearer", "Basic YTpi", "pal_none"] {
            let request = served.request(method.clone(), path).header("authorization", authorization);
            let request = request.header("content-type", "application/json");
            let answer = Answer::to(request.body(r#"{"name":"Ada"}"#)).await;
            assert_eq!((answer.status, answer.kind()), (401, "unauthorized"), "{path} {authorization}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn well_formed_request_id_is_kept_and_any_other_replaced() {
    let world = World::new().await;
    let served = served(&world).await;
    let with = |id: &str| Answer::to(served.request(Method::GET, "/livez").header("x-request-id", id));
    assert_eq!(with("mine-1").await.header("x-request-id"), "mine-1");
    let long = "x".repeat(10_000);
    let mut made = BTreeSet::new();
    for id in ["a b", "", long.as_str(), "a\tb"] {
        let answer = with(id).await;
        assert_ne!(answer.header("x-request-id"), id);
        assert!(made.insert(answer.header("x-request-id").to_owned()), "each request gets its own id");
    }
}

#[tokio::test]
async fn openapi_lists_every_loaded_function_and_does_not_change() {
    let world = World::new().await;
    let served = served(&world).await;
    let first = served.get("/openapi.json").await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    let paths: BTreeSet<&str> = first.body["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let functions = [
        "audit-trail/trail/list",
        "blog/editing/create",
        "blog/editing/discard",
        "blog/editing/drafts",
        "blog/editing/publish",
        "blog/editing/save",
        "blog/posts/about",
        "blog/posts/get",
        "blog/posts/list",
        "greeter/greeting/greet",
    ];
    let calls: BTreeSet<&str> = paths.iter().filter_map(|path| path.strip_prefix("/call/")).collect();
    assert_eq!(calls, BTreeSet::from(functions));
    let others: BTreeSet<&str> = paths.into_iter().filter(|path| !path.starts_with("/call/")).collect();
    let fixed = [
        "/admin/plugins",
        "/admin/plugins/{plugin}/disable",
        "/admin/plugins/{plugin}/enable",
        "/items",
        "/items/{id}",
        "/livez",
        "/metrics",
        "/readyz",
    ];
    assert_eq!(others, BTreeSet::from(fixed));
    let greet = &first.body["paths"][GREET]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(greet["properties"]["name"]["type"], "string", "{greet}");
    assert_eq!(first.body, served.get("/openapi.json").await.body);
    assert_references_resolve(&first.body, &first.body);
}

/// Asserts that every reference in the document has a target.
fn assert_references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(object) => {
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                assert!(target.starts_with("#/") && document.pointer(&target[1..]).is_some(), "{target}");
            }
            object.values().for_each(|part| assert_references_resolve(document, part));
        }
        Value::Array(parts) => parts.iter().for_each(|part| assert_references_resolve(document, part)),
        _ => {}
    }
}

#[tokio::test]
async fn host_with_its_plugins_is_live_and_ready() {
    let world = World::new().await;
    let served = served(&world).await;
    let live = served.get("/livez").await;
    assert_eq!((live.status, live.body), (200, json!({ "status": "live" })));
    let ready = served.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("ready")));
    let plugins = ready.body["plugins"].as_array().unwrap();
    let states: Vec<_> = plugins.iter().map(|plugin| (&plugin["name"], &plugin["state"])).collect();
    let serving = json!("serving");
    let names = ["audit-trail", "blog", "greeter"].map(|name| json!(name));
    assert_eq!(states, names.each_ref().map(|name| (name, &serving)));
}

#[tokio::test]
async fn concurrent_calls_each_get_their_own_answer() {
    let world = World::new().await;
    let served = served(&world).await;
    let calls = (0..40).map(|number| {
        let request = served.request(Method::POST, GREET).json(&json!({ "name": number.to_string() }));
        (number, tokio::spawn(Answer::to(request)))
    });
    let calls: Vec<_> = calls.collect();
    for (number, call) in calls {
        assert_eq!(call.await.unwrap().body, json!(format!("Hello, {number}!")));
    }
}

#[tokio::test]
async fn usage_is_returned_only_on_request() {
    let world = World::new().await;
    let served = served(&world).await;
    let list = |usage: &str| {
        let request = served.request(Method::POST, "/call/blog/posts/list").header("x-palisade-usage", usage);
        Answer::to(request.json(&json!({ "limit": null, "after": null })))
    };
    let usage: Value = serde_json::from_str(list("1").await.header("x-palisade-usage")).unwrap();
    assert!(usage["host-calls"].as_u64().unwrap() > 0 && usage["memory"].as_u64().unwrap() > 0, "{usage}");
    assert_eq!(list("0").await.header("x-palisade-usage"), "");
}
