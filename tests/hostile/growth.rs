//! What the host's own memory does while hostile components run: in a process of its own, because tests share one.

use super::arena::{Arena, groups};
use super::row::{Origin, Row};
use super::{single, source};
use palisade::limits::MIB;
use std::process::Command;

/// Bytes that the process may have grown by at its highest during any row about memory, tables, compilation or values.
const ROW_GROWTH_MAX: u64 = 64 * MIB;
/// Bytes that the process may have at the end of all rounds more than after the first.
const ROUNDS_GROWTH_MAX: u64 = 32 * MIB;
/// Bytes that it may have at its highest at all.
const PEAK_MAX: u64 = 256 * MIB;
/// Rounds, unless the variable says more.
const ROUNDS: usize = 2;
/// Says how many rounds; in the child, that it is the child.
const VARIABLE: [&str; 2] = ["PALISADE_HOSTILE_ROUNDS", "PALISADE_HOSTILE_CHILD"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_memory_stays_bounded_while_hostile_components_run_in_turn() {
    let [rounds, child] = VARIABLE;
    if std::env::var_os(child).is_some() {
        let rounds = std::env::var(rounds).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
        return run_in_turn(rounds).await;
    }
    let itself =
        concat!("hostile::growth::", "host_memory_stays_bounded_while_hostile_components_run_in_turn");
    // Built here, because the text of some of them takes more memory than the host may.
    let built = tempfile::tempdir().unwrap();
    for row in single() {
        if let Origin::Wat(size) = row.origin {
            source::place(row.component, size, &built.path().join(source::file(row.component, size)));
        }
    }
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", itself, "--nocapture"]).env(child, "yes").env(source::BUILT, built.path());
    let ended = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    println!("{said}");
    assert!(ended.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}

async fn run_in_turn(rounds: usize) {
    let rows = single();
    let groups = groups(&rows);
    let (mut after_first, mut peak) = (0, 0);
    for round in 1..=rounds {
        // A database and a host for each round, as the components are loaded anew in each.
        let arena = Arena::new().await;
        let mut most = (0, "");
        for group in &groups {
            let before = Resident::start();
            let seen = arena.try_group(group).await;
            for (index, seen) in &seen {
                let row = &rows[*index];
                assert!(row.end.fits(seen), "{}: {:?} became {seen:?}", row.component, row.end);
            }
            let now = Resident::now();
            peak = peak.max(now.peak);
            let first = group.rows[0].1;
            let growth = now.peak.saturating_sub(before.bytes);
            if is_bounded(first) {
                most = most.max((growth, first.component));
                assert!(
                    growth < ROW_GROWTH_MAX,
                    "{}: {} MiB in round {round}",
                    first.component,
                    growth / MIB
                );
            }
        }
        arena.host.clone().stop().await;
        drop(arena);
        let bytes = Resident::now().bytes;
        println!(
            "round {round}: {} MiB after it, {} MiB at most, {} MiB more during {}",
            bytes / MIB,
            peak / MIB,
            most.0 / MIB,
            most.1
        );
        if round == 1 {
            after_first = bytes;
        }
        assert!(
            bytes.saturating_sub(after_first) < ROUNDS_GROWTH_MAX,
            "{} MiB more than after round 1",
            (bytes - after_first) / MIB
        );
    }
    assert!(peak < PEAK_MAX, "{} MiB", peak / MIB);
}

/// Rows whose growth has a bound of its own.
fn is_bounded(row: &Row) -> bool {
    ["G3", "G4", "G5"].iter().any(|attack| row.about.split(' ').any(|word| word == *attack))
}

/// What the process has in memory, and had at its highest since the last look.
struct Resident {
    bytes: u64,
    peak: u64,
}

impl Resident {
    /// Looks, and lets the highest begin anew.
    fn start() -> Self {
        // The kernel's: 5 resets the peak of the resident size.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self::now()
    }

    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let kib = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Self { bytes: kib("VmRSS:") * 1024, peak: kib("VmHWM:") * 1024 }
    }
}
