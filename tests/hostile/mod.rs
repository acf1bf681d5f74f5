//! Hostile components: each tries to take what it was not granted, and the table shows what stops it.
//!
//! The components are in `guests/hostile`, one file each, and are built from their text here. A row names what it
//! covers: an attack (G1 to G15, see [`ATTACKS`]), a limit, or a constant of `host/guard/src/limits`. A bound has two
//! rows: one at the bound, where nothing is stopped, and one over it. After each row the well-behaved neighbour must
//! be served.

mod again;
mod arena;
mod budgets;
mod coverage;
mod elsewhere;
mod growth;
mod late;
mod neighbours;
mod reach;
mod row;
mod several;
mod source;
mod space;
mod time;
mod turns;
mod values;

use arena::{Arena, groups};
use futures_util::{StreamExt, stream};
use row::{Row, Seen};
use std::fmt::Write as _;

/// The attacks.
const ATTACKS: &[(&str, &str)] = &[
    ("G1", "endless loops, many of them, bulk operations"),
    ("G2", "deep recursion, also into the host"),
    ("G3", "memory, tables and instances"),
    ("G4", "compile bombs, malformed and foreign binaries"),
    ("G5", "values that lift to gigabytes, handles"),
    ("G6", "the machine, through WASI"),
    ("G7", "host calls that outlast the deadline"),
    ("G8", "time, randomness and NaN bits in a query"),
    ("G9", "floods of log records, forged ones"),
    ("G10", "what belongs to another plugin"),
    ("G11", "access taps that fail"),
    ("G12", "invalid values, host functions that panic"),
    ("G13", "internal servers"),
    ("G14", "exhausting what plugins share"),
    ("G15", "a manifest that raises limits"),
];

const QUERY: &str = "[grants]\ndb = { query = true }";

/// Groups that are tried in parallel.
const AT_ONCE: usize = 4;

/// The rows that are one call each.
fn single() -> Vec<Row> {
    [time::rows(), space::rows(), values::rows(), reach::rows(), budgets::rows()].concat()
}

/// All components of `guests/hostile` in their smallest size.
pub fn components() -> impl Iterator<Item = (String, Vec<u8>)> {
    source::names().into_iter().map(|name| {
        let bytes = source::build(&name, 1);
        (name, bytes)
    })
}

fn table(rows: &[(&Row, &Seen)]) -> String {
    let mut text =
        format!("{:<24} {:<46} {:<7} {:<5} what stopped it\n", "component", "about", "kind", "half");
    for (row, seen) in rows {
        let half = if row.is_at { "at" } else { "over" };
        let stopped = match (seen, row.is_at) {
            (Seen::Works(..), true) => "-".to_owned(),
            (Seen::Works(answer, 0), false) => {
                format!("nothing stops it, and it gets only {answer:#x}")
            }
            (Seen::Works(_, logged), false) => {
                format!("{logged} log records are kept, and the rest is dropped")
            }
            (seen, _) => seen.to_string().replace('\n', " ").chars().take(140).collect(),
        };
        let _infallible =
            writeln!(text, "{:<24} {:<46} {:<7} {half:<5} {stopped}", row.component, row.about, row.kind);
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_component_is_stopped_and_its_neighbour_is_served() {
    let (single, several) = (single(), several::rows());
    let arena = Arena::new().await;
    let groups = groups(&single);
    let tried = stream::iter(&groups).map(|group| arena.try_group(group)).buffer_unordered(AT_ONCE);
    let crowds = stream::iter(&several).map(several::try_row).buffered(AT_ONCE);
    let (tried, crowds) = tokio::join!(tried.collect::<Vec<_>>(), crowds.collect::<Vec<_>>());
    let mut seen: Vec<(usize, Seen)> = tried.concat();
    seen.sort_by_key(|(index, _)| *index);
    let mut ended: Vec<(&Row, Seen)> = seen.into_iter().map(|(index, seen)| (&single[index], seen)).collect();
    ended.extend(several.iter().zip(crowds));
    let lines: Vec<(&Row, &Seen)> = ended.iter().map(|(row, seen)| (*row, seen)).collect();
    println!("{}", table(&lines));
    let wrong: Vec<_> = lines.iter().filter(|(row, seen)| !row.end.fits(seen)).collect();
    for (row, seen) in &wrong {
        println!("{} ({}) had to end as {:?} and ended as {seen:?}", row.component, source_of(row), row.end);
    }
    assert!(wrong.is_empty(), "{} of {} rows ended in another way", wrong.len(), lines.len());
}

fn source_of(row: &Row) -> String {
    match row.origin {
        row::Origin::Wat(_) => source::aim(row.component),
        row::Origin::Rust => "a guest in Rust".into(),
    }
}
