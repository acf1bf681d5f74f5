//! Queries of one statement, which run without a transaction, and what happens when they send a second one.

use super::rows::{fill, run, step};
use crate::harness::{EmptyCache, OnGet, World, call, guest};
use async_trait::async_trait;
use palisade::{Host, Policy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

fn first() -> Value {
    json!({ "tag": "first" })
}

/// A host with three numbers, whose function is known to send one statement.
async fn host_that_knows_its_function(world: &World) -> Host {
    let host = world.host(&["cursors"]).await;
    fill(world, 3).await;
    assert_eq!(run(&host, "reading", &[first()]).await, ["1"]);
    host
}

/// Waits until the last statement on the plugin's connections starts with this text.
async fn wait_for_last_statement(world: &World, start: &str) {
    let last = "SELECT query FROM pg_stat_activity JOIN palisade.plugins ON role = usename \
        WHERE datname = current_database() AND state = 'idle' ORDER BY query_start DESC LIMIT 1";
    let mut statement = String::new();
    for _ in 0..500 {
        // While the ROLLBACK is on its way, no connection is idle.
        statement = world.sql.query_opt(last, &[]).await.unwrap().map(|row| row.get(0)).unwrap_or_default();
        if statement.starts_with(start) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{statement}");
}

#[tokio::test]
async fn query_known_to_send_one_select_sends_nothing_else() {
    let world = World::new().await;
    let host = host_that_knows_its_function(&world).await;
    // On the first call the host knows nothing about the function.
    wait_for_last_statement(&world, "ROLLBACK").await;
    assert_eq!(run(&host, "reading", &[first()]).await, ["1"]);
    wait_for_last_statement(&world, "SELECT \"n\"").await;
}

#[tokio::test]
async fn select_by_key_needs_no_limit_for_autocommit() {
    let world = World::new().await;
    let host = host_that_knows_its_function(&world).await;
    for (number, row) in [("2", "2"), ("9", "end")] {
        assert_eq!(run(&host, "reading", &[step("only", number)]).await, [row]);
        wait_for_last_statement(&world, "SELECT \"n\" FROM \"plugin_cursors\".\"numbers\" WHERE").await;
    }
}

#[tokio::test]
async fn aggregate_of_all_rows_runs_without_a_transaction() {
    let world = World::new().await;
    let host = host_that_knows_its_function(&world).await;
    assert_eq!(run(&host, "reading", &[json!({ "tag": "count" })]).await, ["3"]);
    wait_for_last_statement(&world, "SELECT \"pg_catalog\".\"count\"(*) FROM \"plugin_cursors\".\"numbers\"")
        .await;
}

#[tokio::test]
async fn query_known_to_read_items_once_sends_nothing_else() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let id = "0190a5f0-0000-7000-8000-000000000001";
    let criteria = json!({ "itemType": "note", "status": null, "fields": null, "order": "newest", "limit": 3, "after": null });
    for (function, arguments) in
        [("reads/item-find", json!({ "criteria": criteria })), ("reads/item-get", json!({ "id": id }))]
    {
        let read = || call(&host, "probe", function, arguments.clone());
        read().await.unwrap();
        wait_for_last_statement(&world, "ROLLBACK").await;
        read().await.unwrap();
        wait_for_last_statement(&world, "SELECT id, item_type, title").await;
    }
}

#[tokio::test]
async fn query_with_a_second_statement_is_rerun_in_a_transaction() {
    let world = World::new().await;
    let host = host_that_knows_its_function(&world).await;
    let log = |text: &str| step("log", text);
    let steps = [log("before"), first(), log("between"), first(), log("after")];
    let answers = ["logged", "1", "logged", "1", "logged"];
    assert_eq!(run(&host, "reading", &steps).await, answers);
    wait_for_last_statement(&world, "ROLLBACK").await;
    // The records of the discarded run are not written.
    assert_eq!(world.log.messages(), ["before", "between", "after"]);
    assert_eq!(run(&host, "reading", &[first()]).await, ["1"]);
    // The host does not try autocommit again.
    wait_for_last_statement(&world, "ROLLBACK").await;
}

/// A cache that waits for a signal before it answers.
#[derive(Default)]
struct Pausing {
    reached: Notify,
    go_on: Notify,
}

#[async_trait]
impl OnGet for Pausing {
    async fn on_get(&self) {
        self.reached.notify_one();
        self.go_on.notified().await;
    }
}

#[tokio::test]
async fn query_with_a_late_second_statement_sees_one_snapshot() {
    let world = World::new().await;
    let pausing = Arc::new(Pausing::default());
    let builder = world
        .builder()
        .cache(Arc::new(EmptyCache(pausing.clone())))
        .plugin(guest("cursors"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    fill(&world, 3).await;
    assert_eq!(run(&host, "reading", &[first()]).await, ["1"]);
    let steps = [first(), json!({ "tag": "pause" }), first()];
    let reading = tokio::spawn(async move { run(&host, "reading", &steps).await });
    pausing.reached.notified().await;
    world.sql.batch_execute("DELETE FROM plugin_cursors.numbers WHERE n = 1").await.unwrap();
    // Once for the discarded run, once for the run that counts.
    pausing.go_on.notify_one();
    pausing.reached.notified().await;
    pausing.go_on.notify_one();
    assert_eq!(reading.await.unwrap(), ["2", "went on", "2"]);
}

#[tokio::test]
async fn failed_autocommit_select_leaves_the_connection_usable() {
    let world = World::new().await;
    let host = host_that_knows_its_function(&world).await;
    let known = "SELECT role FROM palisade.plugins WHERE name = 'cursors'";
    let role: String = world.sql.query_one(known, &[]).await.unwrap().get(0);
    let revoke = format!("REVOKE SELECT ON plugin_cursors.numbers FROM {role}");
    world.sql.batch_execute(&revoke).await.unwrap();
    let failed = run(&host, "reading", &[first()]).await;
    assert!(failed.len() == 1 && failed[0].contains("AccessDenied"), "{failed:?}");
    let grant = format!("GRANT SELECT ON plugin_cursors.numbers TO {role}");
    world.sql.batch_execute(&grant).await.unwrap();
    assert_eq!(run(&host, "reading", &[first()]).await, ["1"]);
    wait_for_last_statement(&world, "SELECT \"n\"").await;
}

/// The login cannot write in autocommit, even if the statement were not a select.
#[tokio::test]
async fn login_outside_a_transaction_cannot_write() {
    let world = World::new().await;
    let _host = host_that_knows_its_function(&world).await;
    let settings = "SELECT count(*) FROM palisade.plugins JOIN pg_roles ON rolname = role \
        WHERE 'default_transaction_read_only=on' = ANY (rolconfig)";
    assert_eq!(world.count(settings).await, 1);
    let login = world.become_login("cursors").await;
    // A session reads its defaults when it starts. This one started as the superuser's.
    world.sql.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    let error = world.sql.batch_execute("INSERT INTO numbers VALUES (9)").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25006", "{login}");
    world.sql.batch_execute("BEGIN READ WRITE; INSERT INTO numbers VALUES (9); COMMIT").await.unwrap();
}
