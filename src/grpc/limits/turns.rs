//! Turns: work on many items gives way after a few of them, and no more of it goes on at a time than there are cores. So
//! a question waits for a few items of others, however many batches there are.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The turns of a server. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Turns(Arc<Semaphore>);

/// Work that is done in turns.
pub(in crate::grpc) struct InTurns<'a> {
    turns: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
}

impl Turns {
    pub(in crate::grpc) fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Arc::new(Semaphore::new(cores)))
    }

    /// Work of many items. A turn is waited for before a few of them are done.
    pub(in crate::grpc) fn work(&self) -> InTurns<'_> {
        InTurns { turns: &self.0, turn: None }
    }
}

impl InTurns<'_> {
    /// Gives way, and waits for the next turn.
    pub(in crate::grpc) async fn next(&mut self) {
        if self.turn.take().is_some() {
            tokio::task::yield_now().await;
        }
        // They are never closed.
        self.turn = self.turns.acquire().await.ok();
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
    async fn whoever_waits_for_another_turn_gives_way() {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        let had_its_turn = tokio::spawn(async {});
        let mut work = turns.work();
        for _ in 0..3 {
            work.next().await;
        }
        assert!(had_its_turn.is_finished());
    }
}
