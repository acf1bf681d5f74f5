//! The report: a table for people, JSON for programs.

use crate::contender::{Contender, MANY};
use crate::rounds::{Comparison, Measured, Plan, Quartiles};
use crate::world::ROWS;
use serde_json::{Value, json};
use std::fmt;

/// The results.
pub struct Report {
    pub server: String,
    pub plan: Plan,
    pub alone: Comparison,
    pub together: Comparison,
}

/// A part of a call's time in microseconds, as a difference of two medians.
struct Part {
    name: &'static str,
    time: f64,
    how: &'static str,
}

impl Report {
    /// The whole report as JSON. Latencies are in microseconds.
    pub fn json(&self) -> Value {
        let comparisons = [&self.alone, &self.together].map(|comparison| {
            json!({
                "clients": comparison.clients,
                "contenders": comparison.measured.iter().map(contender).collect::<Vec<_>>(),
            })
        });
        let parts =
            self.parts().map(|Part { name, time, how }| json!({ "name": name, "us": time, "how": how }));
        json!({
            "rows": ROWS,
            "postgresql": self.server,
            "processors": processors(),
            "rounds": self.plan.rounds,
            "calls_per_client_and_round": self.plan.turn,
            "comparisons": comparisons,
            "parts_of_a_call": parts,
        })
    }

    /// Splits the time of a call with one select. The first two parts add up to it, except for noise. A call that
    /// never waits keeps the processor's caches warm, and so does a server process that gets the next request at
    /// once; the cost of switching between the two is part of the select.
    fn parts(&self) -> [Part; 6] {
        let of = |contender| self.alone.median(contender);
        let (nothing, once) = (of(Contender::Nothing), of(Contender::Once));
        [
            Part {
                name: "the call itself",
                time: nothing,
                how: "empty-call: admission, store, instance, arguments and answer as JSON",
            },
            Part {
                name: "its only select",
                time: of(Contender::Get) - nothing,
                how: "call less empty-call: three host calls, the select in autocommit, a record as the answer",
            },
            Part {
                name: "of that: PostgreSQL",
                time: of(Contender::Bare),
                how: "bare: the round trip that every read needs",
            },
            Part {
                name: "or: select in transaction",
                time: once - nothing,
                how: "call-1 less empty-call: the same of a function that is known to send several",
            },
            Part {
                name: "of that: transaction",
                time: of(Contender::Pipelined) - of(Contender::Bare),
                how: "pipelined less bare: BEGIN and SAVEPOINT on the way, ROLLBACK on another connection",
            },
            Part {
                name: "each further select",
                time: (of(Contender::Many) - once) / f64::from(MANY - 1),
                how: "call-21 less call-1, by 20: no BEGIN, nor a connection to take",
            },
        ]
    }
}

fn contender(measured: &Measured) -> Value {
    let quartiles = |Quartiles { low, median, high }| json!({ "q1": low, "median": median, "q3": high });
    json!({
        "name": measured.contender.name(),
        "includes": measured.contender.includes(),
        "latency_us": quartiles(measured.latency),
        "ratio_to_bare": measured.ratio,
        "ratio_to_bare_by_round": quartiles(measured.round_ratio),
        "calls_per_second": measured.per_second,
    })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rounds, turn, .. } = self.plan;
        writeln!(
            out,
            "\nOne row of {ROWS} by its key. PostgreSQL {} on a Unix socket, {} processors for both sides; \
             {rounds} rounds, {turn} calls of each client in each.",
            self.server,
            processors()
        )?;
        for comparison in [&self.alone, &self.together] {
            table(out, comparison)?;
        }
        writeln!(out, "\nWhere the time of a call goes, at 1 client:")?;
        for Part { name, time, how } in self.parts() {
            writeln!(out, "{name:<26} {time:>7.1} µs  {how}")?;
        }
        writeln!(out)?;
        for contender in Contender::ALL {
            writeln!(out, "{:<11} {}", contender.name(), contender.includes())?;
        }
        Ok(())
    }
}

fn table(out: &mut fmt::Formatter<'_>, comparison: &Comparison) -> fmt::Result {
    let clients = format!("clients: {}", comparison.clients);
    writeln!(
        out,
        "\n{clients:<11} {:>9}  {:>17}  {:>6}  {:>12}  {:>8}",
        "median µs", "quartiles", "ratio", "by round", "calls/s"
    )?;
    for Measured { contender, latency, ratio, round_ratio, per_second } in &comparison.measured {
        let spread = format!("{:.1}–{:.1}", latency.low, latency.high);
        let rounds = format!("{:.2}–{:.2}", round_ratio.low, round_ratio.high);
        writeln!(
            out,
            "{:<11} {:>9.1}  {spread:>17}  {ratio:>6.2}  {rounds:>12}  {per_second:>8.0}",
            contender.name(),
            latency.median
        )?;
    }
    Ok(())
}
