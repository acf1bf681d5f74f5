//! Rows that take more than one call. Crowds and taps are here; late calls, neighbours and retries have their own
//! files.

use super::arena::Arena;
use super::coverage::is_about;
use super::row::{End, Row, Seen, wat};
use super::{again, late, neighbours};
use crate::harness::call;
use crate::supervision::create;
use palisade::guard::item::Item;
use palisade::limits::{
    COMPONENT_INSTANCES_MAX, COMPONENT_MEMORIES_MAX, COMPONENT_TABLES_MAX, PLUGIN_CONCURRENCY_MAX,
};
use palisade::{CallError, Caller};
use serde_json::json;
use std::time::Duration;

const SERVED: End = End::Shown("the neighbour is served at the same time");
const HIDDEN: End = End::Shown("access denied: the item appears absent");

/// Rows that each need their own host.
pub fn rows() -> Vec<Row> {
    let second = "[limits]\nwall-time = \"1500 ms\"\nguest-time = \"500 ms\"";
    // Only in an action does time pass while a guest sleeps.
    let asleep = "[limits]\naction-time = \"1500 ms\"\nguest-time = \"500 ms\"";
    let crowd = |name, size| {
        wat(name, "G14 PLUGIN_CONCURRENCY_MAX", SERVED).size(size).n(60_000).kind("action").with(asleep)
    };
    let mut rows = vec![
        wat("spin", "G1 G14", SERVED).n(0xffff_ffff).with(second),
        crowd("sleep", 1),
        crowd("sleep-crowd", COMPONENT_INSTANCES_MAX - 2),
        crowd("sleep-tables", COMPONENT_TABLES_MAX as usize),
        crowd("sleep-memories", COMPONENT_MEMORIES_MAX as usize - 1),
        wat("tap-trap", "G11", HIDDEN),
        wat("tap-spin", "G11", HIDDEN).limit("guest-time = \"100 ms\""),
        wat("tap-undecided", "G11", HIDDEN),
    ];
    rows.extend(late::rows());
    rows.extend(neighbours::rows());
    rows.extend(again::rows());
    rows
}

/// Tries one of these rows.
pub async fn try_row(row: &Row) -> Seen {
    let arena = Arena::new().await;
    let seen = match row.component {
        _ if is_about(row, "G7") => late::try_row(&arena, row).await,
        _ if is_about(row, "G8") => again::try_row(&arena, row).await,
        _ if is_about(row, "G10") => neighbours::try_row(&arena, row).await,
        name if name.starts_with("tap-") => tap(&arena, row).await,
        _ => crowd(&arena, row).await,
    };
    arena.with_neighbour(seen).await
}

/// Makes as many calls as a plugin may have at once, with calls of the neighbour in between.
async fn crowd(arena: &Arena, row: &Row) -> Seen {
    if let Err(sentence) = arena.load(row, "crowd").await {
        return Seen::Refused(sentence);
    }
    let mut taken = tokio::task::JoinSet::new();
    for _ in 0..PLUGIN_CONCURRENCY_MAX {
        let (host, arguments) = (arena.host.clone(), row.arguments.clone());
        taken.spawn(async move { call(&host, "crowd", "calls/run", arguments).await });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..5 {
        match call(&arena.host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await {
            Ok(_) => {}
            Err(error) => return Seen::Otherwise(format!("the neighbour got {error:?}")),
        }
    }
    while let Some(ended) = taken.join_next().await {
        let expected = matches!(
            ended.unwrap(),
            Err(CallError::LimitExceeded { .. }
                | CallError::Overloaded { .. }
                | CallError::Quarantined { .. })
        );
        if !expected {
            return Seen::Otherwise("a call of the crowd did not end by a limit".into());
        }
    }
    Seen::Shown("the neighbour is served at the same time".into())
}

async fn tap(arena: &Arena, row: &Row) -> Seen {
    let read = async |item: &Item| arena.host.items(Caller::Host).get(&item.id.to_string()).await;
    let item = create(&arena.host, json!({})).await.unwrap();
    read(&item).await.unwrap();
    if let Err(sentence) = arena.load(row, "tap").await {
        return Seen::Refused(sentence);
    }
    match read(&item).await {
        Err(CallError::NotFound) => Seen::Shown("access denied: the item appears absent".into()),
        other => Seen::Otherwise(format!("{other:?}")),
    }
}
