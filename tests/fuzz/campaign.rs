//! Runs fuzz cases in a child process, so that a case that hangs, overflows the stack or aborts is also caught and
//! reported with its seed.
//!
//! Every run of the tests uses the same few cases. `cargo xtask fuzz` runs other cases for a given time, and repeats
//! any single case.

use super::dice::Dice;
use crate::harness::{SERVER, shared};
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A fuzz target.
pub trait Fuzzer: Sized {
    /// Its name on the command line of `cargo xtask fuzz`.
    const NAME: &'static str;
    /// The full name of its test.
    const TEST: &'static str;
    /// The number of cases in every run of the tests.
    const SMOKE: u64;
    /// The number of cases after which it starts again with a new database.
    const CASES_PER_ARENA: u64;

    async fn new() -> Self;

    /// Runs one case. Returns its outcomes, to be counted, or what went wrong.
    async fn case(&mut self, dice: &mut Dice) -> Result<Vec<String>, String>;

    /// Checks what must hold after many cases.
    async fn end(self) -> Result<(), String>;

    /// Checks that the fixed cases reached the outcomes without which they would show nothing.
    fn check_outcomes(tally: &Tally) -> Result<(), String>;
}

/// How often each outcome occurred.
pub type Tally = BTreeMap<String, u64>;

/// How long the child may stay silent: far longer than any case takes, even on a busy machine.
const HANG: Duration = Duration::from_mins(2);
/// How many bytes of a failed child's standard error are shown.
const COMPLAINT_BYTES: usize = 4_000;
/// The environment variables for the duration, the first seed and the number of cases, and the one that marks the
/// child.
const MINUTES: &str = "PALISADE_FUZZ_MINUTES";
const SEED: &str = "PALISADE_FUZZ_SEED";
const CASES: &str = "PALISADE_FUZZ_CASES";
const CHILD: &str = "PALISADE_FUZZ_CHILD";
/// The prefixes of the child's lines.
const CASE: &str = "fuzz: case ";
const FAILED: &str = "fuzz: failed ";
const SEEN: &str = "fuzz: seen ";

/// Runs the cases of a fuzz target.
pub fn run<F: Fuzzer>() {
    if env::var_os(CHILD).is_some() {
        return cases::<F>();
    }
    let server = runtime().block_on(shared());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", F::TEST, "--nocapture"]).env(CHILD, "yes").env(SERVER, server.url("postgres"));
    // Without backtraces the last lines contain the error.
    command.env("RUST_BACKTRACE", "0");
    let Watched { seeds, seen, failure } = watch(&mut command, HANG);
    for line in seen {
        println!("{}: {line}", F::NAME);
    }
    if let Some(failure) = failure {
        panic!("{}: {failure}\n{}", F::NAME, how_to_repeat(F::NAME, seeds, F::CASES_PER_ARENA));
    }
}

/// Describes how to repeat a failure.
fn how_to_repeat(name: &str, seeds: Option<(u64, u64)>, per_arena: u64) -> String {
    let Some((first, seed)) = seeds else { return "It had not begun with any case.".into() };
    let began = first + (seed - first) / per_arena * per_arena;
    let alone = format!("This case again: cargo xtask fuzz {name} --seed {seed}");
    match seed - began {
        0 => alone,
        before => format!(
            "{alone}\nWith what came before it: cargo xtask fuzz {name} --seed {began} --cases {}",
            before + 1
        ),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// What the parent knows about the child.
struct Watched {
    /// The first and the last case.
    seeds: Option<(u64, u64)>,
    seen: Vec<String>,
    failure: Option<String>,
}

/// Runs a process until it ends, or until it is silent for this long.
fn watch(command: &mut Command, patience: Duration) -> Watched {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (send, lines) = mpsc::channel();
    let (out, mut complaints) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    let complained = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = complaints.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(COMPLAINT_BYTES)..]).into_owned()
    });
    let mut watched = Watched { seeds: None, seen: Vec::new(), failure: None };
    loop {
        match lines.recv_timeout(patience) {
            Ok(line) => watched.read_line(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                watched.failure = Some(format!("no output for {patience:?}"));
                break;
            }
        }
    }
    let status = child.wait().unwrap();
    if watched.failure.is_none() && !status.success() {
        watched.failure = Some(format!("the process ended with {status}: {}", complained.join().unwrap()));
    }
    watched
}

impl Watched {
    fn read_line(&mut self, line: &str) {
        // The name of the test may be printed before it on the same line.
        if let Some((_, seed)) = line.split_once(CASE) {
            let seed = seed.parse().unwrap();
            self.seeds = Some((self.seeds.map_or(seed, |(first, _)| first), seed));
        } else if let Some((_, text)) = line.split_once(FAILED) {
            self.failure = Some(text.to_owned());
        } else if let Some((_, text)) = line.split_once(SEEN) {
            self.seen.push(text.to_owned());
        }
    }
}

/// The cases to run.
struct Plan {
    first: u64,
    cases: u64,
    until: Option<Instant>,
    /// Whether these are the fixed cases of every run of the tests.
    is_smoke: bool,
}

impl Plan {
    fn read(smoke: u64) -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let until = number(MINUTES).map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        match (number(SEED), number(CASES), until) {
            (None, None, None) => Self { first: 0, cases: smoke, until: None, is_smoke: true },
            (Some(first), cases, None) => {
                Self { first, cases: cases.unwrap_or(1), until: None, is_smoke: false }
            }
            // Random first seeds, short enough to type.
            (first, cases, until) => Self {
                first: first.unwrap_or_else(|| u64::from(rand::random::<u32>()) << 16),
                cases: cases.unwrap_or(u64::MAX),
                until,
                is_smoke: false,
            },
        }
    }
}

/// Runs the cases in this process.
fn cases<F: Fuzzer>() {
    let plan = Plan::read(F::SMOKE);
    record_panics();
    let runtime = runtime();
    let ran = runtime.block_on(run_plan::<F>(&plan));
    // Tasks that hang on other threads are not awaited.
    runtime.shutdown_background();
    let outcome = ran.and_then(|tally| {
        for (what, times) in &tally {
            println!("{SEEN}{times:>6} {what}");
        }
        if plan.is_smoke { F::check_outcomes(&tally) } else { Ok(()) }
    });
    if let Err(failure) = outcome {
        println!("{FAILED}{}", failure.escape_debug());
        panic!("a case failed");
    }
}

async fn run_plan<F: Fuzzer>(plan: &Plan) -> Result<Tally, String> {
    let (mut tally, mut arena, mut slowest) = (Tally::new(), None, (Duration::ZERO, 0));
    let is_over = || plan.until.is_some_and(|until| Instant::now() > until);
    for case in (0..plan.cases).take_while(|_| !is_over()) {
        if case % F::CASES_PER_ARENA == 0 {
            end(arena.take()).await?;
        }
        let seed = plan.first.wrapping_add(case);
        println!("{CASE}{seed}");
        let arena = match &mut arena {
            Some(arena) => arena,
            none => none.insert(F::new().await),
        };
        let began = Instant::now();
        *tally.entry("cases".into()).or_default() += 1;
        for what in arena.case(&mut Dice::new(seed)).await? {
            *tally.entry(what).or_default() += 1;
        }
        check_panics()?;
        slowest = slowest.max((began.elapsed(), seed));
    }
    println!("{SEEN}the slowest case {} took {:?}", slowest.1, slowest.0);
    end(arena).await?;
    Ok(tally)
}

async fn end<F: Fuzzer>(arena: Option<F>) -> Result<(), String> {
    match arena {
        Some(arena) => arena.end().await,
        None => Ok(()),
    }
}

/// Panics of all threads, including those that nothing joins.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn record_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
        usual(panic);
    }));
}

/// Fails if any thread has panicked.
fn check_panics() -> Result<(), String> {
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    if panics.is_empty() { Ok(()) } else { Err(panics.join("; ")) }
}

fn script(text: &str) -> Watched {
    watch(Command::new("sh").args(["-c", text]), Duration::from_millis(500))
}

#[test]
fn process_that_hangs_or_dies_fails_its_last_case() {
    for (text, failure) in [
        ("echo fuzz: case 7; echo fuzz: case 9; sleep 60", "no output for 500ms"),
        ("echo fuzz: case 7; echo fuzz: case 9; kill -ABRT $$", "signal: 6"),
        ("echo fuzz: case 7; echo fuzz: case 9; echo fuzz: failed wrong; exit 1", "wrong"),
        ("echo fuzz: case 7; echo fuzz: case 9; echo oh >&2; exit 3", "exit status: 3: oh"),
    ] {
        let watched = script(text);
        assert_eq!(watched.seeds, Some((7, 9)), "{text}");
        assert!(watched.failure.as_ref().is_some_and(|text| text.contains(failure)), "{:?}", watched.failure);
    }
    let watched = script("echo test x ... fuzz: case 7; echo fuzz: seen 1 value");
    assert_eq!(
        (watched.seeds, watched.failure, watched.seen),
        (Some((7, 7)), None, vec!["1 value".to_owned()])
    );
}

#[test]
fn failure_names_the_command_that_repeats_it() {
    let alone = "This case again: cargo xtask fuzz loader --seed 7";
    assert_eq!(how_to_repeat("loader", Some((7, 7)), 500), alone);
    assert_eq!(how_to_repeat("loader", Some((0, 7)), 1), alone);
    let began = "With what came before it: cargo xtask fuzz loader --seed 500 --cases 4";
    assert!(how_to_repeat("loader", Some((0, 503)), 500).ends_with(began));
}
