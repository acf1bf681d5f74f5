//! Tests `wit/routes.wit`: raw requests for a plugin's routes, over real HTTP, through the guest `routes`, which follows the
//! orders in a request's query. The page for authors and its plugin are in `routes/documented.rs`.

mod documented;

use crate::harness::{Served, Wire, World, altered, guest, limited, status};
use palisade::guard::routes::Method as RouteMethod;
use palisade::guard::user::UserId;
use palisade::limits::{BODY_BYTES_MAX, BREAKER_FAILURES, HTTP_READ_BYTES_MAX, ROUTE_RESPONSE_BYTES_MAX};
use palisade::{CallError, Host, Policy, Replay};
use palisade_server::ServerOptions;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// What the server answered.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Got {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null if it is none.
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_default().to_owned()
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

async fn served(world: &World) -> Served {
    Served::new(world.host(&["routes"]).await).await
}

async fn ask(served: &Served, method: Method, path: &str) -> Got {
    Got::to(served.request(method, path)).await
}

async fn rows(world: &World) -> i64 {
    world.count("SELECT count(*) FROM plugin_routes.seen").await
}

/// Sends a request line as it is, which no client does.
async fn line(served: &Served, line: &str) -> String {
    let mut wire = Wire::to(served.address).await;
    wire.send(format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address)).await;
    wire.rest().await
}

#[tokio::test]
async fn request_that_no_route_gets_is_rejected_before_the_plugin_runs() {
    let world = World::new().await;
    let served = served(&world).await;
    for (path, expected, kind) in [
        ("/hooks", 404, "no-such-route"),
        ("/hooks/", 404, "no-such-route"),
        ("/hooks/none", 404, "no-such-plugin"),
        ("/hooks/none/pages", 404, "no-such-plugin"),
        ("/hooks/%72outes/pages", 404, "no-such-plugin"),
        ("/hooks/Routes/pages", 404, "no-such-plugin"),
        ("/hooks/routes", 404, "no-such-route"),
        ("/hooks/routes/", 404, "no-such-route"),
        ("/hooks/routes/page", 404, "no-such-route"),
        ("/hooks/routes/pagesx", 404, "no-such-route"),
        ("/hooks/routes/Pages", 404, "no-such-route"),
        ("/hooks/routes/pages/../in", 400, "bad-arguments"),
        ("/hooks/routes/pages/./a", 400, "bad-arguments"),
        ("/hooks/routes/pages/%2e%2e/in", 400, "bad-arguments"),
        ("/hooks/routes/pages%2fa", 400, "bad-arguments"),
        ("/hooks/routes/pages/%252e%252e/in", 400, "bad-arguments"),
        ("/hooks/routes//pages", 400, "bad-arguments"),
        ("/hooks/routes/pages//a", 400, "bad-arguments"),
        ("/hooks/routes/pages/a%00", 400, "bad-arguments"),
        ("/hooks/routes/pages/%ff", 400, "bad-arguments"),
        ("/hooks/routes/pages/a%5cb", 400, "bad-arguments"),
    ] {
        let answer = line(&served, &format!("GET {path}")).await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(answer.contains(&format!("\"kind\":\"{kind}\"")), "{path}: {answer}");
    }
    let hint = ask(&served, Method::GET, "/hooks/routes/page").await.message();
    assert!(hint.contains("it has `/pages`, `/pages/asked`, `/in`"), "{hint}");
    for (method, path, allow) in [
        (Method::POST, "/hooks/routes/pages", "GET, HEAD, DELETE, OPTIONS"),
        (Method::GET, "/hooks/routes/pages/asked", "POST, PUT, OPTIONS"),
        (Method::HEAD, "/hooks/routes/in", "POST, PATCH, OPTIONS"),
        (Method::TRACE, "/hooks/routes/in", "POST, PATCH, OPTIONS"),
        (Method::from_bytes(b"PURGE").unwrap(), "/hooks/routes/in", "POST, PATCH, OPTIONS"),
    ] {
        let answer = ask(&served, method.clone(), path).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}: {answer:?}");
    }
    let options = ask(&served, Method::OPTIONS, "/hooks/routes/pages/asked/more").await;
    assert_eq!((options.status, options.header("allow")), (204, "POST, PUT, OPTIONS"));
    assert!(!options.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{options:?}");
    assert!(
        !served.get("/openapi.json").await.body.to_string().contains("/hooks"),
        "a route has no types to describe"
    );
}

#[tokio::test]
async fn longest_route_gets_the_request_in_the_kind_of_its_method() {
    let world = World::new().await;
    let served = served(&world).await;
    for (method, path, seen) in [
        (Method::GET, "/hooks/routes/pages", "/pages"),
        (Method::GET, "/hooks/routes/pages/a%20b/%C3%A9/?x=%20y&z", "/pages/a b/é/"),
        (Method::POST, "/hooks/routes/pages/asked", "/pages/asked"),
        (Method::PUT, "/hooks/routes/pages/asked/more", "/pages/asked/more"),
        (Method::GET, "/hooks/routes/pages/askedx", "/pages/askedx"),
        (Method::PATCH, "/hooks/routes/in/x", "/in/x"),
    ] {
        let answer = ask(&served, method.clone(), path).await;
        let got = answer.json();
        assert_eq!((answer.status, &got["path"]), (200, &json!(seen)), "{method} {path}: {answer:?}");
        let query = path.split_once('?').map(|(_, query)| query);
        assert_eq!(got["query"], json!(query), "as it was sent");
        let named = got["method"].as_str().unwrap().to_uppercase();
        assert!(named.ends_with(method.as_str()), "{named}");
    }
    // A query has no `db-write`, whatever its method; a mutation and an action have it.
    for (method, path, expected) in [
        (Method::GET, "/hooks/routes/pages?insert=a", 500),
        (Method::POST, "/hooks/routes/pages/asked?insert=a", 500),
        (Method::DELETE, "/hooks/routes/pages?insert=a", 200),
        (Method::POST, "/hooks/routes/in?insert=a", 200),
        (Method::PATCH, "/hooks/routes/in?insert=a", 200),
    ] {
        let before = rows(&world).await;
        let answer = ask(&served, method.clone(), path).await;
        assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        assert_eq!(rows(&world).await - before, i64::from(expected == 200), "{method} {path}");
        if expected == 500 {
            let message = answer.message();
            assert!(
                message.contains("does not exist in a query") && message.contains("`GET /pages`"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn handler_sees_the_headers_of_its_grant_and_never_a_credential() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let ada = world.user(&host, "Ada", &[]).await;
    let token = host.users().token(UserId::from(ada.id), None).await.unwrap();
    let served = Served::new(host).await;
    let sent = |method, path| {
        let request = served.request(method, path).bearer_auth(&token);
        let request = request.header("cookie", "session=secret").header("x-signature", "sha256=1");
        request
            .header("x-forwarded-for", "10.0.0.1")
            .header("proxy-authorization", "Basic c2VjcmV0")
            .header("accept", "a/b")
    };
    for (method, path, expected) in [
        (Method::GET, "/hooks/routes/pages", json!(["accept: a/b"])),
        (Method::POST, "/hooks/routes/in", json!(["accept: a/b", "x-signature: sha256=1"])),
    ] {
        let got = Got::to(sent(method, path)).await.json();
        let mut headers = got["headers"].as_array().unwrap().clone();
        headers.sort_by_key(Value::to_string);
        assert_eq!((json!(headers), &got["user"]), (expected, &json!("Ada")), "{path}");
        assert!(!got.to_string().contains("secret") && !got.to_string().contains(&token), "{got}");
    }
    let anonymous = ask(&served, Method::GET, "/hooks/routes/pages").await.json();
    assert_eq!(anonymous["user"], Value::Null);
    for authorization in ["Bearer wrong", "Basic YTpi", "whsec_1", "Bearer"] {
        let request =
            served.request(Method::POST, "/hooks/routes/in?insert=a").header("authorization", authorization);
        let answer = Got::to(request).await;
        assert_eq!((answer.status, answer.kind().as_str()), (401, "unauthorized"), "{authorization}");
    }
    assert_eq!(rows(&world).await, 0);
}

#[tokio::test]
async fn form_of_a_page_of_another_origin_reaches_no_route() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let ada = world.user(&host, "Ada", &[]).await;
    let token = host.users().token(UserId::from(ada.id), None).await.unwrap();
    let served = Served::new(host).await;
    for method in [Method::POST, Method::PATCH] {
        for with_token in [false, true] {
            for (name, value) in [
                ("origin", "https://evil.example"),
                // What a page has that a plugin served.
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                let request = served.request(method.clone(), "/hooks/routes/in?insert=a").header(name, value);
                let request = request.header("content-type", "application/x-www-form-urlencoded").body("a=b");
                let request = if with_token { request.bearer_auth(&token) } else { request };
                let answer = Got::to(request).await;
                assert_eq!(
                    (answer.status, answer.kind().as_str()),
                    (403, "foreign-origin"),
                    "{name}: {value}"
                );
            }
        }
    }
    let rebound = served.request(Method::POST, "/hooks/routes/in?insert=a").header("host", "evil.example");
    assert_eq!(Got::to(rebound).await.kind(), "wrong-host");
    assert_eq!(rows(&world).await, 0);
    let sender = served.request(Method::POST, "/hooks/routes/in?insert=a").body("a=b");
    assert_eq!((Got::to(sender).await.status, rows(&world).await), (200, 1), "a service has no origin");
}

#[tokio::test]
async fn answer_that_breaks_a_rule_is_an_error_and_changes_nothing() {
    let world = World::new().await;
    let served = served(&world).await;
    for (orders, words) in [
        ("header=set-cookie:session%3D1", "`set-cookie`"),
        ("header=Set-Cookie:a", "Set-Cookie"),
        ("header=location:https://evil.example/", "location"),
        ("header=access-control-allow-origin:*", "access-control-allow-origin"),
        ("header=content-security-policy:script-src", "content-security-policy"),
        ("header=strict-transport-security:a", "strict-transport-security"),
        ("header=clear-site-data:a", "clear-site-data"),
        ("header=x-accel-redirect:/etc/passwd", "x-accel-redirect"),
        ("header=x-request-id:forged", "x-request-id"),
        ("header=connection:close", "connection"),
        ("header=content-type:text/javascript", "scripts"),
        ("header=content-type:text/html;charset=utf-7", "charset"),
        ("header=etag:1&header=etag:2", "twice"),
        ("status=302", "its status is 302"),
        ("status=101", "its status is 101"),
        ("status=0", "its status is 0"),
        ("status=999", "its status is 999"),
        ("status=204&text=a", "has no body"),
    ] {
        // An entry that has just answered is not quarantined.
        assert_eq!(ask(&served, Method::POST, "/hooks/routes/in").await.status, 200);
        let answer = ask(&served, Method::POST, &format!("/hooks/routes/in?insert=a&{orders}")).await;
        assert_eq!((answer.status, answer.kind().as_str()), (500, "plugin-failed"), "{orders}: {answer:?}");
        let message = answer.message();
        assert!(
            message.contains("its answer is not acceptable") && message.contains(words.trim_matches('`')),
            "{message}"
        );
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_eq!(rows(&world).await, 0);
}

#[tokio::test]
async fn body_of_an_answer_at_its_bytes_is_sent_and_over_them_is_not() {
    let world = World::new().await;
    let served = served(&world).await;
    let of = |bytes: u64| format!("/hooks/routes/pages?bytes={bytes}");
    let at = ask(&served, Method::GET, &of(ROUTE_RESPONSE_BYTES_MAX)).await;
    assert_eq!((at.status, at.bytes.len() as u64), (200, ROUTE_RESPONSE_BYTES_MAX));
    let over = ask(&served, Method::GET, &of(ROUTE_RESPONSE_BYTES_MAX + 1)).await;
    assert_eq!((over.status, over.kind().as_str()), (500, "plugin-failed"));
    let far = ask(&served, Method::GET, &of(8 * ROUTE_RESPONSE_BYTES_MAX)).await;
    assert_eq!((far.status, far.kind().as_str()), (500, "too-large"), "{far:?}");
}

#[tokio::test]
async fn page_comes_with_the_headers_that_keep_it_from_acting() {
    let world = World::new().await;
    let served = served(&world).await;
    let path = "/hooks/routes/pages?header=content-type:text/html&text=%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [path.to_owned(), format!("{path}&status=404"), path.replace("text/html", "image/svg%2Bxml")]
    {
        let path = path.replace("%2B", "+");
        let page = ask(&served, Method::GET, &path).await;
        assert_eq!(page.text(), "<script>alert(1)</script>");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.ends_with("; sandbox"), "{page:?}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!page.header("x-request-id").is_empty());
    }
    let page = ask(&served, Method::GET, path).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let kept =
        ask(&served, Method::GET, "/hooks/routes/pages?header=cache-control:max-age=60&header=etag:1").await;
    assert_eq!((kept.header("cache-control"), kept.header("etag")), ("max-age=60", "1"));
    let head = line(&served, &format!("HEAD {path}")).await;
    assert!(head.contains("content-length: 25") && head.ends_with("\r\n\r\n"), "no body: {head}");
    let none = ask(&served, Method::GET, "/hooks/routes/pages?status=204&bytes=0").await;
    assert_eq!((none.status, none.header("content-type")), (204, ""));
}

#[tokio::test]
async fn error_status_rolls_back_and_any_other_commits() {
    let world = World::new().await;
    let served = served(&world).await;
    for (status, is_kept) in [(400, 0), (404, 0), (422, 0), (503, 0), (200, 1), (202, 1), (304, 1)] {
        let before = rows(&world).await;
        let path = format!("/hooks/routes/in?insert=a&status={status}&bytes=0");
        let answer = ask(&served, Method::POST, &path).await;
        assert_eq!((answer.status, rows(&world).await - before), (status, is_kept), "{answer:?}");
    }
    // An action's calls are transactions of their own.
    let before = rows(&world).await;
    let action = ask(&served, Method::PATCH, "/hooks/routes/in?insert=a&status=400&bytes=0").await;
    assert_eq!((action.status, rows(&world).await - before), (400, 1));
}

#[tokio::test]
async fn body_arrives_as_it_was_sent_whatever_its_type() {
    let world = World::new().await;
    let served = served(&world).await;
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    for headers in [
        &[][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "text/plain; charset=utf-16"), ("content-encoding", "gzip")],
    ] {
        let request = served.request(Method::POST, "/hooks/routes/in").body(bytes.clone());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let got = Got::to(request).await.json();
        assert_eq!((&got["bytes"], &got["sum"]), (&json!(bytes.len()), &json!(sum)), "{headers:?}");
        for (name, value) in headers {
            assert!(got["headers"].to_string().contains(&format!("{name}: {value}")), "{got}");
        }
    }
    let marked = served.request(Method::POST, "/hooks/routes/in").body(&b"\xef\xbb\xbf{}"[..]);
    assert_eq!(Got::to(marked).await.json()["bytes"], 5, "a byte order mark is a part of what is signed");
    let get = served.request(Method::GET, "/hooks/routes/pages").body("ignored");
    assert_eq!(Got::to(get).await.json()["bytes"], 0);
}

#[tokio::test]
async fn read_of_a_body_at_its_bounds_is_accepted_and_over_them_rejected() {
    let world = World::new().await;
    let served = served(&world).await;
    let read = async |max: u32, bytes: usize| {
        let path = format!("/hooks/routes/in?read={max}");
        Got::to(served.request(Method::POST, &path).body(vec![b'x'; bytes])).await.text()
    };
    let most = HTTP_READ_BYTES_MAX;
    for max in [0, most + 1, u32::MAX] {
        assert!(read(max, 10).await.contains("max: must be from 1 to 65536"), "{max}");
    }
    assert_eq!(read(1, 10).await, "10");
    assert_eq!(read(most, usize::try_from(most).unwrap() + 1).await, "2");
    assert_eq!(read(most, 0).await, "0");
}

#[tokio::test]
async fn body_at_the_limit_is_accepted_and_over_it_rejected() {
    let world = World::new().await;
    let served = served(&world).await;
    let send = async |bytes: usize| {
        let body = vec![b'x'; bytes];
        Got::to(served.request(Method::POST, "/hooks/routes/in?insert=a&read=65536").body(body)).await
    };
    let over = send(BODY_BYTES_MAX + 1).await;
    assert_eq!((over.status, over.kind().as_str()), (413, "body-too-large"));
    assert_eq!(rows(&world).await, 0);
    let at = send(BODY_BYTES_MAX).await;
    assert_eq!((at.status, at.text()), (200, (BODY_BYTES_MAX / 65_536).to_string()));
}

#[tokio::test]
async fn plugin_reads_no_more_bytes_and_opens_no_more_bodies_than_its_limits_allow() {
    let world = World::new().await;
    let folder = altered("routes", limited("http-bytes = \"1000 B\""));
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let served = Served::new(host).await;
    let read = async |bytes: usize| {
        Got::to(served.request(Method::POST, "/hooks/routes/in?read=500").body(vec![b'x'; bytes]))
            .await
            .text()
    };
    assert_eq!(read(1_000).await, "2");
    assert!(read(1_001).await.contains("http-bytes would be 1001, and at most 1000 is allowed"));
    let world = World::new().await;
    // The guest's handle counts as one more where the guest drops it.
    for (handles, orders, expected) in [(2, "", 200), (1, "", 500), (1, "?keep", 200), (0, "?keep", 500)] {
        let folder = altered("routes", limited(&format!("handles = {handles}")));
        let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
        let served = Served::new(host).await;
        let answer = ask(&served, Method::GET, &format!("/hooks/routes/pages{orders}")).await;
        assert_eq!(answer.status, expected, "{handles} {orders}: {answer:?}");
        if expected == 500 {
            assert_eq!(answer.json()["error"]["limit"], "handles");
        }
    }
}

#[tokio::test]
async fn sender_of_a_slow_body_is_sent_away_and_holds_no_invocation() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let options = ServerOptions { body: Duration::from_millis(300), ..ServerOptions::default() };
    let served = Served::with(host.clone(), options).await;
    let mut wire = Wire::to(served.address).await;
    let head = format!(
        "POST /hooks/routes/in?insert=a HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\n12345",
        served.address
    );
    wire.send(head).await;
    let answer = wire.rest().await;
    assert!(status(&answer) == 408 && answer.contains("body-too-slow"), "{answer}");
    assert!(
        !host.metrics().contains(
            "palisade_invocations_total{plugin=\"routes\",kind=\"mutation\",outcome=\"cancelled\"} 1"
        )
    );
    assert_eq!(rows(&world).await, 0);
}

#[tokio::test]
async fn mutation_that_loses_a_race_reads_its_body_again() {
    let world = World::new().await;
    let served = served(&world).await;
    let body = vec![b'x'; 200_000];
    let send = || async {
        Got::to(served.request(Method::POST, "/hooks/routes/in?count&bytes=1").body(body.clone())).await
    };
    let mut done = 0;
    for _ in 0..6 {
        for answer in futures_util::future::join_all((0..6).map(|_| send())).await {
            // On a busy machine one may lose every race.
            assert!(answer.status == 200 || answer.kind() == "contended", "{answer:?}");
            done += i64::from(answer.status == 200);
        }
    }
    let whole = format!("SELECT count(*) FROM plugin_routes.seen WHERE what LIKE '% {}'", body.len());
    assert_eq!((rows(&world).await, world.count(&whole).await), (done, done));
    let different = "SELECT count(DISTINCT what) FROM plugin_routes.seen";
    assert_eq!(world.count(different).await, done, "they ran as if one after the other");
    let metrics = served.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let again = metrics.lines().find_map(|line| {
        line.strip_prefix(
            "palisade_invocations_total{plugin=\"routes\",kind=\"mutation\",outcome=\"again\"} ",
        )
    });
    let again: u64 = again.unwrap().parse().unwrap();
    assert!(again > 0, "none lost a race: {metrics}");
}

#[tokio::test]
async fn handler_that_fails_for_all_is_quarantined_and_the_others_are_served() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let served = Served::new(host.clone()).await;
    // One sender's request, again and again, is one cause.
    for _ in 0..3 * BREAKER_FAILURES {
        let same = served.request(Method::POST, "/hooks/routes/in?trap").header("x-signature", "a");
        assert_eq!(Got::to(same).await.kind(), "plugin-failed");
    }
    let mut quarantined = None;
    for n in 0..10 * BREAKER_FAILURES {
        let answer = Got::to(served.request(Method::POST, "/hooks/routes/in?trap").body(n.to_string())).await;
        match answer.kind().as_str() {
            "plugin-failed" => {}
            "quarantined" => {
                quarantined = Some(n);
                break;
            }
            other => panic!("{other}: {answer:?}"),
        }
    }
    assert!(quarantined.is_some(), "it is never quarantined");
    let entries: Vec<String> = host.statuses()[0].entries.iter().map(|entry| entry.entry.clone()).collect();
    assert_eq!(entries, ["POST /in"]);
    assert_eq!(ask(&served, Method::GET, "/hooks/routes/pages").await.status, 200);
    assert_eq!(
        ask(&served, Method::PATCH, "/hooks/routes/in").await.status,
        200,
        "another method of the same path"
    );
}

#[tokio::test]
async fn handler_that_spins_ends_at_its_limit() {
    let world = World::new().await;
    let folder = altered("routes", limited("guest-time = \"100 ms\""));
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let served = Served::new(host).await;
    let answer = ask(&served, Method::POST, "/hooks/routes/in?insert=a&spin").await;
    assert_eq!(
        (answer.kind().as_str(), &answer.json()["error"]["limit"]),
        ("limit-exceeded", &json!("guest-time"))
    );
    assert_eq!(rows(&world).await, 0);
}

#[tokio::test]
async fn plugin_that_is_disabled_or_unloaded_gets_no_request() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let served = Served::new(host.clone()).await;
    host.disable("routes", "a test").await.unwrap();
    let disabled = ask(&served, Method::POST, "/hooks/routes/in?insert=a").await;
    assert_eq!((disabled.status, disabled.kind().as_str()), (503, "disabled"));
    host.enable("routes").await.unwrap();
    assert_eq!(ask(&served, Method::POST, "/hooks/routes/in?insert=a").await.status, 200);
    assert!(host.unload("routes"));
    assert_eq!(ask(&served, Method::POST, "/hooks/routes/in").await.kind(), "no-such-plugin");
    assert_eq!(rows(&world).await, 1);
}

async fn refused(
    world: &World,
    manifest: impl FnOnce(String) -> String,
    guest: &str,
    policy: Policy,
) -> String {
    let folder = altered(guest, manifest);
    match world.builder().plugin(folder.path(), policy).build().await {
        Ok(_) => panic!("it is loaded"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn handler_and_routes_that_do_not_fit_are_rejected_at_load_with_the_fix() {
    let world = World::new().await;
    let (before, after) = ("routes = [\n", "]\n");
    let without = |manifest: String| {
        let (head, rest) = manifest.split_once(before).unwrap();
        format!("{head}{}", rest.split_once(after).unwrap().1)
    };
    let sentence = refused(&world, without, "routes", Policy::as_asked()).await;
    assert!(
        sentence.contains("add `routes = [{ path = \"/\", methods = { GET = \"query\" } }]` to [grants]"),
        "{sentence}"
    );
    let with = |manifest| {
        format!("{manifest}\n[grants]\nroutes = [{{ path = \"/\", methods = {{ GET = \"query\" }} }}]\n")
    };
    let sentence = refused(&world, with, "greeter", Policy::as_asked()).await;
    assert!(sentence.contains("does not export `palisade:plugin/routes`"), "{sentence}");
    assert!(sentence.contains("- export palisade:plugin/routes;"), "{sentence}");
    let tables = "db = { tables = { seen = [\"select\", \"insert\"] } }\n";
    let policy = |routes: &str| Policy::only(toml::from_str(&format!("{tables}{routes}")).unwrap());
    let sentence = refused(&world, |manifest| manifest, "routes", policy("")).await;
    assert!(sentence.contains("policy allows none of its routes"), "{sentence}");
    for (from, to, words) in [
        (
            "GET = \"query\"",
            "GET = \"mutation\"",
            "GET is a query, because it must change nothing: use POST for a mutation",
        ),
        ("\"x-signature\"", "\"authorization\"", "the header `authorization` is for the host alone"),
        ("\"/in\"", "\"/in/\"", "is not the path of a route"),
        ("\"/in\"", "\"/pages\"", "two routes have the path"),
    ] {
        let sentence =
            refused(&world, |manifest| manifest.replace(from, to), "routes", Policy::as_asked()).await;
        assert!(sentence.contains(words) && sentence.contains("palisade.toml:"), "{sentence}");
    }
}

#[tokio::test]
async fn policy_that_allows_fewer_routes_leaves_the_others_unserved() {
    let world = World::new().await;
    let grants = "db = { tables = { seen = [\"select\", \"insert\"] } }\nroutes = [{ path = \"/in\", methods = { POST = \"action\" } }]";
    let policy = Policy::only(toml::from_str(grants).unwrap());
    let host = world.builder().plugin(guest("routes"), policy).build().await.unwrap();
    let passport = host.plugin("routes").unwrap().passport;
    assert_eq!(
        passport.routes.into_iter().collect::<Vec<_>>(),
        [("POST /in".to_owned(), palisade::Kind::Mutation)]
    );
    let served = Served::new(host).await;
    assert_eq!(ask(&served, Method::GET, "/hooks/routes/pages").await.status, 404);
    assert_eq!(ask(&served, Method::PATCH, "/hooks/routes/in").await.status, 405);
    let request =
        served.request(Method::POST, "/hooks/routes/in").header("x-signature", "1").header("accept", "a/b");
    assert_eq!(
        Got::to(request).await.json()["headers"],
        json!(["accept: a/b"]),
        "the policy does not name the header"
    );
}

#[tokio::test]
async fn query_and_mutation_of_a_route_can_be_replayed_and_an_action_cannot() {
    let world = World::new().await;
    let host = world.host(&["routes"]).await;
    let replay = Replay::of([7; 32], 1_700_000_000_000_000).unwrap();
    let run = async |host: &Host, method, path| {
        let call = host.route("routes", path).unwrap().call(method).unwrap();
        let outcome = call.query(Some("a")).body("b").replay(replay).await;
        outcome.map(|outcome| outcome.response.into_parts().2)
    };
    for (method, path) in [(RouteMethod::Get, "/pages"), (RouteMethod::Post, "/in")] {
        let (first, second) =
            (run(&host, method, path).await.unwrap(), run(&host, method, path).await.unwrap());
        assert_eq!(first, second);
        let got: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!((&got["now"], &got["body"]), (&json!(1_700_000_000_000_000_i64), &json!("b")));
    }
    let action = run(&host, RouteMethod::Patch, "/in").await;
    assert!(matches!(action, Err(CallError::BadArguments(_))), "{action:?}");
    assert!(host.route("routes", "/in").unwrap().call(RouteMethod::Get).is_none());
    assert!(matches!(host.route("routes", "/../in").err(), Some(CallError::BadArguments(_))));
}
