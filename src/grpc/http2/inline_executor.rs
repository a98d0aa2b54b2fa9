//! Calls that are answered at once need no task of their own, and most are: each is begun where its connection is read,
//! and only what has to wait goes on beside it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::rt::Executor;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls of a connection that have come and are not begun. Clones share them.
#[derive(Clone, Default)]
pub(super) struct InlineExecutor(Arc<Mutex<VecDeque<Call>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InlineExecutor {
    fn execute(&self, call: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::pin(call));
    }
}

impl InlineExecutor {
    /// Begins them all, in the order in which they came.
    pub(super) fn begin(&self) {
        while let Some(call) = self.next() {
            // As in a task of its own: a call that panics is broken off, and no other one with it.
            drop(catch_unwind(AssertUnwindSafe(|| begin(call))));
        }
    }

    fn next(&self) -> Option<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

fn begin(mut call: Call) {
    // A task asks for itself, whatever was asked for here: nothing that wakes it is missed.
    if call.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
        tokio::spawn(call);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        calls.begin();
        assert_eq!(*answered.lock().unwrap(), [0, 1, 2]);
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
        calls.begin();
        go.send(()).unwrap();
        assert_eq!(answered.await, Ok("late"));
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
        calls.begin();
        assert_eq!(answered.load(Ordering::Relaxed), 2);
    }
}
