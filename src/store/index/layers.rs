//! The bases of an index, one on another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sled::IVec;

use super::IndexError;
use super::base::{Base, BaseId};
use super::pending::laid_over;
use super::view::{GoOn, MORE, Visit};
use crate::domain::id::Revision;

/// Bases, the lowest first. Each names the one that it lies on, so that none is taken for part of another index.
#[derive(Default)]
pub(super) struct Layers {
    bases: Vec<Base>,
}

impl Layers {
    /// The bases in a directory, as far as they are whole and lie on each other.
    pub(super) fn open(directory: &Path) -> io::Result<Layers> {
        let mut layers = Layers::default();
        while let Some(base) = Base::open(&layers.next_path(directory))?.filter(|base| base.lies_on() == layers.top()) {
            layers.bases.push(base);
        }
        Ok(layers)
    }

    /// Where the next base belongs.
    pub(super) fn next_path(&self, directory: &Path) -> PathBuf {
        path(directory, self.bases.len())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.bases.len()
    }

    /// Moves the files from one directory to another.
    pub(super) fn move_files(&self, from: &Path, to: &Path) -> io::Result<()> {
        (0..self.bases.len()).try_for_each(|at| fs::rename(path(from, at), path(to, at)))
    }

    /// The highest base; zero: there is none.
    pub(super) fn top(&self) -> BaseId {
        self.bases.last().map_or(BaseId(0), Base::id)
    }

    /// The last record that is in them.
    pub(super) fn applied(&self) -> Revision {
        self.bases.last().map_or(Revision::ZERO, Base::applied)
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

fn below(bases: &[Base], from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn {
    let Some((top, rest)) = bases.split_last() else { return MORE };
    laid_over(top.range(from, before), &mut |visit| below(rest, from, before, visit), visit)
}

fn path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("{at}.base"))
}
