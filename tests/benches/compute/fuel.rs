//! Compares the same calls on a host that counts fuel and on one that does not.

use crate::{Turn, builder, report, turn};
use palisade::limits::{Limit, Limits};
use palisade::store::private::PrivateServer;
use serde_json::{Value, json};
use std::sync::Arc;

/// More than any of these calls uses. It has to be a maximum, because without one the host counts no fuel.
const FUEL: u64 = u64::MAX - 1;

pub async fn measure(server: &PrivateServer, rounds: usize) {
    let without = builder(server, &["bench"]).build().await;
    let without = Arc::new(without.expect("a host with `bench`: run `cargo xtask guests`"));
    let counting = builder(server, &["bench"]).limits(Limits::unlimited().with(Limit::Fuel, FUEL));
    let counting = Arc::new(counting.build().await.expect("the same with fuel"));
    let asked: [(&str, &str, Value, usize); 3] = [
        ("an empty call", "reads/repeat", json!({ "id": 1, "count": 0 }), 4_000),
        ("a call with one select", "reads/repeat", json!({ "id": 1, "count": 1 }), 2_000),
        ("a call that computes for ms", "reads/compute", json!({ "rounds": 1_000_000 }), 100),
    ];
    println!("microseconds, medians of {rounds} rounds");
    for (name, function, arguments, calls) in asked {
        let mut turns: Vec<[Turn; 2]> = Vec::new();
        for _ in 0..rounds {
            let uncounted = turn(&without, function, arguments.clone(), calls).await;
            turns.push([uncounted, turn(&counting, function, arguments.clone(), calls).await]);
        }
        report(name, ["without fuel", "with"], &turns, |turn| turn.median_us);
    }
}
