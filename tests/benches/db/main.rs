//! `cargo xtask bench`: what one select by key costs in a plugin, beside the same statement without Palisade.
//!
//! Two ways of measuring, for two questions. In [`rounds`] all contenders take turns, so that a machine that is busy for a
//! moment is busy for all of them; the ratios come from there. [`baseline`] gives each to criterion, one after the
//! other, which keeps what it found and says what changed since the run before; its times are not compared with each
//! other. Nothing here judges: there is no time at which this fails.
#![allow(clippy::cast_precision_loss, reason = "what is counted here is far below what a float can hold")]

mod baseline;
mod contender;
mod report;
mod rounds;
mod world;

use contender::Contender;
use report::Report;
use rounds::Plan;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use world::World;

/// Concurrent callers of the second half.
const CLIENTS: usize = 16;
/// Each turn long against a switch, short against a disturbance.
const FULL: Plan = Plan { rounds: 60, turn: 50, warm_up: 5 };
/// Enough to see that everything runs.
const QUICK: Plan = Plan { rounds: 4, turn: 10, warm_up: 2 };
/// How long one contender runs for a profiler.
const ALONE_S: u64 = 10;

struct Options {
    quick: bool,
    /// One contender, again and again and without a report: what `perf record` needs.
    only: Option<Contender>,
    /// How many call it at once.
    clients: usize,
    out: PathBuf,
}

fn main() {
    palisade::compile_if_asked();
    let Some(options) = options() else {
        println!("nothing is measured by `cargo test`: run `cargo xtask bench`");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let world = runtime.block_on(World::start());
    if let Some(contender) = options.only {
        let clients = runtime.block_on(rounds::callers(&world, options.clients));
        let until = Instant::now() + Duration::from_secs(ALONE_S);
        return runtime.block_on(rounds::repeat(clients, contender, until));
    }
    let plan = if options.quick { QUICK } else { FULL };
    let alone = runtime.block_on(rounds::compare(&world, 1, &Contender::ALL, plan));
    let together = runtime.block_on(rounds::compare(&world, CLIENTS, &Contender::UNDER_LOAD, plan));
    let report = Report { server: world.server_version.clone(), plan, alone, together };
    baseline::measure(&runtime, &world, [1, CLIENTS], options.quick);
    print!("{report}");
    std::fs::write(&options.out, format!("{:#}\n", report.json())).expect("a file for the report");
    println!("\nAs JSON: {}", options.out.display());
    runtime.block_on(world.stop());
}

/// What cargo and `cargo xtask bench` say; nothing to measure unless cargo says `--bench`.
fn options() -> Option<Options> {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-db.json");
    let (mut options, mut is_bench) = (Options { quick: false, only: None, clients: 1, out }, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("nothing after {word}"));
        match word.as_str() {
            "--bench" => is_bench = true,
            "--quick" => options.quick = true,
            "--clients" => options.clients = value().parse().expect("a number of clients"),
            "--out" => options.out = value().into(),
            "--only" => {
                let name = value();
                let named = |contender: &Contender| contender.name() == name;
                options.only = Some(Contender::ALL.into_iter().find(named).expect("a contender's name"));
            }
            other => panic!(
                "unknown argument {other}: there are --quick, --only NAME, --clients NUMBER and --out PATH"
            ),
        }
    }
    is_bench.then_some(options)
}
