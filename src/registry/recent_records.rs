//! What all feeds share: the newest records, and the turns for reading the log.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::errors::ReadError;
use crate::domain::id::Revision;
use crate::domain::record::Record;

/// How many of the newest records are kept, and how many changes they may have together. The newest one is kept anyway.
const KEPT: usize = 256;
const KEPT_CHANGES: usize = 50_000;

/// How many records a feed takes at once, and how many changes they may have together. The first one is taken anyway.
const CHUNK: usize = 256;
const CHUNK_CHANGES: usize = 4000;

/// How many feeds read the log, or look at what is theirs, at the same time. More would not be faster, and the threads
/// for such work serve questions about the past too.
const READERS: usize = 4;

/// The newest records, and the turns.
pub(super) struct RecentRecords {
    /// Consecutive; the last one is the head's. Empty until something is recorded.
    newest: ArcSwap<Vec<Arc<Record>>>,
    turns: Arc<Semaphore>,
}

impl Default for RecentRecords {
    fn default() -> RecentRecords {
        RecentRecords { newest: ArcSwap::default(), turns: Arc::new(Semaphore::new(READERS)) }
    }
}

impl RecentRecords {
    /// Puts the records of a batch on the shelf, before its head is published. For the writer alone.
    pub(super) fn put(&self, batch: Vec<Record>) {
        let mut records = Vec::clone(&self.newest.load());
        records.extend(batch.into_iter().map(Arc::new));
        let mut changes = 0;
        let fits = |record: &&Arc<Record>| {
            changes += record.changes.len();
            changes <= KEPT_CHANGES
        };
        let kept = records.iter().rev().take(KEPT).take_while(fits).count().max(1);
        records.drain(..records.len().saturating_sub(kept));
        self.newest.store(Arc::new(records));
    }

    /// Some records from one up to another, if the first of them is here.
    pub(super) fn newest(&self, from: Revision, through: Revision) -> Option<Vec<Arc<Record>>> {
        let newest = self.newest.load();
        let at = newest.binary_search_by_key(&from, |record| record.revision).ok()?;
        let mut some = Chunk::default();
        let up_to = newest[at..].iter().take_while(|record| record.revision <= through);
        for record in up_to {
            if !some.takes(record) {
                break;
            }
        }
        Some(some.records)
    }

    /// Waits for a turn to do what takes a thread.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, ReadError> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| ReadError::Interrupted)
    }
}

/// What a feed takes at once.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Arc<Record>>,
    changes: usize,
}

impl Chunk {
    /// Takes a record. False: it was the last one.
    pub(super) fn takes(&mut self, record: &Arc<Record>) -> bool {
        self.changes += record.changes.len();
        self.records.push(Arc::clone(record));
        self.records.len() < CHUNK && self.changes < CHUNK_CHANGES
    }
}
