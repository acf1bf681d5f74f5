//! Benchmarks of guests that compute: their effect on neighbours (`cargo xtask bench --neighbour`), and the cost of
//! counting fuel (`cargo xtask bench --fuel`).
//!
//! The contenders take turns, round after round, so that a busy moment of the machine affects both. The output is the
//! median of the ratios of all rounds, with their minimum and maximum. No result fails the run.
#![allow(clippy::cast_precision_loss, reason = "the numbers here are far below what a float can hold")]

mod fuel;
mod neighbour;

use palisade::store::private::{PrivateOptions, PrivateServer};
use palisade::{Compiler, Host, HostBuilder, Policy};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// How many rounds are run.
const ROUNDS: usize = 9;
const QUICK_ROUNDS: usize = 1;

fn main() {
    palisade::compile_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let says = |word: &str| arguments.iter().any(|argument| argument == word);
    if !says("--bench") {
        println!("nothing is measured by `cargo test`: run `cargo xtask bench --neighbour` or `--fuel`");
        return;
    }
    let rounds = if says("--quick") { QUICK_ROUNDS } else { ROUNDS };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = PrivateServer::start(PrivateOptions::temporary()).await.expect("a private server");
        if says("--fuel") {
            fuel::measure(&server, rounds).await;
        } else {
            neighbour::measure(&server, rounds).await;
        }
        server.stop().await;
    });
}

/// A builder for a host with these guests from `tests/guests`.
fn builder(server: &PrivateServer, guests: &[&str]) -> HostBuilder {
    let folder = std::env::var_os("PALISADE_GUESTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests"), PathBuf::from);
    let builder = Host::builder().database(server.url()).compiler(Compiler::this_program());
    guests
        .iter()
        .fold(builder, |builder, guest| builder.plugin(folder.join("tests").join(guest), Policy::as_asked()))
}

/// How long the calls of one contender took in a turn.
#[derive(Clone, Copy)]
struct Turn {
    median_us: f64,
    p99_us: f64,
}

/// Calls a function of the plugin `bench` this many times.
async fn turn(host: &Arc<Host>, function: &'static str, arguments: Value, calls: usize) -> Turn {
    let host = Arc::clone(host);
    // The calls run on a thread of the runtime, as a server's calls do.
    let taken = tokio::spawn(async move {
        let mut taken = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            let answer = host.call("bench", function).arguments(arguments.clone()).await;
            taken.push(began.elapsed().as_secs_f64() * 1e6);
            answer.expect("an answer");
        }
        taken
    });
    let mut taken = taken.await.expect("a turn");
    taken.sort_by(f64::total_cmp);
    Turn { median_us: taken[taken.len() / 2], p99_us: taken[taken.len() * 99 / 100] }
}

/// Prints the times of two contenders and their ratio.
fn report(what: &str, [one, other]: [&str; 2], turns: &[[Turn; 2]], of: impl Fn(&Turn) -> f64) {
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [first, second] =
        [0, 1].map(|index| middle(&mut turns.iter().map(|turn| of(&turn[index])).collect()));
    let mut ratios: Vec<f64> = turns.iter().map(|[first, second]| of(second) / of(first)).collect();
    let ratio = middle(&mut ratios);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "{what:<34} {one} {first:>9.1}   {other} {second:>9.1}   ratio {ratio:.2} ({least:.2} to {most:.2})"
    );
}
