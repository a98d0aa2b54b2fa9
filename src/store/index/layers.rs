//! The bases of an index, one on another.

use std::path::{Path, PathBuf};

use sled::IVec;

use super::error::IndexError;
use super::merge::laid_over;
use super::read::{GoOn, MORE, Visit};
use super::sorted_table::{SortedTable, TableId};
use crate::domain::id::Revision;

/// How many bases may lie on one another.
const MOST_BASES: usize = 4;

/// Where the bases hold no more than so many times the records of the next one, one base is made of everything.
const MUCH: u64 = 4;

/// Bases, the lowest first. Each names the one that it lies on, so that none is taken for part of another index.
#[derive(Default)]
pub(super) struct Layers {
    bases: Vec<SortedTable>,
}

impl Layers {
    /// The bases in a directory, as far as they are whole and lie on each other. One that cannot be read is not there:
    /// what it held is folded again.
    pub(super) fn open(directory: &Path) -> Layers {
        let mut layers = Layers::default();
        loop {
            let path = layers.next_path(directory);
            match SortedTable::open(&path) {
                Ok(Some(base)) if base.lies_on() == layers.top() => layers.bases.push(base),
                Ok(_) => return layers,
                Err(error) => {
                    let base = path.display();
                    tracing::warn!(event = "index_table_unreadable", error = &error as &dyn std::error::Error, %base, "an index table cannot be read");
                    return layers;
                }
            }
        }
    }

    /// Where the next base belongs.
    pub(super) fn next_path(&self, directory: &Path) -> PathBuf {
        path(directory, self.bases.len())
    }

    /// Whether a file of a directory is one of the bases.
    pub(super) fn have(&self, file: &Path, directory: &Path) -> bool {
        (0..self.bases.len()).any(|at| path(directory, at) == file)
    }

    /// Whether so many more records are few beside those in the bases.
    pub(super) fn outweigh(&self, records: u64) -> bool {
        records.saturating_mul(MUCH) <= self.applied().0
    }

    /// Whether so many more records go into a base on top. If not, one base is made of everything: whoever asks for what
    /// is not there asks all bases, so there are few, and each is several times as large as the one on it.
    pub(super) fn take_on_top(&self, records: u64) -> bool {
        self.bases.len() < MOST_BASES && self.outweigh(records)
    }

    /// The highest base; zero: there is none.
    pub(super) fn top(&self) -> TableId {
        self.bases.last().map_or(TableId(0), SortedTable::id)
    }

    /// The last record that is in them.
    pub(super) fn applied(&self) -> Revision {
        self.bases.last().map_or(Revision::ZERO, SortedTable::applied)
    }

    /// The value under a key. An empty one: it was taken out.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        for base in self.bases.iter().rev() {
            if let Some(value) = base.get(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The entries from a key up to another, the latter not included, in order.
    pub(super) fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn {
        below(&self.bases, from, before, visit)
    }
}

fn below(bases: &[SortedTable], from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn {
    let Some((top, rest)) = bases.split_last() else { return MORE };
    laid_over(top.range(from, before), &mut |visit| below(rest, from, before, visit), visit)
}

fn path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("{at}.base"))
}
