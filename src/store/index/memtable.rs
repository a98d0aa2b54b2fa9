//! The memtable: recently folded entries, in memory until they are in sled or in a base.
//!
//! sled copies a page for each entry, so the committing thread does not wait for it. A background thread moves the
//! entries in batches, each key once. Reads look here first, including at the batch that is being moved. After a kill
//! the contents are folded from the log again, so their number is limited.

use std::io;
use std::mem;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastbloom::AtomicBloomFilter;
use foldhash::fast::RandomState;
use sled::IVec;

use super::merge::merge_into;
use super::on_disk::OnDisk;
use super::{IndexError, IndexOptions, Writes, keys};
use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// Back-pressure: if the memtable contains this many of the larger batches, `add` waits until one has been moved.
const MAX_BATCHES: usize = 4;

/// The size of the filter of added keys, 4 MiB: after a million records it takes one absent key in ten for an added
/// one.
const FILTER_BITS: usize = 32 * 1024 * 1024;

/// How many bits of the filter a key sets.
const BITS_PER_KEY: u32 = 3;

/// The entries in memory. `newest` takes precedence over `moving`.
#[derive(Default)]
struct Maps {
    newest: Writes,
    /// When the first of the newest entries was added.
    since: Option<Instant>,
    /// The batch that is being moved.
    moving: Arc<Writes>,
}

/// The state shared by the mover thread and those that wait for it.
#[derive(Default)]
struct MoverState {
    is_busy: bool,
    is_closed: bool,
    failed: Option<Arc<IndexError>>,
}

struct Shared {
    maps: RwLock<Maps>,
    state: Mutex<MoverState>,
    changed: Condvar,
    /// The keys that were added, the files of people that were added to, and some others.
    added: AtomicBloomFilter<RandomState>,
}

impl Default for Shared {
    fn default() -> Shared {
        let added = AtomicBloomFilter::with_num_bits(FILTER_BITS).hasher(RandomState::default()).hashes(BITS_PER_KEY);
        Shared { maps: RwLock::default(), state: Mutex::default(), changed: Condvar::default(), added }
    }
}

/// The memtable of an index, and the thread that moves its entries to the disk.
pub(super) struct Memtable {
    shared: Arc<Shared>,
    /// The number of entries in a batch for sled.
    take_together: usize,
    /// The minimum number of entries in a batch that becomes a base, unless sled has enough of them.
    base_from: usize,
    /// How long entries are collected for a base before they go to sled.
    collect_for: Duration,
    mover: Option<JoinHandle<()>>,
}

impl Memtable {
    /// Creates an empty memtable above sled and the bases, and starts its thread.
    pub(super) fn over(on_disk: &Arc<OnDisk>, options: IndexOptions) -> io::Result<Memtable> {
        let IndexOptions { take_together, base_from, collect_for, most_in_sled, .. } = options;
        let shared = Arc::<Shared>::default();
        let (ours, on_disk) = (Arc::clone(&shared), Arc::clone(on_disk));
        let mover = thread::Builder::new().name("index".to_owned()).spawn(move || {
            lower_priority(BELOW_NORMAL);
            ours.run_mover(&on_disk, base_from, most_in_sled);
        })?;
        Ok(Memtable { shared, take_together, base_from, collect_for, mover: Some(mover) })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<IVec> {
        let maps = self.shared.maps();
        maps.newest.get(key).or_else(|| maps.moving.get(key)).cloned()
    }

    /// False if a key, or an entry of a person's file, was never added since the start. Most keys that are looked up
    /// and not found are new: the ids of a request and of what it registers. Looking for them on the disk would be a
    /// third of the writer's time.
    pub(super) fn may_have_taken(&self, key: &[u8]) -> bool {
        self.shared.added.contains(key)
    }

    /// The entries from `from` up to but not including `before`, in order: the first `most` of them.
    pub(super) fn range(&self, from: &[u8], before: &[u8], most: usize) -> Vec<(IVec, IVec)> {
        let range = (Bound::Included(from), Bound::Excluded(before));
        let maps = self.shared.maps();
        let copy = |(key, value): (&IVec, &IVec)| (key.clone(), value.clone());
        if maps.moving.is_empty() {
            return maps.newest.range::<[u8], _>(range).take(most).map(copy).collect();
        }
        let mut found: Writes = maps.moving.range::<[u8], _>(range).take(most).map(copy).collect();
        found.extend(maps.newest.range::<[u8], _>(range).take(most).map(copy));
        found.into_iter().take(most).collect()
    }

    /// Adds folded entries, atomically. Waits while there are too many.
    pub(super) fn add(&self, writes: Writes) -> Result<(), IndexError> {
        for key in writes.keys() {
            self.shared.added.insert(key.as_ref());
            if let Some(person) = keys::person_of(key) {
                self.shared.added.insert(person);
            }
        }
        let mut maps = self.shared.maps_to_write();
        let since = *maps.since.get_or_insert_with(Instant::now);
        merge_into(&mut maps.newest, writes);
        let size = maps.newest.len();
        drop(maps);
        if size < self.take_together || (size < self.base_from && since.elapsed() < self.collect_for) {
            self.require()
        } else {
            self.shared.start_move(size >= self.take_together.max(self.base_from) * MAX_BATCHES)
        }
    }

    /// Takes all entries out of the memtable, once none is being moved.
    pub(super) fn take(&self) -> Result<Writes, IndexError> {
        self.wait()?;
        let mut maps = self.shared.maps_to_write();
        maps.since = None;
        Ok(mem::take(&mut maps.newest))
    }

    /// Waits until no entries are being moved.
    pub(super) fn wait(&self) -> Result<(), IndexError> {
        self.shared.idle().map(drop)
    }

    /// Fails if the index has failed. Then its entries can never be moved to sled.
    pub(super) fn require(&self) -> Result<(), IndexError> {
        self.shared.state().check().map(drop)
    }

    /// Marks the index as failed. Returns the first error that was reported.
    pub(super) fn fail(&self, error: IndexError) -> Arc<IndexError> {
        self.shared.fail(error)
    }
}

impl Drop for Memtable {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(mover) = self.mover.take()
            && mover.join().is_err()
        {
            tracing::error!(event = "index_thread_died", "the index writer thread panicked");
        }
    }
}

impl MoverState {
    fn check(&self) -> Result<&MoverState, IndexError> {
        self.failed.as_ref().map_or(Ok(self), |error| Err(IndexError::Failed(Arc::clone(error))))
    }
}

impl Shared {
    fn maps(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn maps_to_write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, MoverState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: IndexError) -> Arc<IndexError> {
        let mut state = self.state();
        let first = state.failed.get_or_insert_with(|| {
            tracing::error!(
                event = "index_failed",
                error = &error as &dyn std::error::Error,
                "the index failed: the next start rebuilds it"
            );
            Arc::new(error)
        });
        let first = Arc::clone(first);
        drop(state);
        self.changed.notify_all();
        first
    }

    /// Waits until no batch is being moved.
    fn idle(&self) -> Result<MutexGuard<'_, MoverState>, IndexError> {
        let must_wait = |state: &mut MoverState| state.is_busy && state.failed.is_none();
        let state = self.changed.wait_while(self.state(), must_wait).unwrap_or_else(PoisonError::into_inner);
        state.check()?;
        Ok(state)
    }

    /// Starts to move the newest entries. If a batch is already being moved, it waits for it, or does nothing, as
    /// `waits` says.
    fn start_move(&self, waits: bool) -> Result<(), IndexError> {
        let mut state = if waits { self.idle()? } else { self.state() };
        state.check()?;
        if !state.is_busy {
            let mut maps = self.maps_to_write();
            maps.moving = Arc::new(mem::take(&mut maps.newest));
            maps.since = None;
            state.is_busy = true;
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Moves each batch, until the memtable is closed: to sled, or to the bases if it or sled is large.
    fn run_mover(&self, on_disk: &OnDisk, base_from: usize, most_in_sled: usize) {
        loop {
            let waits = |state: &mut MoverState| !state.is_busy && !state.is_closed;
            let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            if state.is_closed {
                return;
            }
            drop(state);
            let moving = Arc::clone(&self.maps().moving);
            let is_large = moving.len() >= base_from || on_disk.in_sled() >= most_in_sled;
            // sled panics instead of returning some errors.
            let moved = catch_unwind(AssertUnwindSafe(|| {
                if is_large && on_disk.has_room_for_base(&moving) {
                    on_disk.add_to_bases(&moving)
                } else {
                    on_disk.add_to_sled(&moving)
                }
            }));
            match moved.unwrap_or(Err(IndexError::Broken)) {
                Ok(()) => self.maps_to_write().moving = Arc::default(),
                Err(error) => drop(self.fail(error)),
            }
            self.state().is_busy = false;
            self.changed.notify_all();
        }
    }
}
