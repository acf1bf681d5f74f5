//! Processor time of invocations: counted around each poll, so it covers the guest's code and all that the host does for it
//! without waiting, and nothing that it waits for.
//!
//! An invocation is a future that one thread polls at a time. [`counted`] reads the clock before and after a poll: on a
//! thread of the slow lane the thread's own time, because such a thread often waits for the processor, and elsewhere the
//! elapsed time, because the other takes a system call. Only a long poll is compared with the thread's own time there, too: on
//! a busy machine a short call can wait for long in the middle of its poll, and does not belong in the slow lane. Code that
//! runs within the poll reads the sum with [`used`]. Not here: what is done about it, which is in `lane.rs` and in
//! `host/src/state`.

use palisade_guard::limits::{NS_PER_MS, POLL_LONG_MS};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// What an invocation has used of the processor, and how long it waited for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) used: Duration,
    pub(crate) waited: Duration,
}

/// The poll that a thread is in.
#[derive(Clone, Copy, Debug)]
struct Current {
    /// What the invocation had used before this poll.
    before: Duration,
    began: Instant,
    /// The thread's processor time at the beginning, or shortly before it where a poll is short as a rule.
    thread: Duration,
    /// What other threads used for it during the poll.
    others: Duration,
    has_yielded: bool,
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    /// Whether this thread waits for the processor while others run.
    static IS_PATIENT: Cell<bool> = const { Cell::new(false) };
    /// When this thread's processor time was read, and what it was.
    static LAST_READ: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Declares that this thread runs only when no other one wants the processor: from now on its own time is counted.
pub(super) fn be_patient() {
    IS_PATIENT.set(true);
}

/// Whether this thread belongs to the slow lane.
pub(super) fn is_patient() -> bool {
    IS_PATIENT.get()
}

/// Runs one poll of an invocation and adds its time to the account. Also returns whether the invocation yielded.
pub(super) fn counted<T>(account: &mut Account, poll: impl FnOnce() -> T) -> (T, bool) {
    let began = Instant::now();
    let thread = if is_patient() { thread_time() } else { recent_thread_time(began) };
    let current = Current { before: account.used, began, thread, others: Duration::ZERO, has_yielded: false };
    let outer = CURRENT.replace(Some(current));
    let polled = poll();
    let current = CURRENT.replace(outer).unwrap_or(current);
    let elapsed = current.began.elapsed();
    let used = current.used_since(elapsed);
    account.used = current.before.saturating_add(used);
    account.waited = account.waited.saturating_add(elapsed.saturating_sub(used));
    (polled, current.has_yielded)
}

/// The processor time of the invocation that this thread polls, from its beginning until now.
pub(crate) fn used() -> Duration {
    CURRENT.get().map_or(Duration::ZERO, |current| {
        current.before.saturating_add(current.used_since(current.began.elapsed()))
    })
}

/// [`used`] in milliseconds.
pub(crate) fn used_ms() -> u64 {
    u64::try_from(used().as_nanos()).unwrap_or(u64::MAX) / NS_PER_MS
}

/// How long this thread has been in its poll.
pub(crate) fn held() -> Duration {
    CURRENT.get().map_or(Duration::ZERO, |current| current.began.elapsed())
}

/// Reports that the invocation gives up its thread although it waits for nothing.
pub(crate) fn will_yield() {
    if let Some(current) = CURRENT.get() {
        CURRENT.set(Some(Current { has_yielded: true, ..current }));
    }
}

/// Runs work that blocks this thread until another one has done it. The time counts as the invocation's, whichever clock
/// this thread is counted by.
pub(crate) fn elsewhere<T>(work: impl FnOnce() -> T) -> T {
    let (began, own) = (Instant::now(), thread_time());
    let done = work();
    if let Some(current) = CURRENT.get() {
        let theirs = began.elapsed().saturating_sub(thread_time().saturating_sub(own));
        CURRENT.set(Some(Current { others: current.others.saturating_add(theirs), ..current }));
    }
    done
}

impl Current {
    fn used_since(&self, elapsed: Duration) -> Duration {
        if !is_patient() && elapsed < LONG {
            return elapsed;
        }
        thread_time().saturating_sub(self.thread).saturating_add(self.others).min(elapsed)
    }
}

/// How long a poll takes from which on the thread's own time counts, and how old the reading of it may be that it begins with.
const LONG: Duration = Duration::from_millis(POLL_LONG_MS);

/// This thread's processor time, as it was at most [`LONG`] ago.
fn recent_thread_time(now: Instant) -> Duration {
    let last = LAST_READ.get().filter(|(read, _)| now.saturating_duration_since(*read) < LONG);
    let (_, time) = last.unwrap_or_else(|| {
        let reading = (now, thread_time());
        LAST_READ.set(Some(reading));
        reading
    });
    time
}

/// The processor time that this thread has used.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_WHILE: Duration = Duration::from_millis(50);

    /// Runs on a thread of its own, because a thread that is patient stays so.
    fn account_of(is_patient: bool, poll: impl FnOnce() + Send) -> Account {
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| {
                IS_PATIENT.set(is_patient);
                let mut account = Account::default();
                counted(&mut account, poll);
                account
            });
            counting.join().unwrap()
        })
    }

    fn compute() {
        let start = thread_time();
        while thread_time().saturating_sub(start) < A_WHILE {}
    }

    #[test]
    fn slow_lane_counts_the_threads_own_time_and_the_rest_as_waiting() {
        let slept = account_of(true, || std::thread::sleep(A_WHILE));
        assert!(slept.used < A_WHILE && slept.used + slept.waited >= A_WHILE, "{slept:?}");
        assert!(account_of(true, compute).used >= A_WHILE);
    }

    #[test]
    fn usual_lane_counts_a_long_poll_by_the_threads_own_time_and_a_short_one_by_the_clock() {
        let slept = account_of(false, || std::thread::sleep(A_WHILE));
        assert!(slept.used < A_WHILE / 2 && slept.used + slept.waited >= A_WHILE, "{slept:?}");
        assert!(account_of(false, compute).used >= A_WHILE);
        let current = Current {
            before: Duration::ZERO,
            began: Instant::now(),
            thread: thread_time(),
            others: Duration::ZERO,
            has_yielded: false,
        };
        let short = LONG.saturating_sub(Duration::from_nanos(1));
        assert_eq!(current.used_since(short), short);
    }

    #[test]
    fn work_of_another_thread_counts_in_both_lanes() {
        for is_patient in [true, false] {
            let account = account_of(is_patient, || elsewhere(|| std::thread::sleep(A_WHILE)));
            assert!(account.used >= A_WHILE, "{account:?}");
        }
    }

    #[test]
    fn use_is_read_within_a_poll_and_sums_up_over_polls() {
        let mut account = Account { used: A_WHILE, waited: Duration::ZERO };
        assert_eq!((used(), held()), (Duration::ZERO, Duration::ZERO), "no poll runs");
        let (within, yielded) = counted(&mut account, || {
            will_yield();
            used()
        });
        assert!(within >= A_WHILE && account.used >= within && yielded, "{account:?}");
        assert_eq!(used(), Duration::ZERO, "the poll has ended");
    }
}
