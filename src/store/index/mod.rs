//! The index: what the log contains, in a form that can be queried.
//!
//! It contains exactly the records up to [`View::applied`], each completely or not at all. It has three layers:
//! * a memtable with recent records, which a background thread moves to the disk;
//! * sled, with records since the program started that came one by one, up to a number;
//! * bases, which are files that are written once, synced and never changed. Records that come in large numbers become
//!   a base, and so do those in sled when they are many.
//!
//! The newest value of a key takes precedence.
//!
//! sled makes nothing durable, and it does not detect all damage when it opens its files. So its files are never
//! reopened: each start creates new ones, and folds the records that are in no base from the log. Damaged data is never
//! used: each block of a base and each page of sled has a checksum. If a checksum is wrong or the disk fails, the index
//! has failed. The process then ends, and the next start rebuilds the index.

mod bulk_build;
pub(super) mod clean_shutdown;
mod compare;
mod disk_full;
mod error;
mod keys;
mod layers;
mod memtable;
mod merge;
mod names;
mod on_disk;
mod overlay;
mod read;
mod sorted_table;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sled::IVec;

use super::log::ReadLog;
use super::record::decode;
use crate::domain::id::Revision;

pub use bulk_build::BulkDueDates;
pub use compare::{Difference, DifferenceKind};
pub use error::{IndexError, OpenIndexError};
pub use keys::Entry;
use layers::Layers;
use memtable::Memtable;
use merge::merge_over;
pub use names::NameKey;
use on_disk::OnDisk;
pub use overlay::{Moved, Overlay};
pub use read::{Answered, Part, ScanResult, View, Visit, VisitFile};

/// Keys and values. An empty value marks a key to be removed.
type Writes = BTreeMap<IVec, IVec>;

/// The number of entries that a range scan copies from the memtable at once, so that a short scan stays cheap.
const RECENT_PER_SCAN: usize = 512;

/// The number of records that are folded at once while the index catches up with the log.
const FOLD_AT_ONCE: u64 = 1024;

/// Progress of the index while it catches up with the log at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// True if the index is rebuilt from the whole log.
    pub from_the_beginning: bool,
    /// The last record folded.
    pub folded: Revision,
    /// The head of the log.
    pub head: Revision,
}

/// How an index uses the machine.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// Memory in bytes for sled's page cache. sled uses more than this.
    pub cache_bytes: u64,
    /// The maximum number of records that are folded into sled when the log is ahead. For more records a base is built.
    /// This takes longer for a few records, but for many it takes a fraction of the time, memory and disk space.
    pub fold_in_place: u64,
    /// The minimum number of records in no base for which a close builds a base. Fewer are folded from the log at the
    /// next start, unless they are a large part of all records. Building a base takes the close a few seconds and saves
    /// them at the next start.
    pub leave_in_sled: u64,
    /// The number of entries in a batch from the memtable to sled.
    pub take_together: usize,
    /// The minimum number of entries in a batch that becomes a base. The memtable contains up to five times as many;
    /// after a kill they are folded again.
    pub base_from: usize,
    /// How long entries are collected for a base. Those that are too few by then go to sled.
    pub collect_for: Duration,
    /// The number of entries in sled from which the next batch becomes a base, however small it is. The entries in sled
    /// become part of the base. sled keeps them in memory, each in about 450 bytes.
    pub most_in_sled: usize,
}

impl Default for IndexOptions {
    fn default() -> IndexOptions {
        IndexOptions {
            cache_bytes: 64 * 1024 * 1024,
            fold_in_place: 100_000,
            leave_in_sled: 10_000,
            take_together: 8 * 1024,
            base_from: 64 * 1024,
            collect_for: Duration::from_secs(5),
            most_in_sled: 128 * 1024,
        }
    }
}

/// The index. Readers share it while the writer folds records.
pub struct Index {
    recent: Memtable,
    on_disk: Arc<OnDisk>,
    directory: PathBuf,
    options: IndexOptions,
}

impl Index {
    /// Opens the index and folds the records of the log that are in no base. Rebuilds it if the bases cannot be
    /// trusted.
    pub fn open(
        directory: &Path,
        options: IndexOptions,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let opened = match Index::open_once(directory, options, log, progress) {
            Err(error) if error.is_base_damage() => {
                tracing::warn!(
                    event = "index_damaged",
                    error = &error as &dyn std::error::Error,
                    "the index is damaged: rebuilding it from the log"
                );
                clean_shutdown::invalidate(directory)?;
                Index::open_once(directory, options, log, progress)
            }
            opened => opened,
        };
        opened.map_err(
            |error| if error.is_disk_full() { disk_full::no_space(directory, log.head(), error) } else { error },
        )
    }

    fn open_once(
        directory: &Path,
        options: IndexOptions,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let recorded = clean_shutdown::read(directory);
        let mut layers = recorded.map_or_else(Layers::default, |_| Layers::open(directory));
        let (applied, head) = (recorded.unwrap_or_default().max(layers.applied()), log.head());
        if applied > head {
            return Err(OpenIndexError::LostRecords { applied, head });
        }
        prepare(directory)?;
        clear(directory, &layers)?;
        disk_full::remove_memory_directory(directory);
        let from_the_beginning = layers.applied() == Revision::ZERO;
        if head.0 - layers.applied().0 > options.fold_in_place {
            layers = bulk_build::build_base(directory, layers, log, progress)?;
        }
        let on_disk = Arc::new(OnDisk::open(directory, layers, options.cache_bytes)?);
        let recent = Memtable::over(&on_disk, options)?;
        let index = Index { recent, on_disk, directory: directory.to_owned(), options };
        index.catch_up(log, from_the_beginning, progress)?;
        match clean_shutdown::write(directory, head) {
            // The next start can use an older file, and rebuilds the index if there is none.
            Err(error) if error::is_full(&error) => {
                tracing::warn!(
                    event = "index_note_not_written",
                    error = &error as &dyn std::error::Error,
                    "the clean-shutdown note of the index could not be written: the next start folds more of the log"
                );
            }
            written => written?,
        }
        Ok(index)
    }

    /// A view of the index to which records can be added before they are folded.
    pub fn pending(&self) -> Result<Overlay<'_>, IndexError> {
        Overlay::new(self)
    }

    /// Adds the records of an overlay to the index, atomically. The log must already contain them.
    pub fn fold(&self, pending: Overlay<'_>) -> Result<(), IndexError> {
        self.recent.add(pending.into_writes())
    }

    /// Closes the index, so that the next start has few records to fold.
    pub fn close(self) -> Result<(), OpenIndexError> {
        self.require()?;
        let (applied, in_bases) = (self.applied()?, self.on_disk.layers().applied());
        let in_no_base = applied.0.saturating_sub(in_bases.0);
        if in_no_base >= self.options.leave_in_sled || !self.on_disk.layers().far_exceed(in_no_base) {
            self.on_disk.add_to_bases(&self.recent.take()?)?;
        }
        Ok(clean_shutdown::write(&self.directory, applied)?)
    }

    /// The last record that a base contains. A start after a kill folds the records after it again.
    pub fn in_bases(&self) -> Revision {
        self.on_disk.layers().applied()
    }

    /// Fails if the index has failed. The process must then end.
    pub fn require(&self) -> Result<(), IndexError> {
        self.recent.require()
    }

    /// Returns the result of a read, and marks the index as failed after an error. If a base is damaged, it also makes
    /// the next start rebuild the index.
    fn watched<T>(&self, read: Result<T, IndexError>) -> Result<T, IndexError> {
        let error = match read {
            Err(error) if !matches!(error, IndexError::OutOfOrder { .. } | IndexError::Failed(_)) => error,
            read => return read,
        };
        if error.is_base_damage()
            && let Err(refused) = clean_shutdown::invalidate(&self.directory)
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
        let value = if self.recent.may_have_taken(key) {
            self.recent.get(key).map_or_else(|| self.on_disk.get(key), |newer| Ok(Some(newer)))
        } else {
            self.on_disk.layers().get_earlier(key)
        };
        Ok(self.watched(value)?.filter(|value| !value.is_empty()))
    }

    fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        if keys::is_of_person(from, before) && !self.recent.may_have_taken(from) {
            return self.watched(self.on_disk.layers().range_earlier(from, before, visit));
        }
        let mut from = from.to_vec();
        loop {
            let recent = self.recent.range(&from, before, RECENT_PER_SCAN);
            let next = recent.last().filter(|_| recent.len() == RECENT_PER_SCAN).map(|(last, _)| keys::successor(last));
            let ended = self.range_with(recent, &from, next.as_deref().unwrap_or(before), visit)?;
            match next {
                Some(next) if ended.is_continue() => from = next,
                _ => return Ok(ended),
            }
        }
    }
}

impl Index {
    /// Scans a part of a range, given its entries from the memtable. These must be read first: entries that move to
    /// the disk meanwhile are then seen twice, never missed.
    fn range_with(&self, recent: Vec<(IVec, IVec)>, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        let mut below = |visit: &mut Visit<'_>| self.on_disk.range(from, before, visit);
        self.watched(merge_over(recent.into_iter().map(Ok), &mut below, visit))
    }
}

/// Calls sled, and turns its panics into errors.
fn catching_panics<T>(read: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    let read = catch_unwind(AssertUnwindSafe(read)).map_err(|_| IndexError::Broken)?;
    read.map_err(IndexError::Sled)
}

/// Creates the directory. Replaces a file or a dangling link with the same name.
fn prepare(directory: &Path) -> io::Result<()> {
    if directory.symlink_metadata().is_ok() && !directory.is_dir() {
        tracing::warn!(event = "index_path_replaced", path = %directory.display(), "not a directory: replaced by a new index");
        fs::remove_file(directory)?;
    }
    fs::create_dir_all(directory)
}

/// Deletes everything in the directory that is not part of the index: files of sled, unusable bases, unfinished files.
/// A failure is logged and otherwise ignored, because such files do no harm.
fn clear(directory: &Path, layers: &Layers) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if (clean_shutdown::is_file(&path) && path.is_file()) || layers.contain(&path, directory) {
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
