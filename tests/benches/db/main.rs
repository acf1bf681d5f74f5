//! `cargo xtask bench`: measures one select by key in a plugin, and the same statement without Palisade.
//!
//! There are two measurements. [`rounds`] lets all contenders take turns, so that a busy moment of the machine
//! affects all of them; it gives the ratios. [`baseline`] runs the contenders one after the other in criterion, which
//! compares each with its previous run; these times are not compared between contenders. No result fails the run.
#![allow(clippy::cast_precision_loss, reason = "the numbers here are far below what a float can hold")]

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

/// Number of concurrent clients in the second half.
const CLIENTS: usize = 16;
/// Turns are long compared with a switch of contenders, and short compared with a disturbance.
const FULL: Plan = Plan { rounds: 60, turn: 50, warm_up: 5 };
/// A short run that only shows that everything works.
const QUICK: Plan = Plan { rounds: 4, turn: 10, warm_up: 2 };
/// How long a single contender runs for a profiler.
const ALONE_S: u64 = 10;

struct Options {
    quick: bool,
    /// Runs only this contender, repeatedly and without a report, for `perf record`.
    only: Option<Contender>,
    /// The number of concurrent clients.
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

/// Parses the arguments from cargo and `cargo xtask bench`. Returns `None` unless cargo passes `--bench`.
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
