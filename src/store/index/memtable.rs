//! The memtable: recently folded entries, in memory until they are in sled.
//!
//! sled copies a page for each entry, so the committing thread does not wait for it. A background thread moves the
//! entries in batches, each key once. Reads look here first, including at the batch that is being moved. After a kill
//! the contents are folded from the log again, so their number is limited.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use fastbloom::AtomicBloomFilter;
use foldhash::fast::RandomState;
use sled::IVec;

use super::layers::Layers;
use super::{IndexError, keys};
use crate::store::priority::{BELOW_NORMAL, lower_priority, yield_now};

/// Keys and values. An empty value marks a key to be removed.
pub(super) type Writes = BTreeMap<IVec, IVec>;

/// Back-pressure: if the memtable contains this many batches, `add` waits until one has been moved.
const MAX_BATCHES: usize = 4;

/// After this many entries the mover thread yields the CPU. One entry takes about 10 µs.
const ENTRIES_PER_SLICE: usize = 16;

/// The number of entries whose due dates change in sled in one batch. Readers of due dates wait meanwhile.
const DUE_DATES_AT_ONCE: usize = 64;

/// The size of the filter of moved keys, 4 MiB: of a million records that are in no base, it takes one absent key in
/// ten for a moved one.
const FILTER_BITS: usize = 32 * 1024 * 1024;

/// How many bits of the filter a key sets.
const BITS_PER_KEY: u32 = 3;

/// The entries in memory. `newest` takes precedence over `moving`.
#[derive(Default)]
struct Maps {
    newest: Writes,
    /// The batch that is being moved to sled.
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
    /// The keys that are in sled, and some others.
    moved: AtomicBloomFilter<RandomState>,
}

impl Default for Shared {
    fn default() -> Shared {
        let moved = AtomicBloomFilter::with_num_bits(FILTER_BITS).hasher(RandomState::default()).hashes(BITS_PER_KEY);
        Shared { maps: RwLock::default(), state: Mutex::default(), changed: Condvar::default(), moved }
    }
}

/// The memtable of an index, and the thread that moves its entries to sled.
pub(super) struct Memtable {
    shared: Arc<Shared>,
    /// The number of entries in a batch.
    batch_entries: usize,
    mover: Option<JoinHandle<()>>,
}

impl Memtable {
    /// Creates an empty memtable above sled and the bases, and starts its thread.
    pub(super) fn over(db: &sled::Db, layers: &Arc<ArcSwap<Layers>>, batch_entries: usize) -> io::Result<Memtable> {
        let shared = Arc::<Shared>::default();
        let (ours, db, layers) = (Arc::clone(&shared), db.clone(), Arc::clone(layers));
        let mover = thread::Builder::new().name("index".to_owned()).spawn(move || {
            lower_priority(BELOW_NORMAL);
            ours.run_mover(&db, &layers);
        })?;
        Ok(Memtable { shared, batch_entries, mover: Some(mover) })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<IVec> {
        let maps = self.shared.maps();
        maps.newest.get(key).or_else(|| maps.moving.get(key)).cloned()
    }

    /// False if a key that is not here was never moved to sled. Most keys that are looked up and not found are new: the
    /// ids of a request and of what it registers. The lookup in sled would be a third of the writer's time.
    pub(super) fn may_have_moved(&self, key: &[u8]) -> bool {
        self.shared.moved.contains(key)
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
        let mut maps = self.shared.maps_to_write();
        if maps.newest.is_empty() {
            maps.newest = writes;
        } else {
            maps.newest.extend(writes);
        }
        let size = maps.newest.len();
        drop(maps);
        if size < self.batch_entries {
            self.require()
        } else {
            self.shared.start_move(size >= self.batch_entries * MAX_BATCHES)
        }
    }

    /// Moves all entries to sled and waits until this is done.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        self.shared.start_move(true)?;
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
            state.is_busy = true;
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Moves each batch to sled, until the memtable is closed.
    fn run_mover(&self, db: &sled::Db, layers: &ArcSwap<Layers>) {
        loop {
            let waits = |state: &mut MoverState| !state.is_busy && !state.is_closed;
            let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            if state.is_closed {
                return;
            }
            drop(state);
            let moving = Arc::clone(&self.maps().moving);
            // sled panics instead of returning some errors.
            let moved = catch_unwind(AssertUnwindSafe(|| self.move_into(db, &layers.load(), &moving)));
            match moved.unwrap_or(Err(IndexError::Broken)) {
                Ok(()) => self.maps_to_write().moving = Arc::default(),
                Err(error) => drop(self.fail(error)),
            }
            self.state().is_busy = false;
            self.changed.notify_all();
        }
    }

    /// Writes entries to sled: first facts, then due dates, then the watermarks of both. The due-date keys of one entry
    /// change in one batch.
    fn move_into(&self, db: &sled::Db, layers: &Layers, writes: &Writes) -> Result<(), IndexError> {
        let mut due_dates: HashMap<&[u8], Vec<(&IVec, &IVec)>> = HashMap::new();
        let mut watermarks = sled::Batch::default();
        for (at, (key, value)) in writes.iter().enumerate() {
            self.moved.insert(key.as_ref());
            if at % ENTRIES_PER_SLICE == 0 {
                yield_now();
            }
            if keys::is_watermark(key) {
                watermarks.insert(key, value);
            } else if let Some(entry) = keys::scheduled(key) {
                due_dates.entry(entry).or_default().push((key, value));
            } else {
                db.insert(key, value).map_err(IndexError::Sled)?;
            }
        }
        let entries: Vec<_> = due_dates.into_values().collect();
        for some in entries.chunks(DUE_DATES_AT_ONCE) {
            let mut batch = sled::Batch::default();
            for (key, value) in some.iter().flatten() {
                // A removed key needs a marker only if a base contains it.
                if value.is_empty() && layers.get(key)?.is_none() {
                    batch.remove(*key);
                } else {
                    batch.insert(*key, *value);
                }
            }
            db.apply_batch(batch).map_err(IndexError::Sled)?;
        }
        db.apply_batch(watermarks).map_err(IndexError::Sled)
    }
}
