//! The store: a durable log, which is the truth, and an index folded from it, which is asked.
//!
//! A record counts once [`Store::commit`] has returned: its batch is one frame of the log, synced. The index follows and
//! may be deleted at any time; the next start folds it again. Readers share the index and read the log while the writer
//! goes on.
//!
//! `<data_dir>/LOCK`, `FORMAT`, `log/`, `index/`, `keys/`, `ANSWERED` are the files, `UNFINISHED` while they
//! are made, and `DAMAGED` where the scrub found damage.

pub mod backup;
pub mod check;
pub mod disk;
pub mod incident;
pub mod index;
pub mod log;
pub mod priority;
pub mod progress;
pub mod record;

mod answered;
mod damage_note;
mod data_dir;
mod engine;
mod first_record;
mod identity;
mod rebuild;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::domain::id::Revision;
use crate::domain::record::Record;

use answered::Answered;
pub use damage_note::DamageNote;
use data_dir::DataDir;
use data_dir::LAYOUT_VERSION;
pub use data_dir::{DataDirError, Key, Unfinished};
use engine::log_engine;
use first_record::open_with_log_to_upgrade;
pub use identity::{IdentityError, holds_registry, registry_id};
use index::{Index, IndexOptions, OpenIndexError, Progress};
use log::{AppendError, Log, LogEngine, LogOptions, OpenLogError, ReadError, ReadLog, UpgradeError};
pub use rebuild::{RebuildError, rebuild};
pub use record::Salts;
use record::Tip;

/// Which registry is opened. A new one needs an empty directory, or none, and is named for the command that makes it.
#[derive(Clone, Copy, Debug, Default)]
pub enum OpenMode {
    /// The one that is there.
    #[default]
    Existing,
    /// A new one.
    New(&'static str),
    /// The one that is there, or else a new one.
    ExistingOrNew(&'static str),
}

/// How the store uses the machine.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Which registry is opened.
    pub mode: OpenMode,
    /// The log's use of the disk.
    pub log: LogOptions,
    /// The index's use of the machine.
    pub index: IndexOptions,
    /// The key for digests of requests that a new registry is given; none: one that nobody can guess. It is for
    /// invented registries, which are to be the same every time.
    pub new_request_key: Option<Key>,
    /// Where the salts of records come from.
    pub salts: Salts,
    /// Whether a registry that has lost its key is given a new one.
    pub replaces_lost_key: bool,
}

/// The store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not for this process or this program.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log is damaged or unreachable.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// The index shows a loss, or cannot be made.
    #[error(transparent)]
    Index(#[from] OpenIndexError),
    /// The log is of format 1 and was not rewritten.
    #[error("the log is of format 1 and could not be rewritten in the format of this program")]
    Upgrade(#[from] UpgradeError),
}

impl OpenError {
    /// Whether records were lost that had been acknowledged: then an operator restores, or accepts the loss.
    pub fn is_a_loss(&self) -> bool {
        matches!(
            self,
            OpenError::Log(OpenLogError::Damaged(_) | OpenLogError::LostRecords { .. })
                | OpenError::Upgrade(UpgradeError::Open(OpenLogError::Damaged(_) | OpenLogError::LostRecords { .. }))
                | OpenError::Index(OpenIndexError::LostRecords { .. } | OpenIndexError::Log(ReadError::Damaged(_)))
        )
    }
}

/// The index will be folded again at the next start; nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Somebody still reads.
    #[error("the index is still being read")]
    StillRead,
    /// The index has failed, or could not be made durable.
    #[error("the index could not be made durable")]
    Index(#[source] OpenIndexError),
}

/// The writer's end of the log and the index.
pub struct Store {
    log: Box<dyn Log>,
    index: Arc<Index>,
    /// The last record that was decided on, or found at the start.
    tip: Tip,
    salts: Salts,
    request_key: Key,
    answered: Answered,
    /// It keeps other processes out until the store is closed.
    directory: DataDir,
    /// Of a new registry. Last, so that nothing of the store is open when it is removed.
    unfinished: Option<Unfinished>,
}

impl Store {
    /// Takes the data directory, makes sure of the log, and brings the index up to it. A new registry is removed again
    /// unless it is finished: see [`Store::finish`].
    pub fn open(
        directory: &Path,
        options: StoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Store, OpenError> {
        Store::open_with(&*log_engine(directory, options.log.clone()), directory, options, progress)
    }

    /// The same with the log where this engine keeps it. The other files are in the directory.
    pub fn open_with(
        engine: &dyn LogEngine,
        directory: &Path,
        options: StoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Store, OpenError> {
        let (directory, unfinished) = take(engine, directory, options.mode)?;
        let request_key = match directory.request_key() {
            Err(DataDirError::NoKey { .. }) if unfinished.is_some() || options.replaces_lost_key => {
                directory.make_request_key(options.new_request_key)?
            }
            found => found?,
        };
        if directory.format() < LAYOUT_VERSION {
            upgrade(engine, &directory, &options.salts)?;
        }
        let log = engine.open()?;
        let reader = log.reader();
        let index = Index::open(&directory.index(), options.index, &*reader, progress)?;
        let answered = Answered::read(directory.root());
        let (tip, salts) = (log.tip(), options.salts);
        Ok(Store { log, index: Arc::new(index), tip, salts, request_key, answered, directory, unfinished })
    }

    /// Makes a new registry one that opens again, durably. Does nothing for one that was there.
    pub fn finish(&mut self) -> Result<(), DataDirError> {
        self.take_unfinished().map_or(Ok(()), Unfinished::finish)
    }

    /// Hands over what finishes a new registry; none if it was there, or is finished.
    pub fn take_unfinished(&mut self) -> Option<Unfinished> {
        self.unfinished.take()
    }

    /// The last durable record.
    pub fn head(&self) -> Revision {
        self.tip.revision
    }

    /// The last durable record, and the chain up to it.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Makes consecutive records durable as one batch and gives the tip of each. Then [`Index::fold`] them.
    pub fn commit(&mut self, records: &[Record]) -> Result<Vec<Tip>, AppendError> {
        let Some(first) = records.first() else { return Ok(Vec::new()) };
        let sealed = |record: &Record| Ok(record::encode(record, &self.salts.salt(record.revision)?));
        let batch = records.iter().map(sealed).collect::<io::Result<Vec<_>>>().map_err(AppendError::NotWritten)?;
        let after = Tip { revision: first.revision.previous(), ..self.tip };
        let tips = self.log.append(&after, &batch)?;
        self.tip = tips.last().copied().unwrap_or(self.tip);
        Ok(tips)
    }

    /// Whether there is room for more records.
    pub fn has_room(&self) -> bool {
        self.log.has_room()
    }

    /// The index, to share with readers.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// A reading end of the log, for any thread.
    pub fn log_reader(&self) -> Arc<dyn ReadLog> {
        self.log.reader()
    }

    /// The key for digests of requests.
    pub fn request_key(&self) -> &Key {
        &self.request_key
    }

    /// What the scrub found before this start, and finds.
    pub fn damage_note(&self) -> DamageNote {
        DamageNote::of(self.directory.root())
    }

    /// The instant at or before which no record may be dated: questions by time were answered for it.
    pub fn answered_through(&self) -> jiff::Timestamp {
        self.answered.through()
    }

    /// Questions by time are about to be answered up to an instant: also the next start knows it when this returns.
    pub fn advance_answered(&mut self, instant: jiff::Timestamp) -> io::Result<()> {
        self.answered.advance(instant)
    }

    /// Closes the index so that the next start need not fold it again. Readers must have let go of it.
    pub fn close(mut self) -> Result<(), CloseError> {
        self.log.close();
        if let Err(error) = self.answered.close() {
            // What is kept is a little ahead then.
            tracing::warn!(
                event = "answered_time_not_exact",
                error = &error as &dyn std::error::Error,
                "the last answered time was not stored exactly: the stored one is slightly ahead"
            );
        }
        let index = Arc::into_inner(self.index).ok_or(CloseError::StillRead)?;
        index.close().map_err(CloseError::Index)
    }
}

/// Rewrites the log of a directory of format 1, once. The index stays: the records are the same. The new format is
/// written last; what a kill leaves is rewritten from there on.
fn upgrade(engine: &dyn LogEngine, directory: &DataDir, salts: &Salts) -> Result<(), OpenError> {
    tracing::info!(event = "log_upgrade_started", "the log is of format 1: rewriting it once");
    engine.upgrade(&mut |revision, bytes| {
        let record = record::decode(revision, bytes)?;
        Ok(record::encode(&record, &salts.salt(revision)?))
    })?;
    directory.write_current_format()?;
    tracing::info!(event = "log_upgraded", "the log was rewritten in format 2");
    Ok(())
}

fn take(engine: &dyn LogEngine, root: &Path, mode: OpenMode) -> Result<(DataDir, Option<Unfinished>), DataDirError> {
    let begin = |by| DataDir::begin(root, by).map(|(directory, unfinished)| (directory, Some(unfinished)));
    match mode {
        OpenMode::Existing => Ok((open_with_log_to_upgrade(engine, root)?, None)),
        OpenMode::New(by) => begin(by),
        OpenMode::ExistingOrNew(by) => match open_with_log_to_upgrade(engine, root) {
            Err(none) if none.is_no_registry() => begin(by),
            opened => Ok((opened?, None)),
        },
    }
}

#[cfg(test)]
mod tests;
