//! What happens when the server loses its database, and when it shuts down.

use super::{GREET, hold, until_waiting};
use crate::command::child::Serving;
use crate::harness::{Answer, OwnServer, Served, Wire, World, altered, builder, client, guest, status};
use palisade::Policy;
use palisade_server::ServerOptions;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const TRAIL: &str = "/call/audit-trail/trail/list";

fn trail() -> Value {
    json!({ "item": "0190a5f0-0000-7000-8000-000000000000" })
}

#[tokio::test]
async fn lost_database_is_503_until_it_comes_back() {
    let own = OwnServer::new();
    let database = own.start().await;
    let builder = builder(database.url());
    let builder =
        builder.plugin(guest("greeter"), Policy::as_asked()).plugin(guest("audit-trail"), Policy::as_asked());
    let served = Served::new(builder.build().await.unwrap()).await;
    assert_eq!(served.post(TRAIL, &trail()).await.status, 200);
    database.stop().await;
    for answer in [
        served.post(TRAIL, &trail()).await,
        served.get("/items?type=post").await,
        served.get("/readyz").await,
    ] {
        assert_eq!((answer.status, answer.kind()), (503, "unavailable"), "{answer:?}");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        assert_eq!(answer.body["error"]["blame"], "operator");
    }
    assert_eq!(served.get("/livez").await.status, 200, "a restart would not help");
    assert_eq!(served.post(GREET, &json!({ "name": "Ada" })).await.status, 200, "the call needs no database");
    let again = own.start().await;
    served.until("/readyz", 200).await;
    let answer = served.post(TRAIL, &trail()).await;
    assert_eq!((answer.status, answer.body), (200, json!([])));
    drop(served);
    again.stop().await;
}

/// A call of the audit trail that waits for a lock, until the returned world's COMMIT.
async fn waiting_call(world: &World, served: &Served) -> tokio::task::JoinHandle<Answer> {
    hold(world).await;
    let running = tokio::spawn(Answer::to(served.request(Method::POST, TRAIL).json(&trail())));
    until_waiting(world, 1).await;
    running
}

async fn served_with(world: &World, grace_ms: u64, drain_ms: u64) -> Served {
    let (grace, drain) = (Duration::from_millis(grace_ms), Duration::from_millis(drain_ms));
    let host = world.host(&["audit-trail", "greeter"]).await;
    Served::with(host, ServerOptions { grace, drain, ..ServerOptions::default() }).await
}

#[tokio::test]
async fn stopping_server_says_so_answers_for_a_grace_and_finishes_running_calls() {
    let world = World::new().await;
    let mut served = served_with(&world, 3_000, 60_000).await;
    let running = waiting_call(&world, &served).await;
    served.stop();
    served.until("/readyz", 503).await;
    let ready = served.get("/readyz").await;
    assert_eq!((ready.kind(), ready.header("retry-after").is_empty()), ("draining", false));
    let answered = served.post(GREET, &json!({ "name": "Ada" })).await;
    assert_eq!((answered.status, answered.header("connection")), (200, "close"));
    assert_eq!(served.get("/livez").await.status, 200);
    while tokio::net::TcpStream::connect(served.address).await.is_ok() {
        assert!(!running.is_finished());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!running.is_finished(), "the server listens no longer, and the call still runs");
    world.sql.batch_execute("COMMIT").await.unwrap();
    let answer = running.await.unwrap();
    assert_eq!((answer.status, answer.header("connection"), answer.body.clone()), (200, "close", json!([])));
    served.ended().await;
}

#[tokio::test]
async fn call_that_runs_longer_than_the_drain_is_cancelled() {
    let world = World::new().await;
    let mut served = served_with(&world, 0, 300).await;
    let running = waiting_call(&world, &served).await;
    served.stop();
    served.ended().await;
    assert!(running.await.is_err(), "its connection is closed without an answer");
    world.sql.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn every_request_of_keep_alive_callers_is_answered_while_the_server_stops() {
    let world = World::new().await;
    for round in 0..3 {
        let mut served = served_with(&world, 500, 60_000).await;
        let url = format!("http://{}{GREET}", served.address);
        let callers: Vec<_> = (0..24)
            .map(|_| {
                let (url, client) = (url.clone(), reqwest::Client::builder().no_proxy().build().unwrap());
                tokio::spawn(async move {
                    for answered in 0.. {
                        match client.post(&url).json(&json!({ "name": "Ada" })).send().await {
                            Ok(answer) => assert_eq!(answer.status(), 200),
                            // The server listens no longer: the request was never sent.
                            Err(error) if error.is_connect() => return answered,
                            Err(error) => panic!("{answered} answers, then {error:?}"),
                        }
                    }
                    0
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        served.stop();
        for caller in callers {
            assert!(caller.await.unwrap() > 0, "round {round}");
        }
        served.ended().await;
    }
}

#[tokio::test]
async fn request_on_a_connection_that_was_accepted_before_the_end_is_answered() {
    let world = World::new().await;
    let mut served = served_with(&world, 1_000, 60_000).await;
    let (mut silent, mut idle) = (Wire::to(served.address).await, Wire::to(served.address).await);
    let get = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    idle.send(&get).await;
    assert_eq!(status(&idle.head().await), 200);
    served.stop();
    while tokio::net::TcpStream::connect(served.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for wire in [&mut silent, &mut idle] {
        wire.send(&get).await;
        let rest = wire.rest().await;
        assert!(rest.contains("HTTP/1.1 200") && rest.to_lowercase().contains("connection: close"), "{rest}");
    }
    served.ended().await;
}

#[tokio::test]
async fn readyz_answers_while_the_database_is_frozen() {
    let own = OwnServer::new();
    let database = own.start().await;
    let host = builder(database.url()).plugin(guest("greeter"), Policy::as_asked()).build().await.unwrap();
    let served = Served::new(host).await;
    served.until("/readyz", 200).await;
    let frozen = Frozen::of(&own);
    for _ in 0..3 {
        let answer = tokio::time::timeout(Duration::from_secs(10), served.get("/readyz")).await;
        let answer = answer.expect("an answer while the database is frozen");
        assert_eq!((answer.status, answer.kind()), (503, "unavailable"));
        assert_eq!(answer.body["error"]["blame"], "operator");
    }
    assert_eq!(served.get("/livez").await.status, 200);
    drop(frozen);
    served.until("/readyz", 200).await;
    drop(served);
    database.stop().await;
}

/// The processes of a server, stopped until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn of(own: &OwnServer) -> Self {
        let postmaster = own.postmaster();
        let children = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name in brackets: the state, and the parent.
            let parent: i32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            (parent == postmaster).then_some(id)
        });
        let all = [postmaster].into_iter().chain(children).filter_map(Pid::from_raw).collect();
        let frozen = Self(all);
        frozen.each(Signal::STOP);
        frozen
    }

    fn each(&self, signal: Signal) {
        for process in &self.0 {
            let _ = kill_process(*process, signal);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.each(Signal::CONT);
    }
}

#[tokio::test]
async fn served_process_outlives_sighup_and_a_second_sigterm_ends_it_at_once() {
    let world = World::new().await;
    let serving = Serving::start(&world, &["--grace", "100"]).await;
    serving.signal("-HUP").await;
    let greet = || client().post(format!("{}{GREET}", serving.url())).json(&json!({ "name": "Ada" }));
    assert_eq!(Answer::to(greet()).await.status, 200);
    serving.signal("-TERM").await;
    while Answer::to(greet()).await.header("connection") != "close" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended = serving.terminate().await;
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("second signal"), "{}", ended.stderr);
}

#[tokio::test]
async fn drain_waits_for_the_cron_tap_that_runs_and_starts_no_more() {
    let world = World::new().await;
    let often = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let host = world.builder().plugin(often.path(), Policy::as_asked()).build().await.unwrap();
    world.sql.batch_execute("BEGIN; LOCK TABLE palisade.variables IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 'palisade.variables'::regclass AND NOT granted";
    while world.count(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut drained = Box::pin(host.drain(Duration::from_mins(1)));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), drained.as_mut()).await.is_err(),
        "the tap still runs"
    );
    world.sql.batch_execute("ROLLBACK").await.unwrap();
    drained.as_mut().await;
    drop(drained);
    let written = "SELECT coalesce(max(value::text), '') FROM palisade.variables WHERE plugin = 'taps'";
    let first: String = world.sql.query_one(written, &[]).await.unwrap().get(0);
    assert!(!first.is_empty(), "the tap ran to its end");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let later: String = world.sql.query_one(written, &[]).await.unwrap().get(0);
    assert_eq!(later, first);
    host.stop().await;
}
