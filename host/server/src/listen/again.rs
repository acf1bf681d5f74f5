//! Polls a connection again at once when it wakes itself while it is polled.
//!
//! hyper wakes the task of a connection whenever the handler of a request asks for the body, although both run in that task. A
//! task that is woken while it runs is queued when it waits, and another thread is woken to take it. That took 9 µs for each
//! request with a body, a fifth of a short call, and kept two threads busy with one caller.

use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Nobody polls the work: to wake it, its task is woken.
const WAITS: u8 = 0;
/// A thread polls the work.
const POLLED: u8 = 1;
/// The same, and the work was woken meanwhile.
const WOKEN: u8 = 2;

/// What the work wakes in place of its task.
#[derive(Debug)]
struct Own {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = self.state.compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if woken == Err(WAITS) {
            self.task.wake();
        }
    }
}

/// Does work that is polled a second time if it was woken during the first one. After that its task is woken as usual, so that
/// work that always wakes itself leaves the thread to others.
pub(super) async fn again_if_woken<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let own = Arc::new(Own { state: AtomicU8::new(WAITS), task: AtomicWaker::new() });
    let waker = Waker::from(Arc::clone(&own));
    poll_fn(move |context| {
        own.task.register(context.waker());
        for _ in 0..2 {
            own.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            if own.state.swap(WAITS, Ordering::AcqRel) != WOKEN {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Counts how often a task was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls the work once. Returns whether it ended, how often it was polled, and how often its task was woken.
    fn polled_once(wakes_itself: usize) -> (bool, usize, usize) {
        let (count, mut polls) = (Arc::new(Count::default()), 0);
        {
            let waker = Waker::from(Arc::clone(&count));
            let mut work = pin!(again_if_woken(poll_fn(|context| {
                polls += 1;
                if polls > wakes_itself {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            })));
            let _polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        }
        (polls > wakes_itself, polls, count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn work_that_wakes_itself_once_is_polled_again_without_waking_its_task() {
        assert_eq!(polled_once(0), (true, 1, 0));
        assert_eq!(polled_once(1), (true, 2, 0));
    }

    #[test]
    fn work_that_wakes_itself_always_leaves_the_thread_and_wakes_its_task() {
        assert_eq!(polled_once(2), (false, 2, 1));
        assert_eq!(polled_once(usize::MAX), (false, 2, 1));
    }

    #[tokio::test]
    async fn work_that_waits_is_woken_by_others() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let waits = tokio::spawn(again_if_woken(told));
        tokio::task::yield_now().await;
        tell.send(1).unwrap();
        assert_eq!(waits.await.unwrap(), Ok(1));
    }
}
