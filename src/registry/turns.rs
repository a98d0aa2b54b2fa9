//! Turns: work on the blocking thread pool, of which only some runs at a time.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::errors::ReadError;

/// Runs work on the blocking thread pool, in the order of the calls. Clones share the turns.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    /// Turns for the given number of pieces of work at the same time.
    pub(super) fn of(at_once: usize) -> Turns {
        Turns(Arc::new(Semaphore::new(at_once)))
    }

    /// Waits for a turn, then runs the work. If the returned future is dropped before the turn, the work does not run.
    ///
    /// A task of its own waits, not the caller. The caller may be a response stream, which is not polled while its
    /// client does not read: it would be given a turn and not use it, and those behind it would wait for this client.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let turns = Arc::clone(&self.0);
        let (mut done, is_done) = oneshot::channel();
        tokio::spawn(async move {
            let turn = tokio::select! {
                biased;
                () = done.closed() => return,
                turn = turns.acquire_owned() => turn,
            };
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                // A caller that has left does not need the result.
                done.send(work()).ok();
            });
        });
        is_done.await.map_err(|_| ReadError::Interrupted)
    }

    /// Takes all turns until the permit is dropped.
    #[cfg(test)]
    pub(super) async fn take_all(&self) -> tokio::sync::OwnedSemaphorePermit {
        let turns = u32::try_from(self.0.available_permits()).unwrap();
        Arc::clone(&self.0).acquire_many_owned(turns).await.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_caller_that_is_not_polled_delays_nobody() {
        let turns = Turns::of(1);
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(turns.run(|| ()))).collect();
        let mut once = Context::from_waker(Waker::noop());
        for caller in &mut waiting {
            assert!(caller.as_mut().poll(&mut once).is_pending());
        }
        let later = tokio::time::timeout(Duration::from_secs(20), turns.run(|| "done")).await;
        assert_eq!(later.expect("a turn").unwrap(), "done");
    }

    #[tokio::test]
    async fn work_whose_caller_has_left_before_its_turn_does_not_run() {
        let turns = Turns::of(1);
        let held = turns.take_all().await;
        let (ran, has_run) = std::sync::mpsc::channel();
        {
            let mut caller = pin!(turns.run(move || ran.send(())));
            assert_eq!(caller.as_mut().poll(&mut Context::from_waker(Waker::noop())).map(drop), Poll::Pending);
        }
        drop(held);
        turns.run(|| ()).await.unwrap();
        assert!(has_run.recv().is_err(), "its work was dropped");
    }
}
