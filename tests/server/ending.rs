//! What happens when the server loses its database, and when it shuts down.

use super::{GREET, served};
use crate::harness::{Answer, OwnServer, Served, World, builder, guest};
use palisade::Policy;
use reqwest::Method;
use serde_json::{Value, json};
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

#[tokio::test]
async fn shutdown_finishes_running_calls_and_rejects_new_ones() {
    let world = World::new().await;
    let mut served = served(&world).await;
    world
        .sql
        .batch_execute("BEGIN; LOCK TABLE plugin_audit_trail.entries IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let running = tokio::spawn(Answer::to(served.request(Method::POST, TRAIL).json(&trail())));
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while world.count(waiting).await == 0 {
        assert!(!running.is_finished(), "the call still waits for the lock");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.stop();
    served.until("/readyz", 503).await;
    let refused = served.post(GREET, &json!({ "name": "Ada" })).await;
    assert_eq!((refused.status, refused.kind()), (503, "draining"));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(served.get("/livez").await.status, 200);
    world.sql.batch_execute("COMMIT").await.unwrap();
    let answer = running.await.unwrap();
    assert_eq!((answer.status, answer.body), (200, json!([])));
    served.ended().await;
    assert!(tokio::net::TcpStream::connect(served.address).await.is_err(), "the server no longer listens");
}
