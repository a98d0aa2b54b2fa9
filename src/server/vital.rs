//! Parts that break off. What the service cannot do without ends the process, with a message and an exit code that is
//! not zero, so that whatever runs it starts it again; the rest is started again here.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;

/// How long a part that broke off rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// The parts that the service cannot do without.
pub(super) struct Vital {
    ends: mpsc::UnboundedSender<&'static str>,
    ended: mpsc::UnboundedReceiver<&'static str>,
}

/// Held by a part for as long as it runs: dropped, it says that the part has ended.
pub(super) struct Alive {
    part: &'static str,
    ends: mpsc::UnboundedSender<&'static str>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        // A service that has ended already need not be notified.
        self.ends.send(self.part).ok();
    }
}

impl Vital {
    pub(super) fn new() -> Vital {
        let (ends, ended) = mpsc::unbounded_channel();
        Vital { ends, ended }
    }

    /// What a part holds.
    pub(super) fn part(&self, part: &'static str) -> Alive {
        Alive { part, ends: self.ends.clone() }
    }

    /// Waits until a part has ended: which.
    pub(super) async fn ended(&mut self) -> &'static str {
        // It holds a sender itself: there is always one that may speak.
        self.ended.recv().await.unwrap_or("-")
    }
}

/// Runs a task that goes on for ever, and starts it again after it broke off.
pub(super) async fn restarted<F: Future<Output = ()>>(part: &'static str, mut run: impl FnMut() -> F) {
    while let Err(reason) = AssertUnwindSafe(async { run().await }).catch_unwind().await {
        tracing::error!(
            event = "thread_restarted",
            part,
            reason = said(&*reason),
            "a thread panicked and was restarted"
        );
        tokio::time::sleep(REST).await;
    }
}

/// What a panic said.
fn said(reason: &(dyn Any + Send)) -> &str {
    let owned = reason.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_part_that_breaks_off_is_noticed_by_name() {
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
    async fn a_task_that_breaks_off_is_started_again_until_it_comes_to_its_end() {
        let runs = Cell::new(0);
        restarted("a test", || async {
            runs.set(runs.get() + 1);
            assert!(runs.get() == 3, "a test");
        })
        .await;
        assert_eq!(runs.get(), 3);
    }
}
