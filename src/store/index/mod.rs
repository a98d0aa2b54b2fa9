//! The index: the log folded into sled, where it can be asked.
//!
//! What it promises: it holds the records up to [`View::applied`], each whole or not at all, and nothing else. What it
//! does not: to survive. sled 0.34 never makes its files durable by itself, and can fail to open them; so the index is
//! believed only after a clean close or under the same kernel, and in any other case is set aside and folded again.

mod compare;
mod keys;
mod pending;
pub(super) mod trust;
mod view;

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sled::IVec;

use super::log::{ReadError, ReadLog};
use super::record::{Undecodable, decode};
use crate::domain::id::Revision;

pub use compare::{Difference, HowDifferent};
pub use pending::Pending;
pub use view::{Answered, View, Visit, VisitFile};

/// How many records are folded at once when the log is ahead.
const FOLD_AT_ONCE: u64 = 1024;

/// The index cannot answer or take records.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// sled refused. End the process: the index is opened or folded again at the next start.
    #[error("the index could not be read or written")]
    Sled(#[source] sled::Error),
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

/// The log folded into sled. Readers share it while the writer folds.
pub struct Index {
    db: sled::Db,
    directory: PathBuf,
}

impl Index {
    /// Opens the index and folds what the log has beyond it, all of it if the index cannot be believed.
    pub fn open(
        directory: &Path,
        cache_bytes: u64,
        log: &dyn ReadLog,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Index, OpenIndexError> {
        let set_aside = directory.with_extension("set-aside");
        let believed = trust::is_trusted(directory).then(|| open_believed(directory, cache_bytes)).flatten();
        let from_the_beginning = believed.is_none();
        let index = match believed {
            Some(index) => index,
            None => begin_anew(directory, &set_aside, cache_bytes)?,
        };
        let (applied, head) = (index.applied()?, log.head());
        if applied > head {
            // The proof must outlast this kernel.
            index.close()?;
            return Err(OpenIndexError::LostRecords { applied, head });
        }
        index.catch_up(log, from_the_beginning, progress)?;
        remove(&set_aside)?;
        Ok(index)
    }

    /// A view that records can be laid on top of.
    pub fn pending(&self) -> Result<Pending<'_>, IndexError> {
        Pending::new(self)
    }

    /// Takes in what a view has on top, at once. The log must have it by then.
    pub fn fold(&self, pending: Pending<'_>) -> Result<(), IndexError> {
        self.db.apply_batch(pending.into_batch()).map_err(IndexError::Sled)
    }

    /// Closes the index so that the next start believes it.
    pub fn close(self) -> io::Result<()> {
        let Index { db, directory } = self;
        db.flush().map_err(io::Error::other)?;
        drop(db);
        trust::note_closed(&directory)
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
        self.db.get(key).map_err(IndexError::Sled)
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), IndexError> {
        for entry in self.db.scan_prefix(prefix) {
            let (key, value) = entry.map_err(IndexError::Sled)?;
            visit(&key, &value)?;
        }
        Ok(())
    }
}

/// The index that is there, if sled can open it and it has the form that this program writes.
fn open_believed(directory: &Path, cache_bytes: u64) -> Option<Index> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        trust::note_open(directory).ok()?;
        let index = open_sled(directory, cache_bytes).ok()?;
        let format = index.get(keys::FORMAT).ok()??;
        index.applied().ok()?;
        (*format == keys::VERSION.to_be_bytes()).then_some(index)
    }));
    opened.ok().flatten()
}

fn begin_anew(directory: &Path, set_aside: &Path, cache_bytes: u64) -> Result<Index, OpenIndexError> {
    remove(set_aside)?;
    if directory.exists() {
        fs::rename(directory, set_aside)?;
    }
    fs::create_dir_all(directory)?;
    trust::note_open(directory)?;
    let index = open_sled(directory, cache_bytes).map_err(IndexError::Sled)?;
    index.db.insert(keys::FORMAT, &keys::VERSION.to_be_bytes()).map_err(IndexError::Sled)?;
    Ok(index)
}

fn open_sled(directory: &Path, cache_bytes: u64) -> Result<Index, sled::Error> {
    let db = sled::Config::new().path(directory).cache_capacity(cache_bytes).open()?;
    Ok(Index { db, directory: directory.to_owned() })
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
