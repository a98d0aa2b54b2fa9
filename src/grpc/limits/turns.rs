//! Turns: work on many items gives way after a few of them, and no more of it goes on at a time than there are cores. So
//! a question waits for a few items of others, however many batches there are.

use std::slice::Chunks;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::grpc::question::TOGETHER;

/// The turns of a server. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Turns(Arc<Semaphore>);

/// Work that is done in turns.
pub(in crate::grpc) struct InTurns<'a, I> {
    turns: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
    items: Chunks<'a, I>,
}

impl Turns {
    pub(in crate::grpc) fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Arc::new(Semaphore::new(cores)))
    }

    /// Work on many items.
    pub(in crate::grpc) fn work<'a, I>(&'a self, items: &'a [I]) -> InTurns<'a, I> {
        InTurns { turns: &self.0, turn: None, items: items.chunks(TOGETHER) }
    }
}

impl<'a, I> InTurns<'a, I> {
    /// Gives way, waits for the next turn, and gives the few items that are to be done in it.
    pub(in crate::grpc) async fn next(&mut self) -> Option<&'a [I]> {
        let items = self.items.next()?;
        if self.turn.take().is_some() {
            tokio::task::yield_now().await;
        }
        // They are never closed.
        self.turn = self.turns.acquire().await.ok();
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_work_goes_on_than_there_are_cores() {
        let turns = Turns(Arc::new(Semaphore::new(2)));
        let work = || turns.work(&[(); 2 * TOGETHER]);
        let (mut one, mut other, mut third) = (work(), work(), work());
        one.next().await;
        other.next().await;
        let waiting = tokio::time::timeout(Duration::from_millis(10), third.next()).await;
        assert!(waiting.is_err(), "there are two turns");
        // Who has had its turn has to wait for whoever waits already.
        tokio::join!(third.next(), async {
            let again = tokio::time::timeout(Duration::from_millis(10), one.next()).await;
            assert!(again.is_err(), "it was the third's turn");
        });
    }

    #[tokio::test]
    async fn work_gives_way_after_each_few_items() {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        let items: Vec<_> = (0..2 * TOGETHER + 3).collect();
        let (mut work, mut done) = (turns.work(&items), Vec::<usize>::new());
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
