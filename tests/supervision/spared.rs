//! Failures that do not count against a plugin because the database caused them, a plugin that is disabled after its
//! tap ran, and a cron tap whose plugin is quarantined.

use super::{WAIT_MAX, assert_disabled, create, status};
use crate::harness::{Frozen, OwnServer, World, altered, builder, call, connect, guest, limited};
use palisade::limits::{BREAKER_FAILURES, MUTATION_ATTEMPTS_MAX};
use palisade::{CallError, Host, Policy, ServingStatus};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// Inserts a row, and panics if that fails.
async fn insist(host: &Host) -> Result<Value, CallError> {
    call(host, "replay", "writes/insist", json!({ "id": 100 })).await
}

#[tokio::test]
async fn trap_caused_by_a_database_outage_never_quarantines() {
    let server = OwnServer::new();
    let database = server.start().await;
    let builder = builder(database.url()).plugin(guest("replay"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    database.stop().await;
    for _ in 0..2 * BREAKER_FAILURES {
        let failed = insist(&host).await;
        assert!(matches!(failed, Err(CallError::Unavailable { .. })), "{failed:?}");
    }
    assert_eq!(status(&host, "replay"), ServingStatus::Serving);
    let again = server.start().await;
    insist(&host).await.unwrap();
    drop(host);
    again.stop().await;
}

#[tokio::test]
async fn call_that_runs_out_of_time_in_a_frozen_database_never_quarantines() {
    let server = OwnServer::new();
    let database = server.start().await;
    let impatient = altered("probe", limited("wall-time = \"3 s\""));
    let builder = builder(database.url()).plugin(impatient.path(), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let read = |number: u32| {
        let host = host.clone();
        let selection = json!({ "selection": {
            "table": "notes", "columns": ["title"], "filter": [], "orderBy": [], "limit": number + 1, "after": [],
        } });
        tokio::spawn(async move { call(&host, "probe", "reads/select", selection).await })
    };
    read(0).await.unwrap().unwrap();
    let frozen = Frozen::new(&database);
    let waiting: Vec<_> = (0..2 * BREAKER_FAILURES).map(read).collect();
    for call in waiting {
        let failed = call.await.unwrap().unwrap_err();
        assert_eq!(failed.blame(), palisade::Blame::Operator, "{failed:?}");
    }
    drop(frozen);
    assert_eq!(host.statuses()[0].entries, []);
    read(0).await.unwrap().unwrap();
    drop(host);
    database.stop().await;
}

#[tokio::test]
async fn call_that_runs_out_of_time_behind_a_lock_never_quarantines() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("wall-time = \"200 ms\"")).await;
    let rival = connect(&world.url()).await;
    rival.batch_execute("BEGIN; LOCK TABLE plugin_probe.notes").await.unwrap();
    for title in 0..2 * BREAKER_FAILURES {
        let value = json!({ "tag": "scalar", "val": { "tag": "text", "val": title.to_string() } });
        let insertion = json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": [[value]], "returning": [] } });
        let failed = call(&host, "probe", "writes/insert", insertion).await;
        assert!(matches!(failed, Err(CallError::LimitExceeded { .. })), "{failed:?}");
    }
    rival.batch_execute("COMMIT").await.unwrap();
    assert_eq!(status(&host, "probe"), ServingStatus::Serving);
}

#[tokio::test]
async fn trap_of_a_mutation_that_lost_a_race_never_quarantines() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    // Every insert fails as if it lost a race.
    let losing = "
        CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$;
        CREATE TRIGGER lose BEFORE INSERT ON plugin_replay.entries FOR EACH ROW EXECUTE FUNCTION public.lose();";
    world.sql.batch_execute(losing).await.unwrap();
    for _ in 0..=BREAKER_FAILURES / MUTATION_ATTEMPTS_MAX {
        let failed = insist(&host).await;
        assert!(matches!(failed, Err(CallError::Contended { .. })), "{failed:?}");
    }
    let panics = world.log.messages().iter().filter(|message| message.starts_with("panicked at")).count();
    assert!(panics > BREAKER_FAILURES as usize, "every retry traps: {panics}");
    assert_eq!(status(&host, "replay"), ServingStatus::Serving);
    world.sql.batch_execute("DROP TRIGGER lose ON plugin_replay.entries").await.unwrap();
    insist(&host).await.unwrap();
}

#[tokio::test]
async fn item_is_not_written_if_a_tapped_plugin_is_disabled_before_commit() {
    let world = World::new().await;
    let named = |name: &str, weight: u32| {
        altered("taps", |manifest| {
            let renamed = manifest.replace("name = \"taps\"", &format!("name = \"{name}\""));
            renamed.replace("weight = 10", &format!("weight = {weight}"))
        })
    };
    let (first, second) = (named("first", 1), named("second", 2));
    let builder = world.builder().plugin(first.path(), Policy::as_asked());
    let host = builder.plugin(second.path(), Policy::as_asked()).build().await.unwrap();
    // The first plugin's taps have run when the second plugin's last tap waits.
    let rival = connect(&world.url()).await;
    rival.batch_execute("BEGIN; LOCK TABLE plugin_second.seen IN SHARE MODE").await.unwrap();
    let writing = tokio::spawn({
        let host = host.clone();
        async move { create(&host, json!({})).await }
    });
    let waits =
        "SELECT count(*) FROM pg_locks WHERE relation = 'plugin_second.seen'::regclass AND NOT granted";
    while world.count(waits).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.disable("first", "a test").await.unwrap();
    rival.batch_execute("COMMIT").await.unwrap();
    assert_disabled(writing.await.unwrap());
    for table in ["palisade.items", "plugin_first.seen", "plugin_second.seen"] {
        assert_eq!(world.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    host.enable("first").await.unwrap();
    create(&host, json!({})).await.unwrap();
}

#[tokio::test]
async fn cron_tap_of_a_quarantined_plugin_pauses_until_it_ends() {
    let world = World::new().await;
    let often = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let host = world.builder().plugin(often.path(), Policy::as_asked()).build().await.unwrap();
    let trap = "INSERT INTO palisade.variables VALUES ('taps', 'cron', '\"trap\"') ON CONFLICT DO NOTHING;
         DELETE FROM palisade.variables WHERE name = 'last-run'";
    world.sql.batch_execute(trap).await.unwrap();
    let deadline = Instant::now() + WAIT_MAX;
    let until = loop {
        match status(&host, "taps") {
            ServingStatus::Quarantined { since, until, .. }
                if until.duration_since(since).unwrap() > Duration::from_secs(3) =>
            {
                break until;
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        assert!(Instant::now() < deadline, "its failing runs never quarantine it");
    };
    let untrap = "DELETE FROM palisade.variables WHERE name = 'cron'";
    world.sql.batch_execute(untrap).await.unwrap();
    // The other taps of the plugin are served meanwhile.
    create(&host, json!({})).await.unwrap();
    // At least two of its scheduled times pass.
    let ran = "SELECT count(*) FROM palisade.variables WHERE plugin = 'taps' AND name = 'last-run'";
    while SystemTime::now() + Duration::from_millis(500) < until {
        assert_eq!(world.count(ran).await, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let deadline = Instant::now() + WAIT_MAX;
    while world.count(ran).await == 0 {
        assert!(Instant::now() < deadline, "the cron tap never runs again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&host, "taps"), ServingStatus::Serving);
}
