//! The bases of an index, in layers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sled::IVec;

use super::error::IndexError;
use super::merge::{merge_all, merge_over};
use super::read::{CONTINUE, ScanResult, Visit};
use super::sorted_table::{SortedTable, TableId};
use crate::domain::id::Revision;

/// The maximum number of bases.
const MAX_BASES: usize = 6;

/// The minimum ratio of the records in a base to those above it. Below it, they are merged. With a million records and
/// 20,000 in each batch, a record is then written four times in all, and there are three bases on average.
const MIN_RATIO: u64 = 2;

/// The minimum ratio of the records in all bases to a few that may be in none of them after a close.
const FAR: u64 = 4;

/// Bases, the lowest first. Each names the one below it, so that a base of another index is never accepted.
#[derive(Default)]
pub(super) struct Layers {
    bases: Vec<Arc<SortedTable>>,
    /// How many of them, from the lowest up, may contain keys that were added before the start.
    earlier: usize,
}

impl Layers {
    /// Opens the bases in a directory, from the lowest up, as long as each is intact and names the one below it. A base
    /// that cannot be read is ignored; its records are folded from the log again.
    pub(super) fn open(directory: &Path) -> Layers {
        let mut layers = Layers::default();
        loop {
            let path = layers.next_path(directory);
            match SortedTable::open(&path) {
                Ok(Some(base)) if base.below() == layers.top() => {
                    layers.bases.push(Arc::new(base));
                    layers.earlier += 1;
                }
                Ok(_) => return layers,
                Err(error) => {
                    let base = path.display();
                    tracing::warn!(event = "index_table_unreadable", error = &error as &dyn std::error::Error, %base, "a base of the index cannot be read");
                    return layers;
                }
            }
        }
    }

    /// The path of the next base.
    pub(super) fn next_path(&self, directory: &Path) -> PathBuf {
        path(directory, self.bases.len())
    }

    /// These bases without those from a position on.
    pub(super) fn below(&self, at: usize) -> Layers {
        Layers { bases: self.bases.iter().take(at).cloned().collect(), earlier: self.earlier.min(at) }
    }

    /// These bases with another one in place of those from a position on, whose entries it contains. All other keys in
    /// it were added since the start.
    pub(super) fn with(&self, at: usize, base: SortedTable) -> Layers {
        let mut layers = self.below(at);
        layers.bases.push(Arc::new(base));
        layers.earlier += usize::from(at < self.earlier);
        layers
    }

    /// Deletes the files of the bases above a position, which are part of a larger one now. If a file stays, the next
    /// start deletes it.
    pub(super) fn delete_above(&self, at: usize, directory: &Path) {
        (at + 1..self.bases.len()).for_each(|at| fs::remove_file(path(directory, at)).unwrap_or_default());
    }

    /// True if a path is that of one of these bases.
    pub(super) fn contain(&self, file: &Path, directory: &Path) -> bool {
        (0..self.bases.len()).any(|at| path(directory, at) == file)
    }

    /// True if this many records are few compared with those in the bases.
    pub(super) fn far_exceed(&self, records: u64) -> bool {
        records.saturating_mul(FAR) <= self.applied().0
    }

    /// How many of these bases stay as they are below a new base that ends with a record. Those above become part of
    /// it. Each that stays has at least twice as many records as the next one: so there are few bases, and a record is
    /// not written again for each batch after it. A base of due dates has no records of its own; it counts as the one
    /// below.
    pub(super) fn kept_below(&self, applied: Revision) -> usize {
        let stay = |kept: &usize| {
            let mut ends = self.bases.iter().take(*kept).rev().map(|base| base.applied().0);
            let top = ends.next().unwrap_or_default();
            let below = ends.find(|end| *end < top).unwrap_or_default();
            applied.0.saturating_sub(top).saturating_mul(MIN_RATIO) <= top - below
        };
        (1..=self.bases.len().min(MAX_BASES - 1)).rev().find(stay).unwrap_or_default()
    }

    /// The number of bases.
    pub(super) fn len(&self) -> usize {
        self.bases.len()
    }

    /// The number of bytes in the bases from a position on.
    pub(super) fn bytes_from(&self, at: usize) -> u64 {
        self.bases.iter().skip(at).map(|base| base.bytes()).sum()
    }

    /// The id of the highest base. Zero if there is none.
    pub(super) fn top(&self) -> TableId {
        self.bases.last().map_or(TableId(0), |base| base.id())
    }

    /// The last record in the bases.
    pub(super) fn applied(&self) -> Revision {
        self.bases.last().map_or(Revision::ZERO, |base| base.applied())
    }

    /// The value of a key. An empty value means that the key was removed.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        get_in(&self.bases, key)
    }

    /// Like [`Layers::get`], for a key that was not added since the start.
    pub(super) fn get_earlier(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        get_in(&self.bases[..self.earlier], key)
    }

    /// Visits the entries from `from` up to but not including `before`, in order.
    pub(super) fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        range_in(&self.bases, from, before, visit)
    }

    /// Like [`Layers::range`], for keys of which none was added since the start.
    pub(super) fn range_earlier(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        range_in(&self.bases[..self.earlier], from, before, visit)
    }

    /// Visits all entries in the bases from a position on, also the removed keys.
    pub(super) fn all_from(&self, at: usize, visit: &mut Visit<'_>) -> ScanResult {
        all_in(&self.bases[at..], &[], &[u8::MAX], visit)
    }
}

fn get_in(bases: &[Arc<SortedTable>], key: &[u8]) -> Result<Option<IVec>, IndexError> {
    for base in bases.iter().rev() {
        if let Some(value) = base.get(key)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn range_in(bases: &[Arc<SortedTable>], from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
    let Some((top, rest)) = bases.split_last() else { return CONTINUE };
    merge_over(top.range(from, before), &mut |visit| all_in(rest, from, before, visit), visit)
}

fn all_in(bases: &[Arc<SortedTable>], from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
    let Some((top, rest)) = bases.split_last() else { return CONTINUE };
    merge_all(top.range(from, before), &mut |visit| all_in(rest, from, before, visit), visit)
}

/// The path of a base by its position.
pub(super) fn path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("{at}.base"))
}

#[cfg(test)]
mod tests {
    use super::super::sorted_table::BaseWriter;
    use super::*;

    #[test]
    fn a_record_is_written_a_few_times_however_many_follow() {
        const FIRST: u64 = 100_000;
        const BATCH: u64 = 250;
        let directory = tempfile::tempdir().unwrap();
        let (mut layers, mut written) = (Layers::default(), 0);
        for (id, applied) in (1..).zip((FIRST..2 * FIRST).step_by(usize::try_from(BATCH).unwrap())) {
            let kept = layers.kept_below(Revision(applied));
            let writer = BaseWriter::begin(&path(directory.path(), kept), 0).unwrap();
            let below = layers.below(kept);
            writer.finish(TableId(id), below.top(), Revision(applied)).unwrap();
            if applied > FIRST {
                written += applied - below.applied().0;
            }
            layers = layers.with(kept, SortedTable::open(&path(directory.path(), kept)).unwrap().unwrap());
            assert!(layers.len() <= MAX_BASES);
        }
        let times = written / (FIRST - BATCH);
        assert!((3..=6).contains(&times), "{times}");
    }
}
