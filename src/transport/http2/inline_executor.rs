//! Runs calls inline. Most calls are answered at once and need no task of their own. Each call is started where its
//! connection is polled, and only a call that must wait becomes a task.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use hyper::rt::Executor;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls of a connection. Clones share them.
#[derive(Clone, Default)]
pub(super) struct InlineExecutor(Arc<Calls>);

#[derive(Default)]
struct Calls {
    /// Calls that have arrived and are not started.
    come: Mutex<VecDeque<Call>>,
    /// The number of answered calls, whose responses HTTP/2 has received.
    answered: AtomicUsize,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InlineExecutor {
    fn execute(&self, call: F) {
        self.0.come.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::pin(call));
    }
}

impl InlineExecutor {
    /// Starts the calls in the order of arrival, while `goes_on` returns true.
    pub(super) fn begin(&self, goes_on: impl Fn() -> bool) {
        while goes_on()
            && let Some(call) = self.next()
        {
            // As with a task, a panic ends only this call.
            drop(catch_unwind(AssertUnwindSafe(|| self.begin_one(call))));
        }
    }

    /// The number of calls answered so far.
    pub(super) fn answered(&self) -> usize {
        self.0.answered.load(Ordering::Relaxed)
    }

    fn begin_one(&self, mut call: Call) {
        // The task polls the call again with its own waker, so that no wake-up is lost.
        if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.0.answered.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let calls = Arc::clone(&self.0);
        tokio::spawn(async move {
            call.await;
            calls.answered.fetch_add(1, Ordering::Relaxed);
        });
    }

    fn next(&self) -> Option<Call> {
        self.0.come.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn calls_that_are_answered_at_once_need_no_task() {
        let (calls, answered) = (InlineExecutor::default(), Arc::new(Mutex::new(Vec::new())));
        for at in 0..3 {
            let answered = Arc::clone(&answered);
            calls.execute(async move { answered.lock().unwrap().push(at) });
        }
        assert!(answered.lock().unwrap().is_empty());
        // There is no runtime, so no task could be spawned.
        calls.begin(|| true);
        assert_eq!(*answered.lock().unwrap(), [0, 1, 2]);
        assert_eq!(calls.answered(), 3);
    }

    #[test]
    fn no_call_is_started_on_a_connection_that_is_cut_off() {
        let (calls, begun) = (InlineExecutor::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..3 {
            let begun = Arc::clone(&begun);
            calls.execute(async move {
                begun.fetch_add(1, Ordering::Relaxed);
            });
        }
        calls.begin(|| begun.load(Ordering::Relaxed) < 2);
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_call_that_waits_becomes_a_task() {
        let calls = InlineExecutor::default();
        let (go, gone) = oneshot::channel::<()>();
        let (answer, answered) = oneshot::channel();
        calls.execute(async move {
            gone.await.unwrap();
            tokio::task::yield_now().await;
            answer.send("late").unwrap();
        });
        calls.begin(|| true);
        go.send(()).unwrap();
        assert_eq!(calls.answered(), 0);
        assert_eq!(answered.await, Ok("late"));
        tokio::task::yield_now().await;
        assert_eq!(calls.answered(), 1);
    }

    #[test]
    fn a_panic_ends_only_its_own_call_and_a_call_may_start_another() {
        let (calls, answered) = (InlineExecutor::default(), Arc::new(AtomicUsize::new(0)));
        calls.execute(async { panic!("a test") });
        let (again, count) = (calls.clone(), Arc::clone(&answered));
        calls.execute(async move {
            let inner = Arc::clone(&count);
            again.execute(async move {
                inner.fetch_add(1, Ordering::Relaxed);
            });
            count.fetch_add(1, Ordering::Relaxed);
        });
        calls.begin(|| true);
        assert_eq!(answered.load(Ordering::Relaxed), 2);
    }
}
