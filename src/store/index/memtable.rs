//! What was folded last, in memory, until it has gone to sled.
//!
//! sled copies a page for every entry, so whoever commits does not wait for it: a thread of its own brings it what came
//! together, each key once. What is still on its way is asked first. After a kill it is folded again from the log, so
//! there is never much of it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use sled::IVec;

use super::layers::Layers;
use super::{IndexError, keys};
use crate::store::priority::{BELOW_NORMAL, lower_priority, yield_now};

/// Keys with their values. Under an empty value: what is taken out.
pub(super) type Writes = BTreeMap<IVec, IVec>;

/// With so many times as many entries as go to sled together, whoever brings more waits until some have gone.
const MOST: usize = 4;

/// After how many entries the thread that brings them lets others go first. One takes some 10 µs.
const PIECE: usize = 16;

/// How many due dates change in sled at once: their readers wait for them.
const DUE_DATES_AT_ONCE: usize = 64;

/// What is in memory, the newer before the older.
#[derive(Default)]
struct Maps {
    newest: Writes,
    /// On its way to sled.
    leaving: Arc<Writes>,
}

/// What keeps the thread that brings sled what is leaving, and those who wait for it, up to date.
#[derive(Default)]
struct Way {
    is_busy: bool,
    is_over: bool,
    failed: Option<Arc<IndexError>>,
}

#[derive(Default)]
struct Shared {
    maps: RwLock<Maps>,
    way: Mutex<Way>,
    changed: Condvar,
}

/// The newest part of an index, and the thread that empties it into sled.
pub(super) struct Memtable {
    shared: Arc<Shared>,
    /// How many entries go to sled together.
    together: usize,
    mover: Option<JoinHandle<()>>,
}

impl Memtable {
    /// Nothing yet, on top of a sled that lies on bases and takes so many entries together.
    pub(super) fn over(db: &sled::Db, layers: &Arc<ArcSwap<Layers>>, together: usize) -> io::Result<Memtable> {
        let shared = Arc::<Shared>::default();
        let (ours, db, layers) = (Arc::clone(&shared), db.clone(), Arc::clone(layers));
        let mover = thread::Builder::new().name("index".to_owned()).spawn(move || {
            lower_priority(BELOW_NORMAL);
            ours.move_on(&db, &layers);
        })?;
        Ok(Memtable { shared, together, mover: Some(mover) })
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<IVec> {
        let maps = self.shared.maps();
        maps.newest.get(key).or_else(|| maps.leaving.get(key)).cloned()
    }

    /// The first entries from a key up to another, the latter not included, in order: no more than so many.
    pub(super) fn range(&self, from: &[u8], before: &[u8], most: usize) -> Vec<(IVec, IVec)> {
        let range = (Bound::Included(from), Bound::Excluded(before));
        let maps = self.shared.maps();
        let copy = |(key, value): (&IVec, &IVec)| (key.clone(), value.clone());
        if maps.leaving.is_empty() {
            return maps.newest.range::<[u8], _>(range).take(most).map(copy).collect();
        }
        let mut found: Writes = maps.leaving.range::<[u8], _>(range).take(most).map(copy).collect();
        found.extend(maps.newest.range::<[u8], _>(range).take(most).map(copy));
        found.into_iter().take(most).collect()
    }

    /// Takes in what was folded, at once. Waits while there is too much.
    pub(super) fn add(&self, writes: Writes) -> Result<(), IndexError> {
        let mut maps = self.shared.maps_to_write();
        if maps.newest.is_empty() {
            maps.newest = writes;
        } else {
            maps.newest.extend(writes);
        }
        let size = maps.newest.len();
        drop(maps);
        if size < self.together { self.require() } else { self.shared.hand_over(size >= self.together * MOST) }
    }

    /// Brings everything to sled.
    pub(super) fn empty(&self) -> Result<(), IndexError> {
        self.shared.hand_over(true)?;
        self.shared.idle().map(drop)
    }

    /// An error if the index has failed: what is here can never go to sled.
    pub(super) fn require(&self) -> Result<(), IndexError> {
        self.shared.way().working().map(drop)
    }

    /// Notes that the index has failed, and gives the reason: the first one.
    pub(super) fn fail(&self, error: IndexError) -> Arc<IndexError> {
        self.shared.fail(error)
    }
}

impl Drop for Memtable {
    fn drop(&mut self) {
        self.shared.way().is_over = true;
        self.shared.changed.notify_all();
        if let Some(mover) = self.mover.take()
            && mover.join().is_err()
        {
            tracing::error!(event = "index_thread_died", "the index writer thread died");
        }
    }
}

impl Way {
    fn working(&self) -> Result<&Way, IndexError> {
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

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: IndexError) -> Arc<IndexError> {
        let mut way = self.way();
        let first = way.failed.get_or_insert_with(|| {
            tracing::error!(
                event = "index_failed",
                error = &error as &dyn std::error::Error,
                "the index failed: the next start rebuilds it"
            );
            Arc::new(error)
        });
        let first = Arc::clone(first);
        drop(way);
        self.changed.notify_all();
        first
    }

    fn idle(&self) -> Result<MutexGuard<'_, Way>, IndexError> {
        let is_waited_for = |way: &mut Way| way.is_busy && way.failed.is_none();
        let way = self.changed.wait_while(self.way(), is_waited_for).unwrap_or_else(PoisonError::into_inner);
        way.working()?;
        Ok(way)
    }

    /// Sends the newest on its way, as soon as nothing else is, or if nothing else is.
    fn hand_over(&self, waits: bool) -> Result<(), IndexError> {
        let mut way = if waits { self.idle()? } else { self.way() };
        way.working()?;
        if !way.is_busy {
            let mut maps = self.maps_to_write();
            maps.leaving = Arc::new(mem::take(&mut maps.newest));
            way.is_busy = true;
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Moves what is leaving into sled, again and again.
    fn move_on(&self, db: &sled::Db, layers: &ArcSwap<Layers>) {
        loop {
            let waits = |way: &mut Way| !way.is_busy && !way.is_over;
            let way = self.changed.wait_while(self.way(), waits).unwrap_or_else(PoisonError::into_inner);
            if way.is_over {
                return;
            }
            drop(way);
            let leaving = Arc::clone(&self.maps().leaving);
            // sled panics where it cannot go on.
            let moved = catch_unwind(AssertUnwindSafe(|| move_into(db, &layers.load(), &leaving)));
            match moved.unwrap_or(Err(IndexError::Broken)) {
                Ok(()) => self.maps_to_write().leaving = Arc::default(),
                Err(error) => drop(self.fail(error)),
            }
            self.way().is_busy = false;
            self.changed.notify_all();
        }
    }
}

/// Writes entries into sled: facts first, then the due dates, then how far both go. The due dates of one entry
/// change together.
fn move_into(db: &sled::Db, layers: &Layers, writes: &Writes) -> Result<(), IndexError> {
    let mut due_dates: HashMap<&[u8], Vec<(&IVec, &IVec)>> = HashMap::new();
    let mut marks = sled::Batch::default();
    for (at, (key, value)) in writes.iter().enumerate() {
        if at % PIECE == 0 {
            yield_now();
        }
        if keys::is_mark(key) {
            marks.insert(key, value);
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
            // What is taken out is marked so if a base has it, and gone if none has.
            if value.is_empty() && layers.get(key)?.is_none() {
                batch.remove(*key);
            } else {
                batch.insert(*key, *value);
            }
        }
        db.apply_batch(batch).map_err(IndexError::Sled)?;
    }
    db.apply_batch(marks).map_err(IndexError::Sled)
}
