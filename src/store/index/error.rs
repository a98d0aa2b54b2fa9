//! The errors of the index.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::id::Revision;
use crate::store::log::ReadError;
use crate::store::record::Undecodable;

/// The index cannot answer or accept records. Except for [`IndexError::OutOfOrder`]: end the process; the next start
/// rebuilds the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// sled returned an error.
    #[error("the index could not be read or written")]
    Sled(#[source] sled::Error),
    /// sled panicked.
    #[error("sled panicked")]
    Broken,
    /// An I/O operation failed.
    #[error("the index could not be read or written")]
    Disk(#[source] io::Error),
    /// The index failed earlier, for this reason.
    #[error(transparent)]
    Failed(Arc<IndexError>),
    /// The index is corrupted.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
    /// The index contains a fact that cannot be decoded.
    #[error("the index is damaged")]
    Undecodable(#[from] Undecodable),
    /// The record is not the next one.
    #[error("the index contains records up to {applied}, and {offered} is not the next one")]
    OutOfOrder {
        /// The last record in the index.
        applied: Revision,
        /// The record that was to be added.
        offered: Revision,
    },
}

impl IndexError {
    /// True if the bases can no longer be trusted. An error because the disk is full or read-only does not mean that.
    pub(in crate::store) fn is_base_damage(&self) -> bool {
        match self {
            IndexError::Damaged(_) | IndexError::Undecodable(_) => true,
            IndexError::Disk(error) => !is_write_refusal(error),
            IndexError::Failed(first) => first.is_base_damage(),
            IndexError::Sled(_) | IndexError::Broken | IndexError::OutOfOrder { .. } => false,
        }
    }

    /// True if the disk was full.
    pub(super) fn is_disk_full(&self) -> bool {
        match self {
            IndexError::Disk(error) | IndexError::Sled(sled::Error::Io(error)) => is_full(error),
            IndexError::Failed(first) => first.is_disk_full(),
            _ => false,
        }
    }
}

/// True if the disk or the quota is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// True if the disk accepts no writes but may still be readable.
fn is_write_refusal(error: &io::Error) -> bool {
    is_full(error) || error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

/// The reasons why the index does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenIndexError {
    /// The log has lost acknowledged records. The operator must restore a backup.
    #[error(
        "records were lost: the index contains records up to {applied}, but the log ends with {head}: restore the \
         registry from a backup"
    )]
    LostRecords {
        /// The last record in the index.
        applied: Revision,
        /// The last record in the log.
        head: Revision,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log contains a record that this version of the program cannot decode.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// A new index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An I/O operation failed.
    #[error("the files of the index could not be prepared")]
    Disk(#[from] io::Error),
    /// The disk has too little space for the index.
    #[error("the index cannot be built: {} needs about {needs_mib} MiB of free space", directory.display())]
    NoSpace {
        /// The index's directory.
        directory: PathBuf,
        /// The free space that is needed.
        needs_mib: u64,
        /// The cause.
        source: Box<OpenIndexError>,
    },
}

impl OpenIndexError {
    /// True if an index rebuilt from the log may open.
    pub(super) fn is_base_damage(&self) -> bool {
        match self {
            OpenIndexError::Index(error) => error.is_base_damage(),
            OpenIndexError::Disk(error) => !is_write_refusal(error),
            OpenIndexError::LostRecords { .. }
            | OpenIndexError::Log(_)
            | OpenIndexError::Undecodable(_)
            | OpenIndexError::NoSpace { .. } => false,
        }
    }

    /// True if the disk was full.
    pub(super) fn is_disk_full(&self) -> bool {
        match self {
            OpenIndexError::Index(error) => error.is_disk_full(),
            OpenIndexError::Disk(error) => is_full(error),
            _ => false,
        }
    }
}
