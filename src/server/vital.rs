//! Supervision of threads and tasks. If one ends that the service depends on, the process exits with a message and a
//! nonzero code, so that its supervisor restarts it. Other tasks are restarted here.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The delay before a task that panicked is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The threads that the service depends on.
pub(super) struct Vital {
    ends: mpsc::UnboundedSender<&'static str>,
    ended: mpsc::UnboundedReceiver<&'static str>,
}

/// Held by a thread while it runs. Dropping it reports that the thread has ended.
pub(super) struct Alive {
    part: &'static str,
    ends: mpsc::UnboundedSender<&'static str>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        // If the service has already ended, there is no one to notify.
        self.ends.send(self.part).ok();
    }
}

impl Vital {
    pub(super) fn new() -> Vital {
        let (ends, ended) = mpsc::unbounded_channel();
        Vital { ends, ended }
    }

    /// Creates the guard that a thread holds.
    pub(super) fn part(&self, part: &'static str) -> Alive {
        Alive { part, ends: self.ends.clone() }
    }

    /// Waits until a thread ends. Returns its name.
    pub(super) async fn ended(&mut self) -> &'static str {
        // The channel never closes, because this struct holds a sender.
        self.ended.recv().await.unwrap_or("-")
    }
}

/// A task that ends when this is dropped.
pub(super) struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    /// Starts the task.
    pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDrop {
        AbortOnDrop(tokio::spawn(task))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs an endless task, and restarts it after a panic.
pub(super) async fn restarted<F: Future<Output = ()>>(part: &'static str, mut run: impl FnMut() -> F) {
    while let Err(reason) = AssertUnwindSafe(async { run().await }).catch_unwind().await {
        tracing::error!(
            event = "thread_restarted",
            part,
            reason = panic_message(&*reason),
            "a thread panicked and was restarted"
        );
        tokio::time::sleep(RESTART_DELAY).await;
    }
}

/// The message of a panic.
fn panic_message(reason: &(dyn Any + Send)) -> &str {
    let owned = reason.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_ends_is_reported_by_name() {
        let mut vital = Vital::new();
        let (one, other) = (vital.part("one"), vital.part("other"));
        let thread = std::thread::spawn(move || {
            let _alive = other;
            panic!("a test");
        });
        assert_eq!(vital.ended().await, "other");
        assert!(thread.join().is_err());
        drop(one);
        assert_eq!(vital.ended().await, "one");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_restarted_until_it_returns() {
        let runs = Cell::new(0);
        restarted("a test", || async {
            runs.set(runs.get() + 1);
            assert!(runs.get() == 3, "a test");
        })
        .await;
        assert_eq!(runs.get(), 3);
    }
}
