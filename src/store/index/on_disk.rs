//! The parts of the index below the memtable: sled, and the bases under it.
//!
//! A small batch from the memtable goes to sled, entry by entry. A large one becomes a base: a base is written in the
//! order of its keys, which takes a tenth of the time for an entry. The contents of sled are older than the batch and
//! newer than the bases, so they become part of the base, too, and an empty sled takes its place. That also happens
//! when sled has many entries, because it keeps them in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use sled::IVec;

use super::bulk_build::new_id;
use super::layers::{self, Layers};
use super::merge::{merge_all, merge_over};
use super::read::{CONTINUE, ScanResult, Visit, number};
use super::sorted_table::{BaseWriter, SortedTable};
use super::{IndexError, Writes, catching_panics, disk_full, keys};
use crate::domain::id::Revision;
use crate::store::priority::yield_now;

/// After this many entries for sled the thread yields the CPU. One entry takes about 10 µs.
const ENTRIES_PER_SLICE: usize = 16;

/// After this many entries for a base the thread yields the CPU. One entry takes less than 1 µs.
const BASE_ENTRIES_PER_SLICE: usize = 256;

/// The number of entries whose due dates change in sled in one batch. Readers of due dates wait meanwhile.
const DUE_DATES_AT_ONCE: usize = 64;

/// sled and the bases. One thread at a time changes them.
pub(super) struct OnDisk {
    db: ArcSwap<sled::Db>,
    /// The number of entries that were added to sled. Entries with the same key count each time.
    in_sled: AtomicUsize,
    layers: ArcSwap<Layers>,
    directory: PathBuf,
    cache_bytes: u64,
}

impl OnDisk {
    /// Opens an empty sled above the bases of a directory.
    pub(super) fn open(directory: &Path, layers: Layers, cache_bytes: u64) -> Result<OnDisk, IndexError> {
        let db = ArcSwap::from_pointee(open_sled(directory, cache_bytes)?);
        let (layers, directory) = (ArcSwap::from_pointee(layers), directory.to_owned());
        Ok(OnDisk { db, in_sled: AtomicUsize::new(0), layers, directory, cache_bytes })
    }

    /// The bases.
    pub(super) fn layers(&self) -> Guard<Arc<Layers>> {
        self.layers.load()
    }

    /// The number of entries that were added to sled.
    pub(super) fn in_sled(&self) -> usize {
        self.in_sled.load(Ordering::Relaxed)
    }

    /// Replaces the bases. The new ones must contain everything that the old ones do.
    pub(super) fn replace_layers(&self, layers: Layers) {
        self.layers.store(Arc::new(layers));
    }

    /// The value of a key. An empty value means that the key was removed.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        // In this order: the contents of sled are in the bases before an empty sled takes its place.
        match catching_panics(|| self.db.load().get(key))? {
            None => self.layers.load().get(key),
            newer => Ok(newer),
        }
    }

    /// Visits the entries from `from` up to but not including `before`, in order.
    pub(super) fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        let (db, layers) = (self.db.load_full(), self.layers.load_full());
        merge_over(entries(&db, from, before), &mut |visit| layers.range(from, before, visit), visit)
    }

    /// Writes entries to sled: first facts, then due dates, then the watermarks of both. The due-date keys of one entry
    /// change in one batch.
    pub(super) fn add_to_sled(&self, writes: &Writes) -> Result<(), IndexError> {
        let (db, layers) = (self.db.load_full(), self.layers.load_full());
        self.in_sled.fetch_add(writes.len(), Ordering::Relaxed);
        let mut due_dates: HashMap<&[u8], Vec<(&IVec, &IVec)>> = HashMap::new();
        let mut watermarks = sled::Batch::default();
        for (at, (key, value)) in writes.iter().enumerate() {
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
            yield_now();
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

    /// True if the disk has room for a base with these entries and those in sled.
    pub(super) fn has_room_for_base(&self, writes: &Writes) -> bool {
        let (layers, entries) = (self.layers.load(), writes.len().saturating_add(self.in_sled()));
        let merged = self.applied_after(writes).map(|applied| layers.bytes_from(layers.kept_below(applied)));
        merged.is_ok_and(|bytes| disk_full::has_room(&self.directory, bytes, entries))
    }

    /// Makes a base of entries and the contents of sled, on top of those bases that are much larger. The others become
    /// part of it.
    pub(super) fn add_to_bases(&self, writes: &Writes) -> Result<(), IndexError> {
        let (db, layers) = (self.db.load_full(), self.layers.load_full());
        if writes.is_empty() && db.is_empty() {
            return Ok(());
        }
        let applied = self.applied_after(writes)?;
        let kept = layers.kept_below(applied);
        let path = layers::path(&self.directory, kept);
        let records = applied.0.saturating_sub(layers.below(kept).applied().0);
        let mut writer = BaseWriter::begin(&path, records).map_err(IndexError::Disk)?;
        let mut visited = 0;
        let mut below = |visit: &mut Visit<'_>| {
            merge_all(entries(&db, &[], &[u8::MAX]), &mut |visit| layers.all_from(kept, visit), visit)
        };
        let ended = merge_all(writes.iter().map(Ok), &mut below, &mut |key, value| {
            visited += 1;
            if visited % BASE_ENTRIES_PER_SLICE == 0 {
                yield_now();
            }
            // A removed key needs a marker only if a base below may contain it.
            if kept > 0 || !value.is_empty() {
                writer.add(key, value).map_err(IndexError::Disk)?;
            }
            CONTINUE
        });
        ended.map(drop)?;
        writer.finish(new_id(), layers.below(kept).top(), applied).map_err(IndexError::Disk)?;
        let base = SortedTable::open(&path).map_err(IndexError::Disk)?;
        let base = base.ok_or(IndexError::Damaged("a base that was just written cannot be read"))?;
        self.replace_layers(layers.with(kept, base));
        if !db.is_empty() {
            self.db.store(Arc::new(open_sled(&self.directory, self.cache_bytes)?));
            self.in_sled.store(0, Ordering::Relaxed);
        }
        layers.delete_above(kept, &self.directory);
        Ok(())
    }

    /// The last record in these parts, once some entries are added.
    fn applied_after(&self, writes: &Writes) -> Result<Revision, IndexError> {
        let applied =
            writes.get(keys::APPLIED).cloned().map_or_else(|| self.get(keys::APPLIED), |newest| Ok(Some(newest)));
        applied?.map_or(Ok(Revision::ZERO), |applied| Ok(Revision(number(&applied)?)))
    }
}

/// The entries of sled from `from` up to but not including `before`, in order.
fn entries(db: &sled::Db, from: &[u8], before: &[u8]) -> impl Iterator<Item = Result<(IVec, IVec), IndexError>> {
    let mut entries = db.range(from..before);
    std::iter::from_fn(move || catching_panics(|| entries.next().transpose()).transpose())
}

/// Opens an empty sled under a name that was never used, because the threads of an earlier one may still write for a
/// moment. It is temporary, so that dropping it deletes its files. Otherwise it would sync them, and panic on an error.
fn open_sled(directory: &Path, cache_bytes: u64) -> Result<sled::Db, IndexError> {
    let parent = disk_full::sled_parent(directory).map_err(IndexError::Disk)?;
    let path = parent.join(format!("sled-{:016x}", new_id().0));
    catching_panics(|| sled::Config::new().path(path).temporary(true).cache_capacity(cache_bytes).open())
}
