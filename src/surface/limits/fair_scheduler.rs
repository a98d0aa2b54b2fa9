//! FairScheduler: work on many items yields after a few of them, and only one task per thread works at a time. A
//! question therefore waits for a few items of other calls, regardless of how many batches are in progress.

use std::slice::Chunks;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::surface::question::TOGETHER;

/// The turns of a worker thread. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::surface) struct FairScheduler(Arc<Semaphore>);

/// Work that is done in scheduler.
pub(in crate::surface) struct FairWork<'a, I> {
    scheduler: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
    items: Chunks<'a, I>,
}

impl FairScheduler {
    pub(in crate::surface) fn new() -> FairScheduler {
        FairScheduler(Arc::new(Semaphore::new(1)))
    }

    /// Splits work on many items into scheduler.
    pub(in crate::surface) fn work<'a, I>(&'a self, items: &'a [I]) -> FairWork<'a, I> {
        FairWork { scheduler: &self.0, turn: None, items: items.chunks(TOGETHER) }
    }
}

impl<'a, I> FairWork<'a, I> {
    /// Yields, waits for the next turn, and returns the items to process in it.
    pub(in crate::surface) async fn next(&mut self) -> Option<&'a [I]> {
        let items = self.items.next()?;
        if self.turn.take().is_some() {
            tokio::task::yield_now().await;
        }
        // The semaphore is never closed.
        self.turn = self.scheduler.acquire().await.ok();
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_task_works_at_a_time_and_then_the_waiting_one() {
        let scheduler = FairScheduler::new();
        let work = || scheduler.work(&[(); 2 * TOGETHER]);
        let (mut one, mut other) = (work(), work());
        one.next().await;
        let waiting = tokio::time::timeout(Duration::from_millis(10), other.next()).await;
        assert!(waiting.is_err(), "it is the first one's turn");
        // After a turn, work waits for work that is already waiting.
        tokio::join!(other.next(), async {
            let again = tokio::time::timeout(Duration::from_millis(10), one.next()).await;
            assert!(again.is_err(), "it is the other's turn");
        });
    }

    #[tokio::test]
    async fn work_yields_after_each_turn() {
        let scheduler = FairScheduler::new();
        let items: Vec<_> = (0..2 * TOGETHER + 3).collect();
        let (mut work, mut done) = (scheduler.work(&items), Vec::<usize>::new());
        let mut other = tokio::spawn(async {});
        while let Some(few) = work.next().await {
            assert!(few.len() <= TOGETHER);
            assert_eq!(other.is_finished(), !done.is_empty(), "the other goes between two turns");
            other = tokio::spawn(async {});
            done.extend(few);
        }
        assert_eq!(done, items);
    }
}
