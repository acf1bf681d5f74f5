//! Sends rows to a served host, and reads what the system says of its process and of the database's backends.

use super::rows::{ITEM, Row};
use crate::command::child::Serving;
use crate::harness::{World, client};
use palisade::limits::{ITEM_FIELDS_BYTES_MAX, SLOW_LANE_NICE};
use reqwest::{Client, RequestBuilder, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The neighbour's call.
const NEIGHBOUR: &str = "/call/greeter/greeting/greet";
/// Between two of the neighbour's calls, and between two looks at the memory.
const PAUSE: Duration = Duration::from_millis(3);
/// Longer than any answer takes.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How long callers wait for the last answers of a row.
const GRACE: Duration = Duration::from_secs(1);
/// Ticks of the processor time that the kernel shows, in a second.
const TICKS_PER_S: u64 = 100;

/// A served host, and who looks at it.
pub struct Watch<'a> {
    world: &'a World,
    url: String,
    process: u32,
    token: String,
    client: Client,
}

/// What a row took.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Requests that were answered, and those of them that did what was asked.
    pub answered: u64,
    pub done: u64,
    /// The most that the process held.
    pub bytes: u64,
    /// Processor time of the process.
    pub host: Duration,
    /// Processor time of the database's backends.
    pub backends: Duration,
    /// The neighbour's calls, and those of them that were not answered well.
    pub calls: Times,
    pub failed: u64,
    pub is_alive: bool,
}

/// How long the neighbour's calls took, from the shortest to the longest.
#[derive(Clone, Default)]
pub struct Times(Vec<Duration>);

/// All rows together.
#[derive(Default)]
pub struct Total {
    calls: Vec<Duration>,
    failed: u64,
    bytes: u64,
    worst: Option<(f64, String)>,
}

impl Seen {
    pub const HEAD: &'static str = "row                                     answered   done    MiB  host ms  backends ms  neighbour's calls  failed  median ms   p99 ms  p99/quiet";

    pub fn line(&self, name: &str, quiet: &Self) -> String {
        let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        format!(
            "{name:<38} {:>9} {:>6} {:>6} {:>8.0} {:>12.0} {:>18} {:>7} {:>10.2} {:>8.2} {:>10.1}",
            self.answered,
            self.done,
            self.bytes >> 20,
            ms(self.host),
            ms(self.backends),
            self.calls.0.len(),
            self.failed,
            ms(self.calls.at(50)),
            ms(self.calls.at(99)),
            self.calls.ratio(&quiet.calls)
        )
    }
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn at(&self, percent: usize) -> Duration {
        self.0.get(self.0.len() * percent / 100).copied().unwrap_or_default()
    }

    /// How many times the other 99th percentile this one is.
    fn ratio(&self, other: &Self) -> f64 {
        self.at(99).as_secs_f64() / other.at(99).as_secs_f64()
    }
}

impl std::fmt::Debug for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} calls, median {:?}, p99 {:?}", self.0.len(), self.at(50), self.at(99))
    }
}

impl Total {
    pub fn add(&mut self, name: &str, seen: Seen, quiet: &Seen) {
        let ratio = seen.calls.ratio(&quiet.calls);
        if self.worst.as_ref().is_none_or(|(worst, _)| ratio > *worst) {
            self.worst = Some((ratio, name.to_owned()));
        }
        self.calls.extend(seen.calls.0);
        self.failed += seen.failed;
        self.bytes = self.bytes.max(seen.bytes);
    }

    pub fn line(self, quiet: &Seen, busy: &Seen) -> String {
        let Self { calls, failed, bytes, worst } = self;
        let (calls, (ratio, row)) = (Times::of(calls), worst.unwrap_or_default());
        format!(
            "neighbour: {calls:?} ({:.1} times quiet, {:.1} times beside busy processors), {failed} failed; worst p99 {ratio:.1} \
             times quiet in {row}; at most {} MiB",
            calls.ratio(&quiet.calls),
            calls.ratio(&busy.calls),
            bytes >> 20
        )
    }
}

impl<'a> Watch<'a> {
    pub fn new(world: &'a World, serving: &Serving, token: String) -> Self {
        let client = client();
        Self { world, url: serving.url().to_owned(), process: serving.id(), token, client }
    }

    /// Stores what the rows read: notes, one of them large, and an item with the largest fields.
    pub async fn prepare(&self) {
        let notes = "INSERT INTO plugin_probe.notes (title, extra, tags) SELECT repeat('0', 8000), jsonb_build_array(g), ARRAY['t'] \
             FROM generate_series(1, 200) g; INSERT INTO plugin_probe.notes (title) VALUES (repeat('0', 1000000))";
        self.world.sql.batch_execute(notes).await.unwrap();
        let item = format!(
            "INSERT INTO palisade.items (id, item_type, title, status, fields, revision, created_at, updated_at) \
             SELECT CASE g WHEN 1 THEN '{ITEM}'::uuid ELSE gen_random_uuid() END, 'note', 't', 'published', \
             json_build_object('a', repeat('x', {ITEM_FIELDS_BYTES_MAX} - 20)), 1, now(), now() FROM generate_series(1, 30) g"
        );
        self.world.sql.batch_execute(&item).await.unwrap();
    }

    /// What the neighbour sees while nobody else calls.
    pub async fn quiet(&self, time: Duration) -> Seen {
        self.measure(async { (tokio::time::sleep(time).await, (0, 0)).1 }).await
    }

    /// What the neighbour sees beside threads of this priority, one for each processor, which only count: what the system's
    /// scheduler gives, whatever the host does.
    pub async fn beside_busy_processors(&self, nice: i32, time: Duration) -> Seen {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let load = async {
            let count = move || {
                rustix::process::setpriority_process(None, nice).unwrap();
                let until = Instant::now() + time;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            };
            futures_util::future::join_all((0..processors).map(|_| Self::on_a_thread(count))).await;
            (0, 0)
        };
        self.measure(load).await
    }

    /// Sends a row from many callers for a while. They have a thread of their own of low priority, so that the neighbour waits
    /// for the host and not for them: callers have machines of their own.
    pub async fn send(&self, row: &Row, callers: usize, time: Duration) -> Seen {
        let (url, token) = (format!("{}{}", self.url, row.path), row.with_token.then(|| self.token.clone()));
        let (method, body) = (row.method.clone(), bytes::Bytes::from(row.body.clone()));
        let load = move || {
            rustix::process::setpriority_process(None, SLOW_LANE_NICE).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let request =
                client().request(method, url).timeout(WAIT_MAX).header("content-type", "application/json");
            let request = token.into_iter().fold(request.body(body), RequestBuilder::bearer_auth);
            runtime.block_on(call(&request, callers, time))
        };
        self.measure(async { Self::on_a_thread(load).await }).await
    }

    /// Does work on a thread of its own, which ends with it: its priority is no other one's.
    async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || done.send(work()).ok());
        result.await.unwrap()
    }

    async fn measure(&self, load: impl Future<Output = (u64, u64)>) -> Seen {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let sampler = {
            let (most, stop, process) = (Arc::clone(&most), Arc::clone(&stop), self.process);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(resident(process), Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        let neighbour = {
            let (client, url, stop) =
                (self.client.clone(), format!("{}{NEIGHBOUR}", self.url), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut times, mut failed) = (Vec::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let request = client.post(&url).header("content-type", "application/json");
                    let answer = request.body(r#"{"name":"Ada"}"#).timeout(WAIT_MAX).send().await;
                    let is_well = answer.is_ok_and(|answer| answer.status() == StatusCode::OK);
                    failed += u64::from(!is_well);
                    times.push(began.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                (Times::of(times), failed)
            })
        };
        let (host, backends) = (processor_time(self.process), self.backends().await);
        let (answered, done) = load.await;
        let (host, backends) = (
            processor_time(self.process).saturating_sub(host),
            self.backends().await.saturating_sub(backends),
        );
        stop.store(true, Ordering::Relaxed);
        sampler.await.unwrap();
        let (calls, failed) = neighbour.await.unwrap();
        let is_alive = resident(self.process) > 0;
        let bytes = most.load(Ordering::Relaxed);
        Seen { answered, done, bytes, host, backends, calls, failed, is_alive }
    }

    /// Processor time of all backends of this database that are alive.
    async fn backends(&self) -> Duration {
        let all = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()";
        let rows = self.world.sql.query(all, &[]).await.unwrap();
        rows.iter().map(|row| processor_time(row.get::<_, i32>(0).cast_unsigned())).sum()
    }
}

/// Sends a request from many callers at once, again and again. Returns how many were answered, and how many did what was asked.
async fn call(request: &RequestBuilder, callers: usize, time: Duration) -> (u64, u64) {
    let until = Instant::now() + time;
    let (answered, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let caller = async || {
        while Instant::now() < until {
            let Ok(answer) = request.try_clone().unwrap().send().await else { continue };
            done.fetch_add(u64::from(answer.status().is_success()), Ordering::Relaxed);
            let _read = answer.bytes().await;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let all = futures_util::future::join_all((0..callers).map(|_| caller()));
    // What is not answered soon after is left: callers do that, too.
    let _left = tokio::time::timeout(time + GRACE, all).await;
    (answered.load(Ordering::Relaxed), done.load(Ordering::Relaxed))
}

/// Bytes that a process holds in memory; 0 if there is no such process.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Processor time that a process has used.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, can contain spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS_PER_S)
}
