//! The reasons why the store does not open, or is not closed cleanly.

use super::data_dir::DataDirError;
use super::index::OpenIndexError;
use super::log::postgresql::ConnectError;
use super::log::{OpenLogError, ReadError, UpgradeError};
use super::redaction::RedactionError;

/// The reasons why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is unusable for this process or this version of the program.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log is damaged or unreadable.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// The index proves that records were lost, or it cannot be created.
    #[error(transparent)]
    Index(#[from] OpenIndexError),
    /// The log is of format 1 and could not be rewritten.
    #[error("the log is in format 1 and could not be rewritten in the current format")]
    Upgrade(#[from] UpgradeError),
    /// It could not be found out whether the log has a record of a redaction that is not complete, or it could not be
    /// completed.
    #[error("redactions on record could not be looked for, or not be completed: start again, or run the command again")]
    Redaction(#[from] RedactionError),
    /// The database of the shared log is not the right one, or is set up wrongly.
    #[error(transparent)]
    SharedLog(#[from] ConnectError),
}

impl OpenError {
    /// True if acknowledged records were lost. The operator must restore a backup or accept the loss.
    pub fn is_a_loss(&self) -> bool {
        matches!(
            self,
            OpenError::Log(OpenLogError::Damaged(_) | OpenLogError::LostRecords { .. })
                | OpenError::Upgrade(UpgradeError::Open(OpenLogError::Damaged(_) | OpenLogError::LostRecords { .. }))
                | OpenError::Index(OpenIndexError::LostRecords { .. } | OpenIndexError::Log(ReadError::Damaged(_)))
        )
    }
}

/// The store was not closed cleanly. Nothing is lost: the next start rebuilds the index.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// A reader still uses the index.
    #[error("the index is still being read")]
    StillRead,
    /// The index failed, or could not be made durable.
    #[error("the index could not be made durable")]
    Index(#[source] OpenIndexError),
}
