//! Calls that are answered at once need no task of their own, and most are: each is begun where its connection is read,
//! and only what has to wait goes on beside it.

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
    /// Those that have come and are not begun.
    come: Mutex<VecDeque<Call>>,
    /// How many have been answered: HTTP/2 has all of their answers.
    answered: AtomicUsize,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InlineExecutor {
    fn execute(&self, call: F) {
        self.0.come.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::pin(call));
    }
}

impl InlineExecutor {
    /// Begins them, in the order in which they came, as long as the connection goes on.
    pub(super) fn begin(&self, goes_on: impl Fn() -> bool) {
        while goes_on()
            && let Some(call) = self.next()
        {
            // As in a task of its own: a call that panics is broken off, and no other one with it.
            drop(catch_unwind(AssertUnwindSafe(|| self.begin_one(call))));
        }
    }

    /// How many have been answered so far.
    pub(super) fn answered(&self) -> usize {
        self.0.answered.load(Ordering::Relaxed)
    }

    fn begin_one(&self, mut call: Call) {
        // A task asks for itself, whatever was asked for here: nothing that wakes it is missed.
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
    fn what_is_answered_at_once_is_answered_without_a_task() {
        let (calls, answered) = (InlineExecutor::default(), Arc::new(Mutex::new(Vec::new())));
        for at in 0..3 {
            let answered = Arc::clone(&answered);
            calls.execute(async move { answered.lock().unwrap().push(at) });
        }
        assert!(answered.lock().unwrap().is_empty());
        // There is no runtime for tasks.
        calls.begin(|| true);
        assert_eq!(*answered.lock().unwrap(), [0, 1, 2]);
        assert_eq!(calls.answered(), 3);
    }

    #[test]
    fn nothing_is_begun_on_a_connection_that_is_cut_off() {
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
    async fn what_has_to_wait_goes_on_beside_the_connection() {
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
    fn a_call_that_panics_breaks_off_no_other_and_one_may_begin_another() {
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
