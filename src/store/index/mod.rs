//! The index: the log folded into what can be asked.
//!
//! What it promises: it holds the records up to [`View::applied`], each whole or not at all, and nothing else. It is in
//! three parts. The newest is in memory, a few thousand records on their way to sled. sled holds what came since the
//! program started. Below it are bases: files that are written once, synced and never changed. Of what is held under a
//! key in several parts, the newest counts.
//!
//! sled makes nothing durable and does not notice all damage when it opens its files. So its files are never opened
//! again: each start makes new ones, and folds what is in no base from the log. What is damaged is never believed. Each
//! block of a base and each page of sled carries a checksum; where one is wrong, or the disk fails, the index has
//! failed. The process ends then, and the next start rebuilds the index.

mod bulk_build;
pub(super) mod clean_shutdown;
mod compact;
mod compare;
mod error;
mod keys;
mod layers;
mod memtable;
mod merge;
mod overlay;
mod read;
mod room;
mod sorted_table;

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use sled::IVec;

use super::log::ReadLog;
use super::record::decode;
use crate::domain::id::Revision;

pub use bulk_build::BulkDueDates;
pub use compare::{Difference, HowDifferent};
pub use error::{IndexError, OpenIndexError};
pub use keys::Entry;
use layers::Layers;
use memtable::Memtable;
use merge::laid_over;
pub use overlay::{Moved, Overlay};
pub use read::{Answered, GoOn, Part, View, Visit, VisitFile};

/// How many entries are copied from memory at once for a range: whoever wants the first few does not pay for all.
const RECENT_AT_ONCE: usize = 512;

/// How many records are folded at once when the log is ahead.
const FOLD_AT_ONCE: u64 = 1024;

/// How far the index is behind the log while the program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whether the whole log is folded, and not the part that the index lacks.
    pub from_the_beginning: bool,
    /// The last record folded.
    pub folded: Revision,
    /// The last record there is.
    pub head: Revision,
}

/// How an index uses the machine.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// Memory that sled may use for its pages; it uses more.
    pub cache_bytes: u64,
    /// How many records may be folded into sled when the log is ahead. Of more, a base is made: that takes longer for
    /// few, and for many a fraction of the time, the memory and the disk.
    pub fold_in_place: u64,
    /// If fewer records than this are in no base when the index is closed, the next start folds them again. Of more a
    /// base is made, and of any number that is a large part of all: a close that takes seconds, for openings that do
    /// not.
    pub leave_in_sled: u64,
    /// How many entries sled takes together. Up to five times as many are in memory until it has them; after a kill
    /// they are folded again.
    pub take_together: usize,
}

impl Default for IndexOptions {
    fn default() -> IndexOptions {
        IndexOptions {
            cache_bytes: 64 * 1024 * 1024,
            fold_in_place: 100_000,
            leave_in_sled: 10_000,
            take_together: 8 * 1024,
        }
    }
}

/// The log folded. Readers share it while the writer folds.
pub struct Index {
    recent: Memtable,
    db: sled::Db,
    layers: Arc<ArcSwap<Layers>>,
    directory: PathBuf,
    options: IndexOptions,
}

impl Index {
    /// Opens the index and folds what the bases lack of the log, all of it if they cannot be believed.
    pub fn open(
        directory: &Path,
        options: IndexOptions,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let opened = match Index::open_once(directory, options, log, progress) {
            Err(error) if error.is_of_bases() => {
                tracing::warn!(
                    event = "index_damaged",
                    error = &error as &dyn std::error::Error,
                    "the index is damaged: rebuilding it from the log"
                );
                clean_shutdown::distrust(directory)?;
                Index::open_once(directory, options, log, progress)
            }
            opened => opened,
        };
        opened.map_err(|error| if error.is_of_room() { room::lacks(directory, log.head(), error) } else { error })
    }

    fn open_once(
        directory: &Path,
        options: IndexOptions,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let noted = clean_shutdown::of(directory);
        let mut layers = noted.map_or_else(Layers::default, |_| Layers::open(directory));
        let (applied, head) = (noted.unwrap_or_default().max(layers.applied()), log.head());
        if applied > head {
            return Err(OpenIndexError::LostRecords { applied, head });
        }
        prepare(directory)?;
        clear(directory, &layers)?;
        room::clear_memory(directory);
        let from_the_beginning = layers.applied() == Revision::ZERO;
        if head.0 - layers.applied().0 > options.fold_in_place {
            layers = bulk_build::fold_into_table(directory, layers, log, progress)?;
        }
        let db = open_sled(directory, options)?;
        let layers = Arc::new(ArcSwap::from_pointee(layers));
        let recent = Memtable::over(&db, &layers, options.take_together)?;
        let index = Index { recent, db, layers, directory: directory.to_owned(), options };
        index.catch_up(log, from_the_beginning, progress)?;
        match clean_shutdown::note(directory, head) {
            // The next start believes an older note as well, and folds everything where there is none.
            Err(error) if error::is_lacking(&error) => {
                tracing::warn!(
                    event = "index_note_not_written",
                    error = &error as &dyn std::error::Error,
                    "the clean-shutdown note of the index could not be written: the next start folds more of the log"
                );
            }
            noted => noted?,
        }
        Ok(index)
    }

    /// A view that records can be laid on top of.
    pub fn pending(&self) -> Result<Overlay<'_>, IndexError> {
        Overlay::new(self)
    }

    /// Takes in what a view has on top, at once. The log must have it by then.
    pub fn fold(&self, pending: Overlay<'_>) -> Result<(), IndexError> {
        self.recent.add(pending.into_writes())
    }

    /// Closes the index, so that the next start has little to fold.
    pub fn close(self) -> Result<(), OpenIndexError> {
        self.require()?;
        let (applied, in_sled) = (self.applied()?, self.records_in_sled()?);
        if in_sled >= self.options.leave_in_sled || !self.layers.load().outweigh(in_sled) {
            self.compact()?;
        }
        Ok(clean_shutdown::note(&self.directory, applied)?)
    }

    /// An error if the index has failed: it cannot go on, and the process has to end.
    pub fn require(&self) -> Result<(), IndexError> {
        self.recent.require()
    }

    /// Passes on what was read. After an error the index has failed; after one of the bases the next start folds
    /// everything again.
    fn watched<T>(&self, read: Result<T, IndexError>) -> Result<T, IndexError> {
        let error = match read {
            Err(error) if !matches!(error, IndexError::OutOfOrder { .. } | IndexError::Failed(_)) => error,
            read => return read,
        };
        if error.is_of_bases()
            && let Err(refused) = clean_shutdown::distrust(&self.directory)
        {
            tracing::error!(
                event = "index_not_removable",
                error = &refused as &dyn std::error::Error,
                "the index is damaged and could not be removed: delete it"
            );
        }
        Err(IndexError::Failed(self.recent.fail(error)))
    }

    fn catch_up(
        &self,
        log: &dyn ReadLog,
        from_the_beginning: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), OpenIndexError> {
        let head = log.head();
        let mut pending = self.pending()?;
        for record in log.read(self.applied()?.next(), head) {
            let (revision, bytes) = record?;
            pending.add(&decode(revision, &bytes)?)?;
            if revision == head || revision.0 % FOLD_AT_ONCE == 0 {
                self.fold(pending)?;
                progress(Progress { from_the_beginning, folded: revision, head });
                pending = self.pending()?;
            }
        }
        Ok(())
    }
}

impl View for Index {
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        let value = match self.recent.get(key) {
            None => self.watched(unless_it_panics(|| self.db.get(key)))?,
            newer => newer,
        };
        let value = match value {
            None => self.watched(self.layers.load().get(key))?,
            newer => newer,
        };
        Ok(value.filter(|value| !value.is_empty()))
    }

    fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn {
        let mut from = from.to_vec();
        loop {
            let recent = self.recent.range(&from, before, RECENT_AT_ONCE);
            let next = recent.last().filter(|_| recent.len() == RECENT_AT_ONCE).map(|(last, _)| keys::behind(last));
            let ended = self.range_with(recent, &from, next.as_deref().unwrap_or(before), visit)?;
            match next {
                Some(next) if ended.is_continue() => from = next,
                _ => return Ok(ended),
            }
        }
    }
}

impl Index {
    /// A part of a range, with what was in memory of it. Memory was read first: what goes to sled meanwhile is in both.
    fn range_with(&self, recent: Vec<(IVec, IVec)>, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn {
        let in_sled = || {
            let mut entries = self.db.range(from..before);
            std::iter::from_fn(move || unless_it_panics(|| entries.next().transpose()).transpose())
        };
        let layers = self.layers.load_full();
        let mut below =
            |visit: &mut Visit<'_>| laid_over(in_sled(), &mut |visit| layers.range(from, before, visit), visit);
        self.watched(laid_over(recent.into_iter().map(Ok), &mut below, visit))
    }
}

/// What sled gives. It panics where it cannot go on.
fn unless_it_panics<T>(read: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    let read = catch_unwind(AssertUnwindSafe(read)).map_err(|_| IndexError::Broken)?;
    read.map_err(IndexError::Sled)
}

/// A sled that holds nothing, under a name that none had before: the threads of an earlier one may write on for a
/// moment. It is temporary, so that it takes its files away when it is dropped; else it would sync them, and panic if
/// it cannot.
fn open_sled(directory: &Path, options: IndexOptions) -> Result<sled::Db, IndexError> {
    let place = room::place_of_sled(directory).map_err(IndexError::Disk)?;
    let path = place.join(format!("sled-{:016x}", bulk_build::new_id().0));
    unless_it_panics(|| sled::Config::new().path(path).temporary(true).cache_capacity(options.cache_bytes).open())
}

/// Makes the directory, also where something else has its name: a file, or a link that leads nowhere.
fn prepare(directory: &Path) -> io::Result<()> {
    if directory.symlink_metadata().is_ok() && !directory.is_dir() {
        tracing::warn!(event = "index_path_replaced", path = %directory.display(), "not a directory: replaced by a new index");
        fs::remove_file(directory)?;
    }
    fs::create_dir_all(directory)
}

/// Takes away what is not of the index: what sled held, bases that lie on nothing, what was not finished. What cannot
/// be taken away is in nobody's way.
fn clear(directory: &Path, layers: &Layers) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if (clean_shutdown::is_note(&path) && path.is_file()) || layers.have(&path, directory) {
            continue;
        }
        let is_directory = path.symlink_metadata().is_ok_and(|file| file.is_dir());
        let removed = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        if let Err(error) = removed {
            let path = path.display();
            tracing::warn!(event = "index_file_left", error = &error as &dyn std::error::Error, %path, "could not remove a file of an earlier index");
        }
    }
    Ok(())
}
