//! Turns: work on many items yields after a few of them, and one at a time goes on. So a question waits for a few items
//! of others, however many batches there are.

use std::slice::Chunks;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::surface::question::TOGETHER;

/// The turns of a thread. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::surface) struct Turns(Arc<Semaphore>);

/// Work that is done in turns.
pub(in crate::surface) struct InTurns<'a, I> {
    turns: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
    items: Chunks<'a, I>,
}

impl Turns {
    pub(in crate::surface) fn new() -> Turns {
        Turns(Arc::new(Semaphore::new(1)))
    }

    /// Work on many items.
    pub(in crate::surface) fn work<'a, I>(&'a self, items: &'a [I]) -> InTurns<'a, I> {
        InTurns { turns: &self.0, turn: None, items: items.chunks(TOGETHER) }
    }
}

impl<'a, I> InTurns<'a, I> {
    /// Gives way, waits for the next turn, and gives the few items that are to be done in it.
    pub(in crate::surface) async fn next(&mut self) -> Option<&'a [I]> {
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
    async fn one_goes_on_at_a_time_and_then_the_one_that_waits() {
        let turns = Turns::new();
        let work = || turns.work(&[(); 2 * TOGETHER]);
        let (mut one, mut other) = (work(), work());
        one.next().await;
        let waiting = tokio::time::timeout(Duration::from_millis(10), other.next()).await;
        assert!(waiting.is_err(), "it is the one's turn");
        // After a turn, work waits for the work that waits already.
        tokio::join!(other.next(), async {
            let again = tokio::time::timeout(Duration::from_millis(10), one.next()).await;
            assert!(again.is_err(), "it was the other's turn");
        });
    }

    #[tokio::test]
    async fn work_gives_way_after_each_few_items() {
        let turns = Turns::new();
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
