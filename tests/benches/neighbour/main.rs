//! `cargo xtask bench --neighbour`: what a plugin's callers notice of another plugin that spins.
//!
//! The neighbour is called alone, then while four invocations for each processor spin, and alone again, round after round, so
//! that a machine that is busy for a moment is busy for both. Each round gives the median and the 99th percentile of each
//! and their ratio; what is printed is the median of the rounds' ratios. Nothing here judges.
#![allow(clippy::cast_precision_loss, reason = "what is counted here is far below what a float can hold")]

use palisade::backend::private::{PrivateOptions, PrivateServer};
use palisade::{Caller, Compiler, Host, Policy};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Spinning invocations for each processor.
const SPINNING: usize = 4;
/// Until those that begin have been moved, and those that end have ended.
const SETTLE: Duration = Duration::from_secs(1);
/// Below it a 99th percentile is a handful of calls.
const CALLS: usize = 4_000;
const ROUNDS: usize = 9;
const QUICK: (usize, usize) = (200, 1);

/// What the neighbour's callers ask for.
const ASKED: [(&str, u32); 2] = [("an empty call", 0), ("a call with one select", 1)];

fn main() {
    palisade::compile_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured by `cargo test`: run `cargo xtask bench --neighbour`");
        return;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let (calls, rounds) = if quick { QUICK } else { (CALLS, ROUNDS) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(calls, rounds));
}

async fn measure(calls: usize, rounds: usize) {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.expect("a private server");
    let guests = std::env::var_os("PALISADE_GUESTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests"), PathBuf::from);
    let builder = Host::builder().database(server.url()).compiler(Compiler::this_program());
    let builder = builder.plugin(guests.join("tests/bench"), Policy::as_asked());
    let host = builder.plugin(guests.join("tests/probe"), Policy::as_asked()).build().await;
    let host = Arc::new(host.expect("a host with the plugins `bench` and `probe`: run `cargo xtask guests`"));
    let spinning = SPINNING * std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{spinning} invocations spin; {calls} calls a turn, {rounds} rounds; microseconds, medians of the rounds"
    );
    for (name, selects) in ASKED {
        let mut quiet = Vec::new();
        let mut beside = Vec::new();
        for _ in 0..rounds {
            quiet.push(turn(&host, selects, calls).await);
            let spinners = spin(&host, spinning);
            tokio::time::sleep(SETTLE).await;
            beside.push(turn(&host, selects, calls).await);
            drop(spinners);
            tokio::time::sleep(SETTLE).await;
        }
        report(name, &quiet, &beside);
    }
    host.stop().await;
    server.stop().await;
}

/// The median and the 99th percentile of some calls, in microseconds.
async fn turn(host: &Arc<Host>, selects: u32, calls: usize) -> [f64; 2] {
    let (task, asked) = (Arc::clone(host), json!({ "id": 1, "count": selects }));
    // On a thread of the runtime, as a server's calls are.
    let taken = tokio::spawn(async move {
        let mut taken = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            let answer = task.call("bench", "reads/repeat", asked.clone(), Caller::Anonymous).await;
            taken.push(began.elapsed().as_secs_f64() * 1e6);
            answer.expect("an answer");
        }
        taken
    });
    let mut taken = taken.await.expect("a turn");
    taken.sort_by(f64::total_cmp);
    [taken[taken.len() / 2], taken[taken.len() * 99 / 100]]
}

/// Callers of a function that never ends by itself, each of which calls it again when its time is over.
fn spin(host: &Arc<Host>, count: usize) -> JoinSet<()> {
    let mut spinners = JoinSet::new();
    for _ in 0..count {
        let host = Arc::clone(host);
        spinners.spawn(async move {
            loop {
                let ended: Result<_, _> =
                    host.call("probe", "abuses/spin", Value::from(json!({})), Caller::Anonymous).await;
                assert!(ended.is_err(), "it never ends by itself");
            }
        });
    }
    spinners
}

fn report(name: &str, quiet: &[[f64; 2]], beside: &[[f64; 2]]) {
    for (which, index) in [("median", 0), ("p99", 1)] {
        let middle = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let of = |turns: &[[f64; 2]]| middle(turns.iter().map(|turn| turn[index]).collect());
        let ratios: Vec<f64> =
            quiet.iter().zip(beside).map(|(quiet, beside)| beside[index] / quiet[index]).collect();
        let (least, most) =
            (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max));
        println!(
            "{name:<24} {which:<7} quiet {:>8.1}   beside {:>8.1}   ratio {:.2} ({least:.2} to {most:.2})",
            of(quiet),
            of(beside),
            middle(ratios.clone())
        );
    }
}
