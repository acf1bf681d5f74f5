//! Results that are read batch by batch, and the connections that they hold.

use crate::harness::{World, call, limited};
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};
use std::time::Duration;

/// The kinds, by the name of the interface that runs a script as that kind.
pub(super) const KINDS: [&str; 3] = ["reading", "changing", "acting"];

/// A world whose plugin has this many numbers, and a host for it.
async fn numbered(count: u32) -> (World, Host) {
    let world = World::new().await;
    let host = world.host(&["cursors"]).await;
    fill(&world, count).await;
    (world, host)
}

pub(super) async fn fill(world: &World, count: u32) {
    let text = format!(
        "INSERT INTO plugin_cursors.numbers SELECT n, 'red', 'filler' FROM generate_series(1, {count}) n"
    );
    world.sql.batch_execute(&text).await.unwrap();
}

/// A step of a script: its name alone, or its name and its value.
pub fn step(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": tag, "val": val.into() })
}

pub(super) fn next(result: u32, max: u32) -> Value {
    step("next", json!([result, max]))
}

pub async fn run(host: &Host, kind: &str, steps: &[Value]) -> Vec<String> {
    let answers = call(host, "cursors", &format!("{kind}/run"), json!({ "steps": steps })).await.unwrap();
    serde_json::from_value(answers).unwrap()
}

#[tokio::test]
async fn large_result_is_read_to_its_end_in_every_kind() {
    let (_world, host) = numbered(1_000).await;
    for kind in KINDS {
        let text = "SELECT n FROM numbers ORDER BY n";
        let steps = [
            json!({ "tag": "open" }),
            step("open-text", text),
            next(0, 3),
            next(1, 1_000),
            next(0, 1_000),
            step("rest", 1),
            step("rest", 0),
            next(0, 1),
            next(1, 1),
        ];
        let expected = [
            "opened",
            "opened",
            "1..3 (3)",
            "1..100 (100)",
            "4..100 (97)",
            "101..1000 (900)",
            "101..1000 (900)",
            "end",
            "end",
        ];
        assert_eq!(run(&host, kind, &steps).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn unread_rows_stay_on_the_server() {
    let (_world, host) = numbered(5_000).await;
    for kind in KINDS {
        let arguments = json!({ "steps": [{ "tag": "open" }, next(0, 1)] });
        let function = format!("{kind}/run");
        let outcome = host.call("cursors", &function).arguments(arguments).await;
        let outcome = outcome.unwrap();
        let rows = outcome.usage.iter().find(|usage| usage.limit.name() == "db-rows").unwrap();
        assert_eq!(rows.used, 100, "{kind}");
    }
}

#[tokio::test]
async fn rows_over_the_budget_stop_reading_and_rows_at_it_do_not() {
    let world = World::new().await;
    let host = world.host_with("cursors", limited("db-rows = 300")).await;
    fill(&world, 300).await;
    let steps = [json!({ "tag": "open" }), step("rest", 0)];
    for kind in KINDS {
        assert_eq!(run(&host, kind, &steps).await, ["opened", "1..300 (300)"], "{kind}");
    }
    world.sql.batch_execute("INSERT INTO plugin_cursors.numbers VALUES (301)").await.unwrap();
    assert_eq!(run(&host, "reading", &steps).await[1], "db-rows 301 of 300");
    assert_eq!(run(&host, "acting", &steps).await[1], "db-rows 301 of 300");
}

#[tokio::test]
async fn failed_statement_leaves_open_results_readable() {
    let (_world, host) = numbered(500).await;
    let fails = step("open-text", "SELECT 1 / (n - n) FROM numbers");
    for kind in KINDS {
        let steps = [json!({ "tag": "open" }), fails.clone(), next(0, 100), fails.clone(), step("rest", 0)];
        let answers = run(&host, kind, &steps).await;
        assert!(
            answers[1].starts_with("invalid") && answers[3].starts_with("invalid"),
            "{kind}: {answers:?}"
        );
        assert_eq!([&*answers[2], &*answers[4]], ["1..100 (100)", "101..500 (400)"], "{kind}");
    }
}

#[tokio::test]
async fn result_that_fails_halfway_is_an_error_and_not_an_end() {
    let (_world, host) = numbered(500).await;
    let halts = step("open-text", "SELECT 1 / (200 - n) FROM numbers ORDER BY n");
    for kind in ["reading", "changing"] {
        let steps = [
            halts.clone(),
            next(0, 1_000),
            next(0, 1_000),
            next(0, 1_000),
            json!({ "tag": "open" }),
            next(1, 1),
        ];
        let answers = run(&host, kind, &steps).await;
        assert!(answers[2].contains("22012"), "{kind}: {answers:?}");
        assert!(answers[3].contains("earlier error"), "{kind}: {answers:?}");
        assert_eq!(answers[5], "1", "{kind}: the transaction continues");
    }
    // An action's result is complete before its first row is read.
    let answers = run(&host, "acting", &[halts, json!({ "tag": "open" }), next(0, 1)]).await;
    assert!(answers[0].contains("22012"), "{answers:?}");
    assert_eq!(answers[2], "1");
}

#[tokio::test]
async fn result_does_not_see_later_writes() {
    let (_world, host) = numbered(150).await;
    for (kind, number) in [("changing", 151), ("acting", 152)] {
        let before = if kind == "changing" { "101..150 (50)" } else { "101..151 (51)" };
        let steps =
            [json!({ "tag": "open" }), step("insert", number.to_string()), next(0, 1_000), step("rest", 0)];
        assert_eq!(run(&host, kind, &steps).await[2..], ["1..100 (100)", before], "{kind}");
    }
}

#[tokio::test]
async fn cursor_names_are_reused_after_their_results_are_dropped() {
    let (_world, host) = numbered(400).await;
    for kind in KINDS {
        let mut steps = vec![json!({ "tag": "open" })];
        for result in 1..40_u32 {
            steps.extend([json!({ "tag": "open" }), next(result, 7), step("close", result)]);
        }
        steps.push(step("rest", 0));
        let answers = run(&host, kind, &steps).await;
        assert_eq!(answers.last().unwrap(), "1..400 (400)", "{kind}");
        assert_eq!(answers.iter().filter(|answer| *answer == "1..7 (7)").count(), 39, "{kind}: {answers:?}");
    }
}

#[tokio::test]
async fn value_over_the_byte_budget_is_cut_off_before_it_arrives() {
    let (world, host) = numbered(1).await;
    // No plugin can write such a value while the table has its bound.
    let huge = "ALTER TABLE plugin_cursors.numbers DROP CONSTRAINT palisade_value_size; \
         UPDATE plugin_cursors.numbers SET filler = repeat('x', 80000000)";
    world.sql.batch_execute(huge).await.unwrap();
    let max = 16 * 1024 * 1024;
    for open in [json!({ "tag": "open-fillers" }), step("open-text", "SELECT filler FROM numbers")] {
        // A value that arrived whole would be reported with its full size.
        let refused = format!("db-bytes {} of {max}", max + 1);
        for kind in ["reading", "acting"] {
            assert_eq!(run(&host, kind, std::slice::from_ref(&open)).await, [&*refused], "{kind}");
        }
        let changing = call(&host, "cursors", "changing/run", json!({ "steps": [open] })).await;
        let ended = matches!(&changing, Err(CallError::LimitExceeded { usage, .. }) if usage.used == max + 1);
        assert!(ended, "{changing:?}");
    }
    let steps = [json!({ "tag": "open" }), next(0, 1)];
    assert_eq!(run(&host, "reading", &steps).await[1], "1", "the next call gets another connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn action_holds_a_connection_only_while_it_reads() {
    let world = World::new().await;
    let other = crate::harness::altered("cursors", |manifest| {
        manifest.replace("name = \"cursors\"", "name = \"other\"")
    });
    let builder = world.builder().plugin_connections(1);
    let builder = builder.plugin(crate::harness::guest("cursors"), Policy::as_asked());
    let host = builder.plugin(other.path(), Policy::as_asked()).build().await.unwrap();
    fill(&world, 300).await;
    let spin = step("spin", 20_000);
    for steps in [
        json!([{ "tag": "open" }, step("close", 0), spin]),
        json!([step("open-text", "SELECT n FROM numbers"), step("rest", 0), spin]),
        json!([step("insert", "1000"), spin]),
    ] {
        let first = {
            let (host, arguments) = (host.clone(), json!({ "steps": steps }));
            tokio::spawn(async move { call(&host, "cursors", "acting/run", arguments).await })
        };
        // By then the action has had its connection, and returns it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let arguments = json!({ "steps": [{ "tag": "open" }] });
        call(&host, "other", "acting/run", arguments).await.unwrap();
        assert!(!first.is_finished(), "{steps}");
        first.abort();
    }
}

#[tokio::test]
async fn connections_of_all_plugins_stay_within_the_maximum() {
    const PLUGINS: usize = 20;
    const CALLS: usize = 200;
    const CONNECTIONS: usize = 12;
    let world = World::new().await;
    let mut builder = world.builder().plugin_connections(CONNECTIONS);
    let mut folders = Vec::new();
    for number in 0..PLUGINS {
        let name = format!("name = \"p{number}\"");
        folders.push(crate::harness::altered("cursors", |manifest| {
            manifest.replace("name = \"cursors\"", &name)
        }));
    }
    for folder in &folders {
        builder = builder.plugin(folder.path(), Policy::as_asked());
    }
    let host = builder.build().await.unwrap();
    let calls = (0..CALLS).map(|index| {
        let (host, plugin) = (host.clone(), format!("p{}", index % PLUGINS));
        let steps =
            json!({ "steps": [step("insert", index.to_string()), { "tag": "open" }, step("rest", 0)] });
        tokio::spawn(async move { call(&host, &plugin, "changing/run", steps).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut most = 0;
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name LIKE 'palisade/%'";
        most = most.max(world.count(open).await);
    }
    for result in calls {
        result.await.unwrap().unwrap();
    }
    for number in 0..PLUGINS {
        let count = format!("SELECT count(*) FROM plugin_p{number}.numbers");
        assert_eq!(world.count(&count).await, i64::try_from(CALLS / PLUGINS).unwrap());
    }
    // A server process outlives its socket for a moment.
    let most = usize::try_from(most).unwrap();
    assert!((CONNECTIONS / 2..=CONNECTIONS + 2).contains(&most), "{most}");
}
