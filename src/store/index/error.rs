//! What can go wrong with the index.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::id::Revision;
use crate::store::log::ReadError;
use crate::store::record::Undecodable;

/// The index cannot answer or take records. Unless a record was offered out of order: end the process, and the next start
/// rebuilds the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// sled refused.
    #[error("the index could not be read or written")]
    Sled(#[source] sled::Error),
    /// sled panicked.
    #[error("the index broke off")]
    Broken,
    /// The disk refused.
    #[error("the index could not be read or written")]
    Disk(#[source] io::Error),
    /// It failed earlier, for this reason.
    #[error(transparent)]
    Failed(Arc<IndexError>),
    /// It is corrupted.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
    /// It holds a fact that cannot be read.
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

impl IndexError {
    /// Whether the bases are not to be believed any more. A disk that is full or read-only says nothing about them.
    pub(in crate::store) fn is_of_bases(&self) -> bool {
        match self {
            IndexError::Damaged(_) | IndexError::Undecodable(_) => true,
            IndexError::Disk(error) => !is_refusal(error),
            IndexError::Failed(first) => first.is_of_bases(),
            IndexError::Sled(_) | IndexError::Broken | IndexError::OutOfOrder { .. } => false,
        }
    }

    /// Whether the disk had no room.
    pub(super) fn is_of_room(&self) -> bool {
        match self {
            IndexError::Disk(error) | IndexError::Sled(sled::Error::Io(error)) => is_lacking(error),
            IndexError::Failed(first) => first.is_of_room(),
            _ => false,
        }
    }
}

/// Whether the disk refused for want of room.
pub(super) fn is_lacking(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether the disk takes nothing, and may well give what it has.
fn is_refusal(error: &io::Error) -> bool {
    is_lacking(error) || error.kind() == io::ErrorKind::ReadOnlyFilesystem
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
    /// The disk has no room for what has to be written.
    #[error("the index cannot be made: {} needs about {needs_mib} MiB of room", directory.display())]
    NoRoom {
        /// The index's directory.
        directory: PathBuf,
        /// How much.
        needs_mib: u64,
        /// What the disk said.
        source: Box<OpenIndexError>,
    },
}

impl OpenIndexError {
    /// Whether another index, made of the log alone, may open.
    pub(super) fn is_of_bases(&self) -> bool {
        match self {
            OpenIndexError::Index(error) => error.is_of_bases(),
            OpenIndexError::Disk(error) => !is_refusal(error),
            OpenIndexError::LostRecords { .. }
            | OpenIndexError::Log(_)
            | OpenIndexError::Undecodable(_)
            | OpenIndexError::NoRoom { .. } => false,
        }
    }

    /// Whether the disk had no room.
    pub(super) fn is_of_room(&self) -> bool {
        match self {
            OpenIndexError::Index(error) => error.is_of_room(),
            OpenIndexError::Disk(error) => is_lacking(error),
            _ => false,
        }
    }
}
