//! The criterion benchmarks: each contender runs alone, and criterion compares it with the previous run in
//! `target/criterion`.

use crate::contender::{Client, Contender};
use crate::rounds;
use crate::world::World;
use criterion::Criterion;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The contenders whose changes between runs are tracked.
const KEPT: [Contender; 3] = [Contender::Bare, Contender::Get, Contender::Nothing];

/// Measures each contender with each number of clients.
pub fn measure(runtime: &Runtime, world: &World, clients: [usize; 2], quick: bool) {
    let criterion = Criterion::default().without_plots();
    let mut criterion = if quick {
        let (warm_up, time) = (Duration::from_millis(50), Duration::from_millis(200));
        criterion.sample_size(10).nresamples(1_000).warm_up_time(warm_up).measurement_time(time)
    } else {
        let (warm_up, time) = (Duration::from_millis(500), Duration::from_secs(3));
        criterion.sample_size(50).nresamples(10_000).warm_up_time(warm_up).measurement_time(time)
    };
    for count in clients {
        let mut group = criterion.benchmark_group(format!("db, clients: {count}"));
        for contender in KEPT {
            let mut clients: Vec<Client> = runtime.block_on(rounds::callers(world, count));
            group.bench_function(contender.name(), |bencher| {
                bencher.iter_custom(|calls| {
                    let each = usize::try_from(calls).expect("a number of calls").div_ceil(count);
                    let start = Instant::now();
                    let done = runtime.block_on(rounds::all(std::mem::take(&mut clients), contender, each));
                    let took = start.elapsed();
                    clients = done.into_iter().map(|(client, _)| client).collect();
                    // Every client makes the same number of calls, so the total may be slightly larger than `calls`.
                    took.mul_f64(calls as f64 / (each * count) as f64)
                });
            });
        }
        group.finish();
    }
}
