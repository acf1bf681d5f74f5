//! How transactions end when the database fails: what the caller is told, and what remains.

use super::rows::{fill, run, step};
use crate::harness::{World, call};
use palisade::CallError;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn mutation_with_a_lost_commit_is_in_doubt_and_not_retried() {
    let world = World::new().await;
    let host = world.host(&["cursors"]).await;
    // A constraint that is checked at commit, and takes a long time.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'; \
         CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON plugin_cursors.numbers DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION slow()";
    world.sql.batch_execute(slow).await.unwrap();
    for kind in ["changing", "acting"] {
        let calling = {
            let (host, steps) = (host.clone(), json!({ "steps": [step("insert", "7")] }));
            tokio::spawn(async move { call(&host, "cursors", &format!("{kind}/run"), steps).await })
        };
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'palisade/cursors' AND wait_event = 'PgSleep'";
        while world.count(ended).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let result = calling.await.unwrap();
        if kind == "changing" {
            let error = result.unwrap_err();
            assert!(matches!(error, CallError::InDoubt { .. }), "{error:?}");
            assert!(error.to_string().contains("look before you try again"), "{error}");
        } else {
            // An action gets the error itself, because each of its calls is a transaction.
            assert_eq!(result.unwrap(), json!(["other: in-doubt"]));
        }
    }
    world.sql.batch_execute("DROP TRIGGER slow ON plugin_cursors.numbers").await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_cursors.numbers").await, 0);
    assert_eq!(
        run(&host, "changing", &[step("insert", "7")]).await,
        ["1"],
        "the next call gets a connection"
    );
}

#[tokio::test]
async fn constraint_checked_at_commit_is_reported_to_the_caller() {
    let world = World::new().await;
    let host = world.host(&["cursors"]).await;
    fill(&world, 1).await;
    let deferred = "ALTER TABLE plugin_cursors.numbers ADD parent bigint REFERENCES plugin_cursors.numbers DEFERRABLE \
         INITIALLY DEFERRED; ALTER TABLE plugin_cursors.numbers ALTER parent SET DEFAULT 99";
    world.sql.batch_execute(deferred).await.unwrap();
    let steps = json!({ "steps": [step("insert", "7")] });
    let error = call(&host, "cursors", "changing/run", steps).await.unwrap_err();
    assert!(error.to_string().contains("foreign key"), "{error:?}");
    assert_eq!(run(&host, "acting", &[step("insert", "7")]).await.len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM plugin_cursors.numbers").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_is_overloaded_only_if_no_connection_is_free_in_time() {
    let world = World::new().await;
    let builder = world.builder().plugin_connections(1);
    let guest = crate::harness::guest("cursors");
    let host = builder.plugin(guest, palisade::Policy::as_asked()).build().await.unwrap();
    fill(&world, 300).await;
    let holding = {
        let (host, steps) = (host.clone(), json!({ "steps": [{ "tag": "open" }, step("spin", 9_500)] }));
        tokio::spawn(async move { call(&host, "cursors", "acting/run", steps).await })
    };
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'palisade/cursors'";
    while world.count(open).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let steps = || json!({ "steps": [{ "tag": "open" }] });
    let error = call(&host, "cursors", "reading/run", steps()).await;
    // A query may handle the error as it likes. Its caller sees the overload only when the query fails because of it.
    assert!(
        matches!(&error, Err(CallError::Overloaded { .. }))
            || error.as_ref().is_ok_and(|said| *said == json!(["other: connection"])),
        "{error:?}"
    );
    holding.abort();
    let _ended = holding.await;
    call(&host, "cursors", "reading/run", steps()).await.unwrap();
}
