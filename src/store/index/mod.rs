//! The index: the log folded into what can be asked.
//!
//! What it promises: it holds the records up to [`View::applied`], each whole or not at all, and nothing else. It is in
//! three parts. The newest is in memory, a few thousand records on their way to sled. sled never makes its files durable
//! by itself, can fail to open them, and needs the longer for that the more it holds; so it is believed only after a
//! clean close or under the same kernel, and in any other case is set aside and what it held folded again. Below it are
//! bases: files that are written once, synced and never changed, for what there is too much of. Of what is held under a
//! key in several parts, the newest counts.

mod base;
mod compact;
mod compare;
mod keys;
mod layers;
mod pending;
mod recent;
pub(super) mod trust;
mod view;
mod whole;

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use sled::IVec;

use super::log::{ReadError, ReadLog};
use super::record::{Undecodable, decode};
use crate::domain::id::Revision;

pub use compare::{Difference, HowDifferent};
pub use keys::Entry;
use layers::Layers;
use pending::laid_over;
pub use pending::{Moved, Pending};
use recent::Recent;
use trust::Trust;
pub use view::{Answered, GoOn, Part, View, Visit, VisitFile};
pub use whole::WholeAgenda;

/// How long, at most, sled's threads are waited for, and how long between two looks.
const HELD_FOR: Duration = Duration::from_secs(2);
const HELD_STEP: Duration = Duration::from_millis(10);

/// How many entries are copied from memory at once for a range: whoever wants the first few does not pay for all.
const RECENT_AT_ONCE: usize = 512;

/// How many records are folded at once when the log is ahead.
const FOLD_AT_ONCE: u64 = 1024;

/// The index cannot answer or take records.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// sled refused. End the process: the index is opened or folded again at the next start.
    #[error("the index could not be read or written")]
    Sled(#[source] sled::Error),
    /// The disk refused. End the process: the index is opened or folded again at the next start.
    #[error("the index could not be read or written")]
    Disk(#[source] io::Error),
    /// What was folded could not be written, for this reason. End the process, as above.
    #[error("the index takes no more records")]
    Behind(#[source] Arc<IndexError>),
    /// It holds something that nobody wrote. Stop, delete `index/`, start.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
    /// It holds a fact that cannot be read. Stop, delete `index/`, start.
    #[error("the index is damaged")]
    Undecodable(#[from] Undecodable),
    /// A record was offered that is not the next one.
    #[error("the index holds the records up to {applied} and was offered {offered}")]
    OutOfOrder {
        /// The last record it holds.
        applied: Revision,
        /// The record offered.
        offered: Revision,
    },
}

/// The index does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenIndexError {
    /// The log lost records that it had acknowledged. Only a restore helps.
    #[error("the index holds the records up to {applied} and the log only those up to {head}: records were lost")]
    LostRecords {
        /// The last record in the index.
        applied: Revision,
        /// The last record in the log.
        head: Revision,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log holds a record that this program does not understand.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// A new index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The disk refused.
    #[error("the files of the index could not be prepared")]
    Disk(#[from] io::Error),
}

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
    /// How many records may be folded into sled when the log is ahead. If it is further ahead, a base is made of all of
    /// it: that takes longer for few, and for many a fraction of the time, the memory and the disk.
    pub fold_in_place: u64,
    /// How many records sled may hold when the index is closed. What it holds beyond that goes into a base: a close that
    /// takes seconds, for openings that do not. At opening it may hold `fold_in_place` of them.
    pub leave_in_sled: u64,
    /// How many entries sled takes together. Up to five times as many are in memory until it has them; after a kill they
    /// are folded again.
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
    recent: Recent,
    db: sled::Db,
    layers: Arc<ArcSwap<Layers>>,
    directory: PathBuf,
    options: IndexOptions,
    /// It was seen to hold what nobody wrote: the next start is not to believe it.
    is_damaged: AtomicBool,
}

impl Index {
    /// Opens the index and folds what the log has beyond it, all of it if the index cannot be believed.
    pub fn open(
        directory: &Path,
        options: IndexOptions,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let set_aside = set_aside_from(directory);
        let opened = match trust::of(directory) {
            Trust::Whole => open_believed(directory, options, Layers::open(directory)?),
            Trust::Bases => Err(Layers::open(directory)?),
            Trust::Nothing => Err(Layers::default()),
        };
        let mut index = match opened {
            Ok(index) => index?,
            Err(layers) => begin_anew(directory, &set_aside, options, layers)?,
        };
        if let Err(IndexError::Damaged(_)) = index.applied() {
            drop(index);
            index = begin_anew(directory, &set_aside, options, Layers::default())?;
        }
        let (applied, head) = (index.applied()?, log.head());
        if applied > head {
            // The proof must outlast this kernel.
            index.close()?;
            return Err(OpenIndexError::LostRecords { applied, head });
        }
        if head.0 - applied.0 > options.fold_in_place {
            drop(index);
            set_everything_aside(directory, &set_aside)?;
            whole::fold_whole(directory, log, progress)?;
            index = begin_sled(directory, options, Layers::open(directory)?)?;
        } else if index.records_in_sled()? > options.fold_in_place {
            index = index.compact()?;
        }
        index.catch_up(log, applied == Revision::ZERO, progress)?;
        remove(&set_aside)?;
        Ok(index)
    }

    /// A view that records can be laid on top of.
    pub fn pending(&self) -> Result<Pending<'_>, IndexError> {
        Pending::new(self)
    }

    /// Takes in what a view has on top, at once. The log must have it by then.
    pub fn fold(&self, pending: Pending<'_>) -> Result<(), IndexError> {
        self.recent.add(pending.into_writes())
    }

    /// Closes the index so that the next start believes it, unless it was seen to be damaged.
    pub fn close(mut self) -> io::Result<()> {
        if !self.is_damaged() && self.records_in_sled().map_err(io::Error::other)? > self.options.leave_in_sled {
            self = self.compact().map_err(io::Error::other)?;
        }
        self.recent.empty().map_err(io::Error::other)?;
        let is_damaged = self.is_damaged();
        let Index { recent, db, directory, .. } = self;
        drop(recent);
        db.flush().map_err(io::Error::other)?;
        drop(db);
        if is_damaged { trust::distrust(&directory) } else { trust::note_closed(&directory) }
    }

    fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    /// Passes on what was read. Where it was damage, the next start folds everything again.
    fn watched<T>(&self, read: Result<T, IndexError>) -> Result<T, IndexError> {
        if let Err(IndexError::Damaged(_) | IndexError::Undecodable(_)) = &read
            && !self.is_damaged.swap(true, Ordering::AcqRel)
            && let Err(refused) = trust::distrust(&self.directory)
        {
            tracing::error!(error = &refused as &dyn std::error::Error, "the index is damaged: delete it");
        }
        read
    }

    /// Notes in sled which version it is of, and which base it lies on.
    fn note_format(&self) -> Result<(), IndexError> {
        self.db.insert(keys::FORMAT, format(&self.layers.load()).as_slice()).map(drop).map_err(IndexError::Sled)
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
            None => self.db.get(key).map_err(IndexError::Sled)?,
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
        let in_sled = || self.db.range(from..before).map(|entry| entry.map_err(IndexError::Sled));
        let layers = self.layers.load_full();
        let mut below =
            |visit: &mut Visit<'_>| laid_over(in_sled(), &mut |visit| layers.range(from, before, visit), visit);
        self.watched(laid_over(recent.into_iter().map(Ok), &mut below, visit))
    }
}

fn format(layers: &Layers) -> Vec<u8> {
    [keys::VERSION.to_be_bytes().as_slice(), &layers.top().0.to_be_bytes()].concat()
}

/// The index that is there, if sled can open it and it is of this version and lies on these bases.
fn open_believed(directory: &Path, options: IndexOptions, layers: Layers) -> Result<io::Result<Index>, Layers> {
    let expected = format(&layers);
    let opened = catch_unwind(AssertUnwindSafe(|| {
        trust::note_open(directory).ok()?;
        let db = open_sled(directory, options).ok()?;
        (db.get(keys::FORMAT).ok()??.as_ref() == expected).then_some(db)
    }));
    let Ok(Some(db)) = opened else { return Err(layers) };
    Ok(index_of(db, directory, options, layers))
}

fn index_of(db: sled::Db, directory: &Path, options: IndexOptions, layers: Layers) -> io::Result<Index> {
    let layers = Arc::new(ArcSwap::from_pointee(layers));
    let recent = Recent::over(&db, &layers, options.take_together)?;
    Ok(Index { recent, db, layers, directory: directory.to_owned(), options, is_damaged: AtomicBool::new(false) })
}

/// Where an index goes that is not believed, until there is another.
fn set_aside_from(directory: &Path) -> PathBuf {
    directory.with_extension("set-aside")
}

/// Sets sled aside, and keeps the bases.
fn begin_anew(
    directory: &Path,
    set_aside: &Path,
    options: IndexOptions,
    layers: Layers,
) -> Result<Index, OpenIndexError> {
    set_everything_aside(directory, set_aside)?;
    layers.move_files(set_aside, directory)?;
    begin_sled(directory, options, layers)
}

fn set_everything_aside(directory: &Path, set_aside: &Path) -> io::Result<()> {
    remove(set_aside)?;
    if directory.exists() {
        fs::rename(directory, set_aside)?;
    }
    fs::create_dir_all(directory)
}

fn begin_sled(directory: &Path, options: IndexOptions, layers: Layers) -> Result<Index, OpenIndexError> {
    trust::note_open(directory)?;
    let db = open_sled(directory, options).map_err(IndexError::Sled)?;
    let index = index_of(db, directory, options, layers)?;
    index.note_format()?;
    Ok(index)
}

/// sled's threads may hold its files for a moment after it was closed. Nobody else does: the data directory is locked.
pub(in crate::store) fn open_sled(directory: &Path, options: IndexOptions) -> Result<sled::Db, sled::Error> {
    let open = || sled::Config::new().path(directory).cache_capacity(options.cache_bytes).open();
    let is_held = |error: &sled::Error| matches!(error, sled::Error::Io(io) if io.to_string().contains("acquire lock"));
    let deadline = Instant::now() + HELD_FOR;
    loop {
        match open() {
            Err(error) if is_held(&error) && Instant::now() < deadline => thread::sleep(HELD_STEP),
            opened => return opened,
        }
    }
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
