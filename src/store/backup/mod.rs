//! Backups: a copy of the log and the keys with a manifest of digests, and back into a data directory.
//!
//! A backup is taken while the registry runs and writes: the log only grows, so whatever lies before its published head
//! stays as it is. Nothing of the source is ever touched. The index is not copied; it is folded again from the log.
//!
//! A restored registry goes on from where the backup ends, and others may remember answers from beyond it. So a restore
//! begins a new epoch, always.

mod accept_loss;
mod apart;
mod earlier_format;
mod manifest;
mod restore;
mod rewrite;
mod take;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::data_dir::{self, DataDirError};
use super::identity::IdentityError;
use super::log::{ChangeError, Damage, ReadError};
use super::record::Undecodable;
use crate::domain::id::Revision;

pub use accept_loss::{Accepted, LossError, accept_loss};
pub use manifest::{Listed, Manifest, ManifestError};
pub use restore::{Restored, restore};
pub use take::{Taken, backup, log_of_data_dir};
pub use verify::{VerifyError, log_of_backup, verify};

/// Where a history is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere: all of it is kept.
    Nowhere,
    /// After this record, the last to be kept.
    After(Revision),
    /// After the last record that was committed at or before this instant.
    At(Timestamp),
}

/// A backup or a restore was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory or a file cannot be used so.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log that is read is damaged, or cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A record of it cannot be understood.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The id of the registry cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The backup is not what its manifest says.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the salts of records")]
    NoRandomness(#[source] io::Error),
    /// There is nothing to copy.
    #[error("the log holds no record yet")]
    NoRecords,
    /// A running registry does not say how far its log is durable.
    #[error("the registry that runs on the data directory has not published its head: try again once it serves")]
    NoPublishedHead,
    /// Something else is where the backup should go.
    #[error("{} is not empty and holds no backup: name another directory", .0.display())]
    TargetTaken(PathBuf),
    /// The backup that is there is not an earlier one of this registry.
    #[error("{} holds a backup of another registry, or of a history that was left: name another directory", .0.display())]
    OtherHistory(PathBuf),
    /// A copy in the directory that it is a copy of is lost with it.
    #[error(
        "the backup {} and the data directory {} are one directory, or one lies in the other: name directories apart from \
         each other",
        backup.display(),
        data_dir.display()
    )]
    NotApart {
        /// The backup.
        backup: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// There is no such revision to cut after.
    #[error("the backup holds the records 1 to {head}, and revision {asked} is not one of them")]
    NoSuchRevision {
        /// The revision asked for.
        asked: Revision,
        /// The last one there is.
        head: Revision,
    },
    /// Every record is later.
    #[error("every record of the backup is later than that time")]
    AllLater,
}

impl BackupError {
    /// Whether the directories named cannot be used so, whatever they hold.
    pub fn is_usage(&self) -> bool {
        match self {
            BackupError::DataDir(refused) => refused.is_wrong_place(),
            refused => matches!(refused, BackupError::NotApart { .. }),
        }
    }
}

impl From<ChangeError> for BackupError {
    fn from(ChangeError { path, doing, source }: ChangeError) -> BackupError {
        disk(doing, &path)(source)
    }
}

impl From<Damage> for BackupError {
    fn from(damage: Damage) -> BackupError {
        BackupError::Log(damage.into())
    }
}

/// The failure of an operation on a file.
fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| data_dir::disk(doing, &path)(source).into()
}

#[cfg(test)]
mod tests;
