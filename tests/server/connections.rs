//! Callers who hold connections: they say nothing, do not take their answers, or leave.

use super::{GREET, hold, served, until_waiting};
use crate::command::child::Serving;
use crate::harness::{Answer, Served, Wire, World, status};
use palisade_server::ServerOptions;
use reqwest::Method;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const TRAIL: &str = "/call/audit-trail/trail/list";
async fn served_with(world: &World, options: ServerOptions) -> Served {
    Served::with(world.host(&["blog", "audit-trail", "greeter"]).await, options).await
}

/// A GET that a connection answers and stays open after.
fn get(address: SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
}

fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn trail(address: SocketAddr) -> String {
    post(address, TRAIL, &json!({ "item": "0190a5f0-0000-7000-8000-000000000000" }))
}

/// Connections whose calls wait until the world's transaction ends.
async fn waiting(world: &World, address: SocketAddr, count: i64) -> Vec<Wire> {
    hold(world).await;
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::to(address).await;
        wire.send(trail(address)).await;
        wires.push(wire);
    }
    until_waiting(world, count).await;
    wires
}

/// A client that calls from an address of its own.
fn client_at(address: &str) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().local_address(Some(address.parse().unwrap()));
    client.pool_max_idle_per_host(0).timeout(Duration::from_mins(1)).build().unwrap()
}

#[tokio::test]
async fn caller_who_does_not_take_answers_is_dropped() {
    let world = World::new().await;
    // Long enough for all four to wait at once, however busy the machine is.
    let options =
        ServerOptions { write: Duration::from_secs(12), connections: 8, ..ServerOptions::default() };
    let served = served_with(&world, options).await;
    let mut wires = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::to(served.address).await;
        wire.send(get(served.address, "/openapi.json").repeat(1_000)).await;
        wires.push(wire);
    }
    // Their places are taken, and one does not give way while an answer is being written.
    let document = || served.get("/openapi.json");
    let mut refused = document().await;
    for _ in 0..1_000 {
        if refused.status == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        refused = document().await;
    }
    assert_eq!((refused.status, refused.kind()), (503, "overloaded"));
    assert_eq!(served.get("/livez").await.status, 200);
    served.until("/openapi.json", 200).await;
    for mut wire in wires {
        assert!(wire.rest().await.matches("HTTP/1.1 200").count() < 1_000);
    }
}

#[tokio::test]
async fn caller_who_takes_answers_slowly_but_steadily_gets_them() {
    let world = World::new().await;
    let options = ServerOptions { write: Duration::from_millis(500), ..ServerOptions::default() };
    let served = served_with(&world, options).await;
    let mut wire = Wire(TcpStream::connect(served.address).await.unwrap());
    let one = served.get("/openapi.json").await;
    let answers = 200;
    wire.send(get(served.address, "/openapi.json").repeat(answers)).await;
    let mut all = Vec::new();
    let mut some = vec![0; 65_536];
    let expected = answers * one.body.to_string().len();
    while all.len() < expected {
        // Ten times what a caller has to take.
        for _ in 0..20 {
            let read = tokio::time::timeout(Duration::from_secs(1), wire.0.read(&mut some)).await;
            let Ok(read) = read else { break };
            let bytes = read.unwrap();
            assert!(bytes > 0, "closed after {} of {expected} bytes", all.len());
            all.extend_from_slice(&some[..bytes]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(String::from_utf8_lossy(&all).matches("HTTP/1.1 200").count(), answers);
}

#[tokio::test]
async fn connection_without_a_whole_head_is_closed() {
    let world = World::new().await;
    let options = ServerOptions { head: Duration::from_millis(300), ..ServerOptions::default() };
    let served = served_with(&world, options).await;
    for (sent, answers) in [
        (String::new(), 0),
        ("G".to_owned(), 0),
        (format!("GET /livez HTTP/1.1\r\nHost: {}\r\nA: ", served.address), 0),
        (get(served.address, "/livez"), 1),
        (format!("{}GET", get(served.address, "/livez")), 1),
    ] {
        let mut wire = Wire::to(served.address).await;
        wire.send(&sent).await;
        let rest = wire.rest().await;
        assert_eq!(rest.matches("HTTP/1.1 200").count(), answers, "{sent:?}: {rest:?}");
    }
}

#[tokio::test]
async fn head_at_the_limit_is_read_and_over_it_refused() {
    let world = World::new().await;
    let served = served(&world).await;
    let with = |bytes: usize| {
        let headers = (0..bytes / 1_000)
            .map(|number| format!("X-{number}: {}\r\n", "x".repeat(990)))
            .collect::<Vec<_>>()
            .concat();
        format!("GET /livez HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", served.address)
    };
    for (bytes, expected) in [(79_000, 200), (90_000, 431)] {
        let mut wire = Wire::to(served.address).await;
        wire.send(with(bytes)).await;
        assert_eq!(status(&wire.rest().await), expected, "{bytes}");
    }
}

#[tokio::test]
async fn call_ends_when_its_caller_leaves_and_requests_behind_it_are_not_run() {
    let world = World::new().await;
    let host = world.host(&["audit-trail", "greeter"]).await;
    let served = Served::new(host.clone()).await;
    hold(&world).await;
    let mut wire = Wire::to(served.address).await;
    let behind = post(served.address, GREET, &json!({ "name": "Ada" }));
    wire.send(trail(served.address) + &behind.repeat(20)).await;
    until_waiting(&world, 1).await;
    drop(wire);
    // Without a notice of the end, the call would wait on, and then the requests behind it would run.
    until_waiting(&world, 0).await;
    // A request that was read before would run now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ran = r#"palisade_invocations_total{plugin="greeter",kind="query",outcome="answered"}"#;
    assert!(
        !host.metrics().lines().any(|line| line.starts_with(ran) && !line.ends_with(" 0")),
        "{}",
        host.metrics()
    );
    world.sql.batch_execute("COMMIT").await.unwrap();
    assert_eq!(served.post(GREET, &json!({ "name": "Ada" })).await.status, 200);
}

#[tokio::test]
async fn health_is_answered_while_calls_hold_every_place_of_a_peer() {
    let world = World::new().await;
    let served = served_with(&world, ServerOptions { connections: 8, ..ServerOptions::default() }).await;
    let mut wires = waiting(&world, served.address, 4).await;
    for _ in 0..200 {
        // Connections that say nothing, and take no place from a health check.
        wires.push(Wire::to(served.address).await);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        let url = format!("http://{}{path}", served.address);
        assert_eq!(client_at("127.0.0.1").get(url).send().await.unwrap().status(), 200, "{path}");
    }
    let refused = served.post(GREET, &json!({ "name": "Ada" })).await;
    assert_eq!((refused.status, refused.kind()), (503, "overloaded"), "{refused:?}");
    assert_eq!(
        (&refused.body["error"]["blame"], refused.header("connection")),
        (&json!("operator"), "close")
    );
    assert!(!refused.header("retry-after").is_empty());
    let other = client_at("127.0.0.2").post(format!("http://{}{GREET}", served.address));
    assert_eq!(
        Answer::to(other.json(&json!({ "name": "Ada" }))).await.status,
        200,
        "another peer has its own part"
    );
    world.sql.batch_execute("COMMIT").await.unwrap();
    for wire in &mut wires[..4] {
        assert_eq!(status(&wire.head().await), 200, "a running call is not given up");
    }
    drop(wires);
    for _ in 0..1_000 {
        if served.post(GREET, &json!({ "name": "Ada" })).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the places are never returned");
}

#[tokio::test]
async fn requests_of_a_peer_at_the_limit_are_run_and_over_it_refused() {
    let world = World::new().await;
    let served = served_with(&world, ServerOptions { requests: 8, ..ServerOptions::default() }).await;
    let mut wires = waiting(&world, served.address, 4).await;
    let refused = served.post(GREET, &json!({ "name": "Ada" })).await;
    assert_eq!((refused.status, refused.kind()), (503, "overloaded"), "{refused:?}");
    assert_eq!(served.get("/livez").await.status, 200);
    let other = client_at("127.0.0.2").post(format!("http://{}{GREET}", served.address));
    assert_eq!(Answer::to(other.json(&json!({ "name": "Ada" }))).await.status, 200);
    world.sql.batch_execute("COMMIT").await.unwrap();
    for wire in &mut wires {
        assert_eq!(status(&wire.head().await), 200);
    }
}

#[tokio::test]
async fn proxy_may_hold_every_place() {
    let world = World::new().await;
    let proxies = vec!["127.0.0.1".parse().unwrap()];
    let options = ServerOptions { connections: 8, requests: 8, proxies, ..ServerOptions::default() };
    let served = served_with(&world, options).await;
    let mut wires = waiting(&world, served.address, 8).await;
    world.sql.batch_execute("COMMIT").await.unwrap();
    for wire in &mut wires {
        assert_eq!(status(&wire.head().await), 200);
    }
}

#[tokio::test]
async fn idle_connections_give_way_to_calls_when_files_run_out() {
    let world = World::new().await;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum },
    )
    .unwrap();
    let serving = Serving::start_with_files(&world, 640, &["--grace", "0"]).await;
    let address: SocketAddr = serving.url().trim_start_matches("http://").parse().unwrap();
    let mut wires = Vec::new();
    for number in 0..1_000 {
        let mut wire = Wire::to(address).await;
        if number % 2 == 0 {
            // The server may have closed it already, to make place for the next.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut wire.0, b"G").await;
        }
        wires.push(wire);
    }
    for _ in 0..20 {
        let call = crate::harness::client().post(format!("{}{GREET}", serving.url()));
        let answer = Answer::to(call.json(&json!({ "name": "Ada" }))).await;
        assert_eq!((answer.status, answer.body), (200, json!("Hello, Ada!")));
    }
    for path in ["/livez", "/readyz"] {
        let answer =
            Answer::to(crate::harness::client().request(Method::GET, format!("{}{path}", serving.url())))
                .await;
        assert_eq!(answer.status, 200, "{path}");
    }
    drop(wires);
    let ended = serving.terminate().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("limit of open files leaves room for fewer connections"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("could not be accepted"), "{}", ended.stderr);
}
