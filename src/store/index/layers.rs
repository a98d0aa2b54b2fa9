//! The bases of an index, in layers.

use std::path::{Path, PathBuf};

use sled::IVec;

use super::error::IndexError;
use super::merge::merge_over;
use super::read::{CONTINUE, ScanResult, Visit};
use super::sorted_table::{SortedTable, TableId};
use crate::domain::id::Revision;

/// The maximum number of bases.
const MAX_BASES: usize = 4;

/// The minimum ratio of the records in the existing bases to those in a new base on top. Below it, one base is built
/// from everything.
const MIN_RATIO: u64 = 4;

/// Bases, the lowest first. Each names the one below it, so that a base of another index is never accepted.
#[derive(Default)]
pub(super) struct Layers {
    bases: Vec<SortedTable>,
}

impl Layers {
    /// Opens the bases in a directory, from the lowest up, as long as each is intact and names the one below it. A base
    /// that cannot be read is ignored; its records are folded from the log again.
    pub(super) fn open(directory: &Path) -> Layers {
        let mut layers = Layers::default();
        loop {
            let path = layers.next_path(directory);
            match SortedTable::open(&path) {
                Ok(Some(base)) if base.below() == layers.top() => layers.bases.push(base),
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

    /// True if a path is that of one of these bases.
    pub(super) fn contain(&self, file: &Path, directory: &Path) -> bool {
        (0..self.bases.len()).any(|at| path(directory, at) == file)
    }

    /// True if this many records are few compared with those in the bases.
    pub(super) fn far_exceed(&self, records: u64) -> bool {
        records.saturating_mul(MIN_RATIO) <= self.applied().0
    }

    /// True if this many more records fit into a base on top. If not, one base must be built from everything. This
    /// keeps the number of bases small, because a lookup of a missing key reads all of them, and each is several times
    /// as large as the one above it.
    pub(super) fn fits_on_top(&self, records: u64) -> bool {
        self.bases.len() < MAX_BASES && self.far_exceed(records)
    }

    /// The id of the highest base. Zero if there is none.
    pub(super) fn top(&self) -> TableId {
        self.bases.last().map_or(TableId(0), SortedTable::id)
    }

    /// The last record in the bases.
    pub(super) fn applied(&self) -> Revision {
        self.bases.last().map_or(Revision::ZERO, SortedTable::applied)
    }

    /// The value of a key. An empty value means that the key was removed.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        for base in self.bases.iter().rev() {
            if let Some(value) = base.get(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Visits the entries from `from` up to but not including `before`, in order.
    pub(super) fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        range_of(&self.bases, from, before, visit)
    }
}

fn range_of(bases: &[SortedTable], from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
    let Some((top, rest)) = bases.split_last() else { return CONTINUE };
    merge_over(top.range(from, before), &mut |visit| range_of(rest, from, before, visit), visit)
}

fn path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("{at}.base"))
}
