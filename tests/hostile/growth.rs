//! The host's memory while hostile components run. This needs its own process, because tests share one.

use super::arena::{Arena, groups};
use super::row::{Origin, Row};
use super::{single, source};
use palisade::limits::MIB;
use std::process::Command;

/// The maximum growth in bytes during a row about memory, tables, compilation or values.
const ROW_GROWTH_MAX: u64 = 64 * MIB;
/// The maximum growth in bytes from the end of the first round to the end of the last.
const ROUNDS_GROWTH_MAX: u64 = 32 * MIB;
/// The maximum size of the process in bytes.
const PEAK_MAX: u64 = 256 * MIB;
/// The number of rounds, unless the variable sets another.
const ROUNDS: usize = 2;
/// The environment variables for the number of rounds, and for marking the child.
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
    // The components are built here, because building some of them takes more memory than the host may use.
    let built = tempfile::tempdir().unwrap();
    for row in single() {
        if let Origin::Wat(size) = row.origin {
            source::place(row.component, size, &built.path().join(source::file(row.component, size)));
        }
    }
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", itself, "--nocapture"]).env(child, "yes").env(source::BUILT, built.path());
    // With an arena for each thread, the allocator keeps what one row took for a moment once for each of them, which looks
    // like growth round after round until every thread has served that row.
    process.env("MALLOC_ARENA_MAX", "1");
    let ended = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
    let (printed, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    println!("{printed}");
    assert!(ended.status.success() && printed.contains("1 passed"), "{printed}\n{errors}");
}

async fn run_in_turn(rounds: usize) {
    let rows = single();
    let groups = groups(&rows);
    let (mut after_first, mut peak) = (0, 0);
    for round in 1..=rounds {
        // Each round has its own database and host, because it loads the components again.
        let arena = Arena::new().await;
        let mut most = (0, "");
        for group in &groups {
            let before = Resident::start();
            let seen = arena.try_group(group).await;
            for (index, seen) in &seen {
                let row = &rows[*index];
                assert!(row.end.fits(seen), "{}: {:?} ended as {seen:?}", row.component, row.end);
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

/// Whether the growth during a row has its own bound.
fn is_bounded(row: &Row) -> bool {
    ["G3", "G4", "G5"].iter().any(|attack| row.about.split(' ').any(|word| word == *attack))
}

/// The resident memory of the process, now and at its peak since the last reset.
struct Resident {
    bytes: u64,
    peak: u64,
}

impl Resident {
    /// Returns the current size and resets the peak.
    fn start() -> Self {
        // The kernel resets the peak of the resident size when 5 is written.
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
