//! What all feeds share: the newest records, and the turns for reading the log.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::turns::Turns;
use crate::domain::id::Revision;
use crate::domain::record::Record;

/// The maximum number of newest records that are kept, and of their changes in total. The newest record is always kept.
const KEPT: usize = 256;
const KEPT_CHANGES: usize = 50_000;

/// The maximum number of records that a feed takes at once, and of their changes in total. The first record is always
/// taken.
const CHUNK: usize = 256;
const CHUNK_CHANGES: usize = 4000;

/// The number of feeds that read the log, or filter records with disk access, at the same time. More would not be
/// faster, and the blocking thread pool also serves questions about the past.
const READERS: usize = 4;

/// The newest records, and the turns for reading the log.
pub(super) struct RecentRecords {
    /// Consecutive records up to the head. Empty until something is recorded.
    newest: ArcSwap<Vec<Arc<Record>>>,
    /// The turns of the feeds that read the log, or filter records with disk access.
    pub(super) readers: Turns,
}

impl Default for RecentRecords {
    fn default() -> RecentRecords {
        RecentRecords { newest: ArcSwap::default(), readers: Turns::of(READERS) }
    }
}

impl RecentRecords {
    /// Adds the records of a batch before its head is published. Only the writer may call this.
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

    /// Returns some records from `from` up to `through`; `None` if the first of them is not here.
    pub(super) fn newest(&self, from: Revision, through: Revision) -> Option<Vec<Arc<Record>>> {
        let newest = self.newest.load();
        let at = newest.binary_search_by_key(&from, |record| record.revision).ok()?;
        let mut some = Chunk::default();
        let up_to = newest[at..].iter().take_while(|record| record.revision <= through);
        for record in up_to {
            if !some.push(record) {
                break;
            }
        }
        Some(some.records)
    }
}

/// Records that a feed takes at once.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Arc<Record>>,
    changes: usize,
}

impl Chunk {
    /// Adds a record. Returns false if the chunk is now full.
    pub(super) fn push(&mut self, record: &Arc<Record>) -> bool {
        self.changes += record.changes.len();
        self.records.push(Arc::clone(record));
        self.records.len() < CHUNK && self.changes < CHUNK_CHANGES
    }
}
