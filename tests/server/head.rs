//! Requests whose head is malformed, and requests that a web page may have forged.

use super::{GREET, served};
use crate::harness::{Answer, Served, Wire, World, status};
use palisade::guard::user::{Permission, UserId};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn malformed_head_is_refused_and_no_request_hides_in_another() {
    let world = World::new().await;
    let served = served(&world).await;
    let host = format!("Host: {}\r\n", served.address);
    let call = format!("POST {GREET} HTTP/1.1\r\n{host}Content-Type: application/json\r\n");
    for (request, expected, what) in [
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), 400, "no host"),
        (format!("GET /livez HTTP/1.1\r\n{host}{host}\r\n"), 400, "two hosts"),
        (format!("GET /livez HTTP/1.1\r\n{host}Host: localhost\r\n\r\n"), 400, "two different hosts"),
        ("GET /livez HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400, "an empty host"),
        ("GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400, "a host with a space"),
        ("GET /livez HTTP/1.1\r\nHost: u@127.0.0.1\r\n\r\n".to_owned(), 400, "a host with a user"),
        (format!("GET http://example.com/livez HTTP/1.1\r\n{host}\r\n"), 400, "another host in the line"),
        (format!("GET /livez HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"), 400, "a folded header"),
        (format!("GET /livez HTTP/1.1\r\n{host}A : b\r\n\r\n"), 400, "a space before the colon"),
        (format!("GET /livez HTTP/1.1\r\n {host}\r\n"), 400, "a space before the first header"),
        (format!("GET /li vez HTTP/1.1\r\n{host}\r\n"), 400, "a space in the path"),
        (format!("GET /livez HTTP/1.1\r\n{host}A: b\0c\r\n\r\n"), 400, "a NUL"),
        (format!("{call}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"), 400, "two lengths"),
        (format!("{call}Content-Length: +2\r\n\r\n{{}}"), 400, "a length with a sign"),
        (format!("{call}Content-Length: 2, 2\r\n\r\n{{}}"), 400, "a list of lengths"),
        (format!("{call}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), 400, "two codings"),
        (format!("{call}Transfer-Encoding: gzip\r\n\r\n{{}}"), 400, "a coding that does not end"),
        (
            format!("{call}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
            "a coding twice",
        ),
        ("GET /livez HTTP/1.0\r\n\r\n".to_owned(), 200, "a health check of HTTP/1.0 without a host"),
        ("GET /items?type=note HTTP/1.0\r\n\r\n".to_owned(), 400, "a list of HTTP/1.0 without a host"),
        (
            format!(
                "POST {GREET} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            ),
            400,
            "a call of HTTP/1.0 without a host",
        ),
        (
            "DELETE /items/0190a5f0-0000-7000-8000-000000000001 HTTP/1.0\r\n\r\n".to_owned(),
            400,
            "a delete of HTTP/1.0 without a host",
        ),
        (
            format!("GET http://{}/livez HTTP/1.1\r\n{host}Connection: close\r\n\r\n", served.address),
            200,
            "a whole URL",
        ),
    ] {
        let mut wire = Wire::to(served.address).await;
        wire.send(&request).await;
        let answer = wire.rest().await;
        assert_eq!(status(&answer), expected, "{what}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{what}: {answer:?}");
    }
    // A length beside a coding of the transfer: the coding counts, as the standard says, and nothing after it is a request.
    let smuggled = format!("GET /livez HTTP/1.1\r\n{host}\r\n");
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let mut wire = Wire::to(served.address).await;
        wire.send(format!("{call}{lengths}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{smuggled}")).await;
        let answer = wire.rest().await;
        assert_eq!((status(&answer), answer.matches("HTTP/1.").count()), (400, 1), "{lengths}: {answer:?}");
        assert!(
            answer.contains("bad-arguments"),
            "the call got its arguments, which lack a name: {answer:?}"
        );
    }
}

/// Every route that changes something, with a body that is right, and whether it may have none.
fn changes(item: &str) -> [(Method, String, Option<serde_json::Value>); 6] {
    [
        (Method::POST, "/call/blog/editing/create".into(), Some(json!({ "title": "One", "body": "text" }))),
        (
            Method::POST,
            "/items".into(),
            Some(json!({ "itemType": "post", "title": "Two", "fields": { "body": "text" } })),
        ),
        (Method::PATCH, format!("/items/{item}"), Some(json!({ "title": "Three" }))),
        (Method::DELETE, format!("/items/{item}"), None),
        (Method::POST, "/admin/plugins/greeter/disable".into(), Some(json!({ "reason": "a test" }))),
        (Method::POST, "/admin/plugins/greeter/enable".into(), None),
    ]
}

/// A server, an item, and the token of a user who may do everything.
async fn everything(world: &World) -> (Served, String, String) {
    let host = world.host(&["blog", "greeter"]).await;
    let may = ["item:create:post", "item:edit:post", "item:delete:post", "host:operate"];
    let may: Vec<_> = may.iter().map(|may| Permission::parse(may).unwrap()).collect();
    host.users().permit("all", &may).await.unwrap();
    let user = world.user(&host, "ada", &["all"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    let served = Served::new(host).await;
    let post =
        json!({ "itemType": "post", "title": "One", "status": "published", "fields": { "body": "text" } });
    let made = Answer::to(served.request(Method::POST, "/items").bearer_auth(&token).json(&post)).await;
    let item = made.body["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    (served, item, token)
}

#[tokio::test]
async fn request_that_a_page_may_have_forged_changes_nothing_on_any_route() {
    let world = World::new().await;
    let (served, item, token) = everything(&world).await;
    let before = world.state().await;
    for (method, path, body) in changes(&item) {
        for with_token in [false, true] {
            let request = |headers: &[(&str, &str)]| {
                let mut request = served.request(method.clone(), &path);
                if let Some(body) = &body {
                    request = request.body(body.to_string());
                    if !headers.iter().any(|(name, _)| *name == "content-type") {
                        request = request.header("content-type", "application/json");
                    }
                }
                for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
                    request = request.header(*name, *value);
                }
                Answer::to(if with_token { request.bearer_auth(&token) } else { request })
            };
            for headers in [
                &[("origin", "https://evil.example")][..],
                &[("origin", "null")],
                &[("origin", "http://localhost:1")],
                &[("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "same-site")],
            ] {
                let answer = request(headers).await;
                assert_eq!(
                    (answer.status, answer.kind()),
                    (403, "foreign-origin"),
                    "{method} {path} {headers:?}"
                );
            }
            if body.is_some() {
                for name in
                    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"]
                {
                    let answer = request(&[("content-type", name)]).await;
                    assert_eq!(
                        (answer.status, answer.kind()),
                        (415, "wrong-content-type"),
                        "{method} {path} {name}"
                    );
                }
            }
            if !with_token {
                let rebound = request(&[("host", "evil.example")]).await;
                assert_eq!((rebound.status, rebound.kind()), (403, "wrong-host"), "{method} {path}");
            }
        }
    }
    for path in ["/items?type=post", "/openapi.json", "/readyz", "/metrics", "/livez", "/nowhere"] {
        let rebound = Answer::to(served.request(Method::GET, path).header("host", "evil.example")).await;
        assert_eq!((rebound.status, rebound.kind()), (403, "wrong-host"), "{path}");
    }
    assert_eq!(world.state().await, before);
    // From a page of the server itself, all of them are done.
    let own = format!("http://{}", served.address);
    for (method, path, body) in changes(&item) {
        let request = served
            .request(method.clone(), &path)
            .header("origin", &own)
            .header("sec-fetch-site", "same-origin");
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = Answer::to(request.bearer_auth(&token)).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
    }
    assert_ne!(world.state().await, before);
}

#[tokio::test]
async fn body_that_is_not_plain_utf_8_is_415_and_says_why() {
    let world = World::new().await;
    let served = served(&world).await;
    let right = br#"{"name":"Ada"}"#;
    let utf_16: Vec<u8> = "{\"name\":\"Ada\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, value, body, words) in [
        ("content-encoding", "gzip", right.to_vec(), "content-encoding"),
        ("content-encoding", "br", right.to_vec(), "content-encoding"),
        ("content-type", "application/json; charset=iso-8859-1", b"{\"name\":\"\xe9\"}".to_vec(), "UTF-8"),
        ("content-type", "application/json; charset=utf-16", utf_16.clone(), "UTF-8"),
        ("x-a", "b", [&b"\xef\xbb\xbf"[..], right].concat(), "byte order mark"),
        ("x-a", "b", [&b"\xff\xfe"[..], &utf_16].concat(), "byte order mark"),
    ] {
        let mut request = served.request(Method::POST, GREET).header(name, value).body(body);
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.kind()), (415, "wrong-content-type"), "{name}: {value}");
        assert!(answer.message().contains(words), "{}", answer.message());
    }
    let request = served.raw(GREET, right.to_vec()).header("content-encoding", "identity");
    assert_eq!(Answer::to(request).await.status, 200);
}
