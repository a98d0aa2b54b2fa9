//! Rebuilds an existing index from the log, and removes the hash tree.

use std::io;
use std::path::Path;

use super::data_dir::{DataDirError, remove};
use super::engine::log_engine;
use super::first_record::open_with_log;
use super::index::clean_shutdown;
use super::progress::{OnStep, Step, Unit};
use super::{CloseError, OpenError, Store, StoreOptions, tree};
use crate::domain::id::Revision;

/// The reasons why the index was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The directory is in use, or contains no registry.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log is damaged, or the index proves that records were lost.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new index could not be made durable.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// An I/O operation failed.
    #[error("the old index or hash tree could not be moved away")]
    Disk(#[source] io::Error),
}

impl RebuildError {
    /// True if the given directory contains no registry, or a registry without its log.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            RebuildError::DataDir(refused) | RebuildError::Open(OpenError::DataDir(refused)) => {
                refused.is_wrong_place()
            }
            _ => false,
        }
    }
}

/// Rebuilds the index of a registry that no process is serving, and returns the last record. The hash tree is removed.
/// The old index is first
/// moved away and is removed last. Before that the store is opened once, which checks the old index: if it contains
/// records that the log has lost, it is kept.
pub fn rebuild(data_dir: &Path, options: &StoreOptions, on_step: &mut OnStep<'_>) -> Result<Revision, RebuildError> {
    let mut rebuilt = false;
    let mut report = |progress: super::index::Progress| {
        rebuilt |= progress.from_the_beginning;
        let (done, total) = (progress.folded.0, progress.head.0);
        on_step(Step { doing: "rebuilding the index", unit: Unit::Entries, done, total });
    };
    let store = Store::open(data_dir, options.clone(), &mut report)?;
    let head = store.head();
    // The server builds it again when it starts.
    remove(&data_dir.join(tree::DIRECTORY)).map_err(RebuildError::Disk)?;
    store.close()?;
    if !rebuilt {
        let directory = open_with_log(&*log_engine(data_dir, options.log.clone()), data_dir)?;
        clean_shutdown::invalidate(&directory.index()).map_err(RebuildError::Disk)?;
        drop(directory);
        let mut report = |progress: super::index::Progress| {
            let (done, total) = (progress.folded.0, progress.head.0);
            on_step(Step { doing: "rebuilding the index", unit: Unit::Entries, done, total });
        };
        Store::open(data_dir, options.clone(), &mut report)?.close()?;
    }
    Ok(head)
}
