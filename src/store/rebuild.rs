//! Folding the log again, in place of an index that is there.

use std::io;
use std::path::Path;

use super::data_dir::DataDirError;
use super::engine::log_engine;
use super::first_record::open_with_log;
use super::index::clean_shutdown;
use super::progress::{OnStep, Step, Unit};
use super::{CloseError, OpenError, Store, StoreOptions};
use crate::domain::id::Revision;

/// The index was not made anew.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The directory is in use, or not one of a registry.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log or the index shows a loss or damage.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new index could not be made durable.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The disk refused.
    #[error("the old index could not be set aside")]
    Disk(#[source] io::Error),
}

impl RebuildError {
    /// Whether the directory that was named holds no registry, or none with its log.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            RebuildError::DataDir(refused) | RebuildError::Open(OpenError::DataDir(refused)) => {
                refused.is_wrong_place()
            }
            _ => false,
        }
    }
}

/// Folds the log of a registry that nobody serves again, and gives the last record. The old index is set aside first and
/// removed last. It is looked at once more before that: if it knows of records that the log has lost, it stays.
pub fn rebuild(data_dir: &Path, options: &StoreOptions, on_step: &mut OnStep<'_>) -> Result<Revision, RebuildError> {
    let mut folded_again = false;
    let mut tell = |progress: super::index::Progress| {
        folded_again |= progress.from_the_beginning;
        let (done, total) = (progress.folded.0, progress.head.0);
        on_step(Step { doing: "folding the log", unit: Unit::Entries, done, total });
    };
    let store = Store::open(data_dir, options.clone(), &mut tell)?;
    let head = store.head();
    store.close()?;
    if !folded_again {
        let directory = open_with_log(&*log_engine(data_dir, options.log.clone()), data_dir)?;
        clean_shutdown::distrust(&directory.index()).map_err(RebuildError::Disk)?;
        drop(directory);
        let mut tell = |progress: super::index::Progress| {
            let (done, total) = (progress.folded.0, progress.head.0);
            on_step(Step { doing: "folding the log", unit: Unit::Entries, done, total });
        };
        Store::open(data_dir, options.clone(), &mut tell)?.close()?;
    }
    Ok(head)
}
