//! Plugins beside one another: one that keeps the processors busy, by itself or through the host, and one that is served.

use super::arena::Arena;
use super::row::{End, Row, wat};
use crate::harness::call;
use palisade::limits::PLUGIN_CONCURRENCY_MAX;
use palisade::{CallError, Host};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Rounds of a loop that takes about half a second of processor time.
const ROUNDS: u64 = 800_000_000;
const FOREVER: u64 = 0xffff_ffff;

fn spin() -> Row {
    wat("spin", "", End::Works)
}

type Calls = JoinSet<Result<Value, CallError>>;

fn spawn(calls: &mut Calls, number: usize, host: &Host, plugin: &'static str, arguments: &Value) {
    for _ in 0..number {
        let (host, arguments) = (host.clone(), arguments.clone());
        calls.spawn(async move { call(&host, plugin, "calls/run", arguments).await });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_spinning_calls_of_one_plugin_leave_half_of_the_turns_to_another() {
    let arena = Arena::new().await;
    for name in ["greedy", "modest"] {
        arena.load(&spin(), name).await.unwrap();
    }
    let mut greedy = JoinSet::new();
    spawn(&mut greedy, PLUGIN_CONCURRENCY_MAX, &arena.host, "greedy", &json!({ "text": "", "n": FOREVER }));
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Together these take as long as a call may, or longer, if every call gets the same share.
    let (mut modest, began) = (JoinSet::new(), Instant::now());
    spawn(&mut modest, 12, &arena.host, "modest", &json!({ "text": "", "n": ROUNDS }));
    while let Some(served) = modest.join_next().await {
        served.unwrap().unwrap();
    }
    println!("12 calls beside {PLUGIN_CONCURRENCY_MAX} spinning ones took {:?}", began.elapsed());
    // The greedy plugin's calls wait for one another, which is no failure of theirs.
    while let Some(ended) = greedy.join_next().await {
        let ended = ended.unwrap();
        assert!(matches!(ended, Err(CallError::Overloaded { .. })), "{ended:?}");
    }
    assert!(arena.host.statuses().iter().all(|status| status.entries.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_compute_on_a_busy_machine_are_served() {
    let arena = Arena::new().await;
    arena.load(&spin(), "computes").await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    // Other programs' work, two threads for each processor.
    let hogs: Vec<_> = (0..2 * std::thread::available_parallelism().unwrap().get())
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
        })
        .collect();
    let (mut calls, began) = (JoinSet::new(), Instant::now());
    spawn(&mut calls, 6, &arena.host, "computes", &json!({ "text": "", "n": ROUNDS / 4 }));
    let mut ended = Vec::new();
    while let Some(call) = calls.join_next().await {
        ended.push(call.unwrap());
    }
    println!("6 calls of an eighth of a second took {:?} on a busy machine", began.elapsed());
    is_over.store(true, Ordering::Relaxed);
    for hog in hogs {
        hog.join().unwrap();
    }
    for call in &ended {
        assert!(matches!(call, Ok(_) | Err(CallError::Overloaded { .. })), "{call:?}");
    }
    assert!(ended.iter().any(Result::is_ok), "the slow lane has no share of the processors: {ended:?}");
}

/// The median of some calls of the neighbour, one after the other.
async fn median(host: &Host) -> Duration {
    let host = host.clone();
    // On the threads on which the others run, too.
    let calls = tokio::spawn(async move {
        let mut times = Vec::new();
        for _ in 0..101 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let began = Instant::now();
            tokio::task::yield_now().await;
            call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
            times.push(began.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    });
    calls.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_keep_the_host_busy_leave_the_neighbour_served() {
    let arena = Arena::new().await;
    let floods = [
        ("logs", wat("log-flood", "", End::Works).n(100_000).text("x".repeat(4_000))),
        ("straight", wat("log-straight", "", End::Works).size(5_000).text("x".repeat(16_000))),
    ];
    for (name, row) in floods {
        arena.load(&row, name).await.unwrap();
        let quiet = median(&arena.host).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..64 {
            let (host, arguments) = (arena.host.clone(), row.arguments.clone());
            let is_over = Arc::clone(&is_over);
            callers.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let ended = call(&host, name, "calls/run", arguments.clone()).await;
                    assert!(!matches!(ended, Err(CallError::Trapped { .. } | CallError::Internal { .. })));
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let beside = median(&arena.host).await;
        println!("{name}: the neighbour's median is {quiet:?} alone and {beside:?} beside 64 callers");
        is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        // A host that is held up takes hundreds of milliseconds.
        assert!(beside < Duration::from_millis(100).max(20 * quiet), "{name}: {beside:?}, alone {quiet:?}");
    }
}
