//! Measures a plugin's calls alone, and while another plugin spins in four invocations per processor.

use crate::{Turn, builder, report, turn};
use palisade::Host;
use palisade::store::private::PrivateServer;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Spinning invocations per processor.
const SPINNING: usize = 4;
/// Time for new spinning calls to move to the slow lane, and for old ones to end.
const SETTLE: Duration = Duration::from_secs(1);
/// With fewer calls the 99th percentile depends on a handful of them.
const CALLS: usize = 4_000;

/// The calls of the measured plugin, and how many selects each makes.
const MEASURED: [(&str, u32); 2] = [("an empty call", 0), ("a call with one select", 1)];

pub async fn measure(server: &PrivateServer, rounds: usize) {
    let host = builder(server, &["bench", "probe"]).build().await;
    let host = Arc::new(host.expect("a host with `bench` and `probe`: run `cargo xtask guests`"));
    let spinning = SPINNING * std::thread::available_parallelism().map_or(1, usize::from);
    println!("{spinning} invocations spin; {CALLS} calls a turn; microseconds, medians of {rounds} rounds");
    for (name, selects) in MEASURED {
        let asked = json!({ "id": 1, "count": selects });
        let mut turns: Vec<[Turn; 2]> = Vec::new();
        for _ in 0..rounds {
            let quiet = turn(&host, "reads/repeat", asked.clone(), CALLS).await;
            let spinners = spin(&host, spinning);
            tokio::time::sleep(SETTLE).await;
            let beside = turn(&host, "reads/repeat", asked.clone(), CALLS).await;
            drop(spinners);
            tokio::time::sleep(SETTLE).await;
            turns.push([quiet, beside]);
        }
        for (which, of) in [("median", median as fn(&Turn) -> f64), ("p99", p99)] {
            report(&format!("{name}, {which}"), ["quiet", "beside"], &turns, of);
        }
    }
}

fn median(turn: &Turn) -> f64 {
    turn.median_us
}

fn p99(turn: &Turn) -> f64 {
    turn.p99_us
}

/// Starts callers of a function that never ends by itself. Each calls it again when its time limit ends the call.
fn spin(host: &Arc<Host>, count: usize) -> JoinSet<()> {
    let mut spinners = JoinSet::new();
    for _ in 0..count {
        let host = Arc::clone(host);
        spinners.spawn(async move {
            loop {
                let ended = host.call("probe", "abuses/spin").await;
                assert!(ended.is_err(), "the function never returns by itself");
            }
        });
    }
    spinners
}
