//! Turns: work on many items gives way every few of them, and no more of it goes on at a time than there are cores. So
//! a question waits for a few items of others, however many batches there are.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many items are done in a turn.
const ITEMS: usize = 64;

/// The turns of a server. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Turns(Arc<Semaphore>);

/// Work that is done in turns.
pub(in crate::grpc) struct InTurns<'a> {
    turns: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
    left: usize,
}

impl Turns {
    pub(in crate::grpc) fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Arc::new(Semaphore::new(cores)))
    }

    /// Work of many items. Each is waited for before it is done.
    pub(in crate::grpc) fn work(&self) -> InTurns<'_> {
        InTurns { turns: &self.0, turn: None, left: 0 }
    }
}

impl InTurns<'_> {
    /// Waits until it is the next item's turn.
    pub(in crate::grpc) async fn item(&mut self) {
        if self.left == 0 {
            if self.turn.take().is_some() {
                tokio::task::yield_now().await;
            }
            // They are never closed.
            self.turn = self.turns.acquire().await.ok();
            self.left = ITEMS;
        }
        self.left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_work_goes_on_than_there_are_cores() {
        let turns = Turns(Arc::new(Semaphore::new(2)));
        let (mut one, mut other, mut third) = (turns.work(), turns.work(), turns.work());
        one.item().await;
        other.item().await;
        let waiting = tokio::time::timeout(Duration::from_millis(10), third.item()).await;
        assert!(waiting.is_err(), "there are two turns");
        // Who has done its items has to wait for whoever waits already.
        for _ in 1..ITEMS {
            one.item().await;
        }
        tokio::join!(third.item(), async {
            let again = tokio::time::timeout(Duration::from_millis(10), one.item()).await;
            assert!(again.is_err(), "it was the third's turn");
        });
    }

    #[tokio::test]
    async fn a_batch_gives_way_every_few_items() {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        let had_its_turn = tokio::spawn(async {});
        let mut work = turns.work();
        let mut done = 0;
        while !had_its_turn.is_finished() && done < 1_000_000 {
            work.item().await;
            done += 1;
        }
        assert!(done <= 2 * ITEMS, "{done}");
    }
}
