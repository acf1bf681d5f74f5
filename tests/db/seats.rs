//! Backends that run on after their statement was cancelled: the plugin loses its connections, its neighbours none.

use super::rows::{fill, run, step};
use crate::harness::{World, call, signal};
use palisade::limits::PLUGIN_CONNECTIONS_MAX;
use palisade::{Blame, CallError, ServingStatus};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_whose_backends_all_run_on_is_quarantined_and_its_neighbour_is_served() {
    let world = World::new().await;
    // The neighbour could not be served if the plugin kept its places in the budget.
    let builder = world.builder().plugin_connections(PLUGIN_CONNECTIONS_MAX);
    let builder = builder.plugin(crate::harness::guest("cursors"), palisade::Policy::as_asked());
    let host =
        builder.plugin(crate::harness::guest("probe"), palisade::Policy::as_asked()).build().await.unwrap();
    fill(&world, 3).await;
    world
        .sql
        .batch_execute("BEGIN; LOCK TABLE plugin_cursors.numbers IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let calls = (0..PLUGIN_CONNECTIONS_MAX).map(|_| {
        let host = host.clone();
        tokio::spawn(async move { run(&host, "reading", &[json!({ "tag": "open" })]).await })
    });
    let calls: Vec<_> = calls.collect();
    let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'palisade/cursors' AND wait_event_type = 'Lock'";
    let watch = crate::harness::connect(&world.url()).await;
    let deadline = Instant::now() + WAIT_MAX;
    let mut stuck = std::collections::BTreeSet::new();
    while stuck.len() < PLUGIN_CONNECTIONS_MAX {
        assert!(Instant::now() < deadline, "{stuck:?} wait");
        for row in watch.query(waiting, &[]).await.unwrap() {
            let pid: i32 = row.get(0);
            // A process that does not run looks at no interrupt.
            signal(pid, Signal::STOP);
            stuck.insert(pid);
        }
    }
    for call in calls {
        assert_eq!(call.await.unwrap(), ["Timeout"], "the plugin is told that its statement took too long");
    }
    let state = || host.statuses().into_iter().find(|status| status.name == "cursors").unwrap();
    while state().running_on < PLUGIN_CONNECTIONS_MAX {
        assert!(Instant::now() < deadline, "{:?}", state());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ServingStatus::Quarantined { reason, .. } = state().status else { panic!("{:?}", state()) };
    assert!(reason.contains("run on after they were cancelled"), "{reason}");
    let gauge = format!("palisade_plugin_backends_running_on{{plugin=\"cursors\"}} {PLUGIN_CONNECTIONS_MAX}");
    assert!(host.metrics().contains(&gauge), "{}", host.metrics());
    let steps = json!({ "steps": [{ "tag": "open" }] });
    let refused = call(&host, "cursors", "reading/run", steps).await.unwrap_err();
    assert!(
        matches!(refused, CallError::Quarantined { .. }) && refused.blame() == Blame::Guest,
        "{refused:?}"
    );
    for _ in 0..PLUGIN_CONNECTIONS_MAX {
        let title = json!({ "table": "notes", "columns": ["title"], "filter": [], "orderBy": [], "limit": null, "after": [] });
        call(&host, "probe", "reads/select", json!({ "selection": title })).await.unwrap();
    }
    assert!(host.metrics().contains("palisade_plugin_backends_running_on{plugin=\"probe\"} 0"));
    world.sql.batch_execute("COMMIT").await.unwrap();
    stuck.iter().for_each(|pid| signal(*pid, Signal::CONT));
    while state().status != ServingStatus::Serving {
        assert!(Instant::now() < deadline, "{:?}", state());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        run(&host, "reading", &[json!({ "tag": "open" }), step("rest", 0)]).await,
        ["opened", "1..3 (3)"]
    );
}
