//! What all feeds share: the newest records, and the turns for reading the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    newest: Mutex<Newest>,
    /// The turns of the feeds that read the log, or filter records with disk access.
    pub(super) readers: Turns,
}

/// Records in order, and the number of their changes.
#[derive(Default)]
struct Newest {
    records: VecDeque<Arc<Record>>,
    changes: usize,
}

impl Default for RecentRecords {
    fn default() -> RecentRecords {
        RecentRecords { newest: Mutex::default(), readers: Turns::of(READERS) }
    }
}

impl RecentRecords {
    /// Adds the records of a batch before its head is published. Only the writer may call this.
    pub(super) fn put(&self, batch: Vec<Record>) {
        let mut dropped = Vec::new();
        let mut newest = self.lock();
        for record in batch {
            newest.changes += record.changes.len();
            newest.records.push_back(Arc::new(record));
        }
        while (newest.records.len() > KEPT || newest.changes > KEPT_CHANGES)
            && newest.records.len() > 1
            && let Some(oldest) = newest.records.pop_front()
        {
            newest.changes -= oldest.changes.len();
            dropped.push(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns some records from `from` up to `through`; `None` if the first of them is not here.
    pub(super) fn newest(&self, from: Revision, through: Revision) -> Option<Vec<Arc<Record>>> {
        let newest = &self.lock().records;
        let at = newest.binary_search_by_key(&from, |record| record.revision).ok()?;
        let mut some = Chunk::default();
        let up_to = newest.range(at..).take_while(|record| record.revision <= through);
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
