//! Turns: in each round every contender runs once, in an order that changes from round to round.
//!
//! A contender's time is the median of all its calls. Its ratio is that median divided by the reference's. The spread
//! of the ratios of single rounds shows how reliable the ratio is, because each round sees one state of the machine.

use crate::contender::{Client, Contender};
use crate::world::World;
use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// Calls per client in a turn.
    pub turn: usize,
    /// Uncounted calls before each turn: the previous contender leaves a rollback behind, and its own code in the
    /// caches.
    pub warm_up: usize,
}

/// The results of one contender.
pub struct Measured {
    pub contender: Contender,
    /// Microseconds per call.
    pub latency: Quartiles,
    /// `latency` divided by the reference's latency.
    pub ratio: f64,
    /// The ratios of single rounds.
    pub round_ratio: Quartiles,
    /// Calls per second of all clients together.
    pub per_second: f64,
}

/// The results of all contenders with one number of clients.
pub struct Comparison {
    pub clients: usize,
    pub measured: Vec<Measured>,
}

impl Comparison {
    /// The median latency of one contender, in microseconds.
    pub fn median(&self, contender: Contender) -> f64 {
        let found = self.measured.iter().find(|measured| measured.contender == contender);
        found.expect("the contender took part").latency.median
    }
}

/// The three quartiles of a list.
#[derive(Clone, Copy)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

/// Calls between two checks of the clock.
const CHUNK: usize = 1_000;

#[derive(Clone, Default)]
struct Account {
    /// Microseconds per call, one list per round.
    rounds: Vec<Vec<f64>>,
    busy: Duration,
}

/// Runs the contenders in turns.
pub async fn compare(world: &World, clients: usize, contenders: &[Contender], plan: Plan) -> Comparison {
    let mut callers = callers(world, clients).await;
    let mut accounts = vec![Account::default(); contenders.len()];
    for round in 0..plan.rounds {
        for place in 0..contenders.len() {
            // The order alternates, so that no contender always follows the same one.
            let place = if round % 2 == 0 { place } else { contenders.len() - 1 - place };
            let index = (place + round) % contenders.len();
            callers = turn(callers, contenders[index], plan, &mut accounts[index]).await;
        }
    }
    let medians: Vec<Vec<f64>> = accounts.iter().map(|account| medians(&account.rounds)).collect();
    let latencies: Vec<Quartiles> =
        accounts.iter().map(|account| Quartiles::of(account.rounds.concat())).collect();
    let measured = contenders.iter().enumerate().map(|(index, &contender)| Measured {
        contender,
        latency: latencies[index],
        ratio: latencies[index].median / latencies[0].median,
        round_ratio: Quartiles::of(medians[index].iter().zip(&medians[0]).map(|(a, b)| a / b).collect()),
        per_second: accounts[index].rounds.iter().map(Vec::len).sum::<usize>() as f64
            / accounts[index].busy.as_secs_f64(),
    });
    Comparison { clients, measured: measured.collect() }
}

/// Creates this many clients.
pub async fn callers(world: &World, count: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        clients.push(world.client(number).await);
    }
    clients
}

/// Calls one contender repeatedly until the given time.
pub async fn repeat(mut clients: Vec<Client>, contender: Contender, until: Instant) {
    let mut calls = 0;
    let start = Instant::now();
    while Instant::now() < until {
        clients = all(clients, contender, CHUNK).await.into_iter().map(|(client, _)| client).collect();
        calls += CHUNK * clients.len();
    }
    println!("{}: {:.1} µs a call", contender.name(), start.elapsed().as_secs_f64() * 1e6 / calls as f64);
}

fn medians(rounds: &[Vec<f64>]) -> Vec<f64> {
    rounds.iter().map(|latencies| Quartiles::of(latencies.clone()).median).collect()
}

/// All clients call one contender concurrently and repeatedly.
async fn turn(clients: Vec<Client>, contender: Contender, plan: Plan, account: &mut Account) -> Vec<Client> {
    let clients = all(clients, contender, plan.warm_up).await.into_iter().map(|(client, _)| client).collect();
    let start = Instant::now();
    let done = all(clients, contender, plan.turn).await;
    account.busy += start.elapsed();
    let (clients, latencies): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    account.rounds.push(latencies.concat());
    clients
}

/// Lets each client make this many calls, and returns the microseconds of each call.
pub async fn all(clients: Vec<Client>, contender: Contender, calls: usize) -> Vec<(Client, Vec<f64>)> {
    let loops = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(calls);
            for _ in 0..calls {
                let start = Instant::now();
                client.run(contender).await;
                latencies.push(start.elapsed().as_secs_f64() * 1e6);
            }
            (client, latencies)
        })
    });
    // All clients start before the first one is awaited.
    let running: Vec<_> = loops.collect();
    let mut done = Vec::with_capacity(running.len());
    for client in running {
        done.push(client.await.expect("a client that ends"));
    }
    done
}
