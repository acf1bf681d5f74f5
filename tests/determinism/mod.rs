//! The same component, arguments, caller, request id, rows, seed and instant give the same bytes: on every
//! repetition, on every host and on every machine. The guest `guests/replay` collects everything that could differ.
//! `cargo xtask determinism` compares two builds of the host.

use crate::harness::{World, altered, limited, trapped};
use palisade::guard::request_context::RequestId;
use palisade::limits::{EPOCH_TICK_MS, Limit};
use palisade::{CallError, Caller, Host, Outcome, Policy, Replay};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often a call is repeated, and by how many tasks in parallel.
const CALLS: u32 = 10_000;
const TASKS: u32 = 8;
const SEED: [u8; 32] = [7; 32];
/// 2026-01-31T12:00:00.000001Z.
const INSTANT_US: i64 = 1_769_860_800_000_001;
/// The answers that depend only on the host's version: every build on every machine must return them.
const KNOWN: &str = include_str!("answers.txt");

fn replay() -> Replay {
    Replay::of(SEED, INSTANT_US).unwrap()
}

async fn call_at(
    host: &Host,
    function: &str,
    rounds: u32,
    replay: Replay,
    request: &str,
) -> Result<Outcome, CallError> {
    let request = RequestId::parse(request).unwrap();
    let arguments = if function == "reads/brief" { json!({}) } else { json!({ "rounds": rounds }) };
    host.call("replay", function)
        .arguments(arguments)
        .caller(Caller::Host)
        .request(request)
        .replay(replay)
        .await
}

/// Returns what a function answers, `ok` or `err`, for this replay and request id.
async fn answer_in(host: &Host, function: &str, replay: Replay, request: &str) -> Value {
    match call_at(host, function, 0, replay, request).await {
        Ok(outcome) => outcome.value,
        Err(CallError::Returned(value)) => value,
        Err(error) => panic!("{function}: {error:?}"),
    }
}

async fn answer(host: &Host, function: &str) -> Value {
    answer_in(host, function, replay(), "replayed").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_repeated_ten_thousand_times_returns_the_same_bytes() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    let first = answer(&host, "reads/brief").await.to_string();
    let left = Arc::new(AtomicU32::new(CALLS));
    let tasks = (0..TASKS).map(|_| {
        let (host, first, left) = (host.clone(), first.clone(), Arc::clone(&left));
        tokio::spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                assert_eq!(answer(&host, "reads/brief").await.to_string(), first);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let logged: BTreeSet<String> = world.log.all().iter().map(|entry| format!("{entry:?}")).collect();
    assert_eq!(logged.len(), 1, "{logged:?}");
}

#[tokio::test]
async fn call_on_another_host_with_the_same_rows_returns_the_same_bytes() {
    let world = World::new().await;
    let compiled = tempfile::tempdir().unwrap();
    let before = world.host(&["replay"]).await;
    let (query, mutation) = (answer(&before, "reads/all").await, answer(&before, "writes/all").await);
    before.stop().await;
    // The first host of each kind compiles, the second finds the compiled code. Counting fuel changes the code.
    for limits in ["", "fuel = 1000000000", "", "fuel = 1000000000"] {
        let folder = altered("replay", limited(limits));
        let builder = world.builder().compiled_code(compiled.path());
        let host = builder.plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
        for round in 0..10 {
            assert_eq!(answer(&host, "reads/all").await, query, "{limits:?}, {round}");
            assert_eq!(answer(&host, "writes/all").await, mutation, "{limits:?}, {round}");
        }
        host.stop().await;
    }
    let rows = "SELECT (SELECT count(*) FROM plugin_replay.entries) + (SELECT count(*) FROM palisade.items)";
    assert_eq!(world.count(rows).await, 5, "a mutation that returns an error leaves the rows unchanged");
}

#[tokio::test]
async fn call_of_many_ticks_returns_the_same_bytes_as_a_short_one() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    let brief = answer(&host, "reads/all").await;
    let ticks = |outcome: &Outcome| {
        let spent = outcome.usage.iter().find(|usage| usage.limit == Limit::GuestTime).unwrap();
        spent.used / EPOCH_TICK_MS
    };
    let mut rounds = 1_000_000;
    loop {
        let outcome = call_at(&host, "reads/all", rounds, replay(), "replayed").await.unwrap();
        assert_eq!(outcome.value, brief, "{rounds} rounds");
        if ticks(&outcome) >= 5 {
            break;
        }
        rounds *= 2;
    }
}

#[tokio::test]
async fn call_with_other_replay_request_or_rows_returns_other_bytes() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    let seed = Replay::of([8; 32], INSTANT_US).unwrap();
    let instant = Replay::of(SEED, INSTANT_US + 1).unwrap();
    for function in ["reads/brief", "reads/all", "writes/all"] {
        let mut answers = vec![answer(&host, function).await];
        for (replay, request) in [(seed, "replayed"), (instant, "replayed"), (replay(), "another")] {
            answers.push(answer_in(&host, function, replay, request).await);
        }
        world
            .sql
            .execute("UPDATE plugin_replay.entries SET amount = amount + 1 WHERE id = 2", &[])
            .await
            .unwrap();
        answers.push(answer(&host, function).await);
        let different: BTreeSet<String> = answers.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), answers.len(), "{function}");
    }
    // A call without a replay gets a random seed and the present instant.
    let drawn = async || host.call("replay", "reads/brief").caller(Caller::Host).await.unwrap().value;
    assert_ne!(drawn().await, drawn().await);
}

/// The lines that depend only on the host's version, with a hash for each function.
async fn known(host: &Host) -> String {
    let mut text = String::new();
    for function in ["reads/all", "writes/all"] {
        let answer = answer(host, function).await;
        let lines = answer[0].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned() + "\n");
        let lines: String = lines.collect();
        let hash = hex::encode(Sha256::digest(&lines));
        text.extend([format!("# {function}\n"), lines, format!("# sha256 {hash}\n")]);
    }
    text
}

#[tokio::test]
async fn answers_match_the_checked_in_file() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    let text = known(&host).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/determinism/answers.txt");
    if std::env::var_os("PALISADE_KEEP_ANSWERS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let differences = text.lines().zip(KNOWN.lines()).filter(|(now, then)| now != then).take(5);
    let differences: Vec<_> = differences.map(|(now, then)| format!("now  {now}\nthen {then}")).collect();
    assert!(
        text == KNOWN,
        "answers are others than {path} knows: where the host was meant to change, set PALISADE_KEEP_ANSWERS=1 once and \
         say so in CHANGELOG.md\n{}",
        differences.join("\n")
    );
}

#[tokio::test]
async fn failure_reports_and_logs_the_same_each_time() {
    let world = World::new().await;
    for how in ["panic", "unreachable", "divide"] {
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let host = world.host(&["replay"]).await;
            for _ in 0..10 {
                let logged = world.log.all().len();
                let (request, arguments) = (RequestId::parse("replayed").unwrap(), json!({ "how": how }));
                let failed = host
                    .call("replay", "reads/fail")
                    .arguments(arguments)
                    .caller(Caller::Host)
                    .request(request)
                    .replay(replay())
                    .await;
                let reason = trapped(failed.map(|outcome| outcome.value));
                seen.insert(format!("{reason}: {:?}", &world.log.all()[logged..]));
                host.enable("replay").await.unwrap();
            }
        }
        assert_eq!(seen.len(), 1, "{how}: {seen:?}");
    }
}

#[tokio::test]
async fn action_rejects_replay_and_does_not_repeat() {
    let world = World::new().await;
    let host = world.host(&["replay"]).await;
    match call_at(&host, "effects/all", 0, replay(), "replayed").await {
        Err(CallError::BadArguments(why)) => assert!(why.contains("`effects/all` is an action"), "{why}"),
        other => panic!("expected an error, got {other:?}"),
    }
    let real = async || {
        host.call("replay", "effects/all")
            .arguments(json!({ "rounds": 0 }))
            .caller(Caller::Host)
            .await
            .unwrap()
            .value
    };
    assert_ne!(real().await, real().await);
}
