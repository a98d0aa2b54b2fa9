//! Backups: a copy of the log and the keys with a manifest of digests, and the restore from it.
//!
//! A backup can be taken while the registry runs and writes. The log only grows, so the part up to its published head
//! does not change. The source is never modified, except for a note of the last backup (`note.rs`). The index is not
//! copied: it is rebuilt from the log.
//!
//! A restored registry continues from the end of the backup, but clients may remember answers that were based on later
//! records. So every restore begins a new epoch.

mod accept_loss;
mod accept_shared_loss;
mod apart;
mod archive;
mod earlier_format;
mod manifest;
mod note;
mod reading;
mod redacted;
mod restore;
mod rewrite;
#[cfg(feature = "encryption")]
mod sealed;
mod ship;
mod take;
mod unpack;
#[cfg(not(feature = "encryption"))]
mod unsealed;
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
pub use accept_shared_loss::{BegunEpoch, SharedLoss, SharedLossError};
pub use archive::{Archived, archive};
pub use manifest::{Listed, Manifest, ManifestError, Sha256Text};
pub use note::BackupNote;
pub use restore::{Restored, restore, restore_archives};
#[cfg(feature = "encryption")]
pub use sealed::{Identities, MAGIC, NotARecipient, Recipients};
pub use ship::Ship;
pub use take::{DataDirGuard, Taken, backup, log_of_data_dir};
pub use unpack::Archive;
#[cfg(not(feature = "encryption"))]
pub use unsealed::{Identities, MAGIC, NotARecipient, Recipients};
pub use verify::{VerifyError, log_of_backup, verify};

/// Where a restore cuts the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere: the whole history is kept.
    Nowhere,
    /// After this record, which is the last one that is kept.
    After(Revision),
    /// After the last record that was committed at or before this instant.
    At(Timestamp),
}

/// The reasons why a backup or restore failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory or a file cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log is damaged or unreadable.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log of a stopped registry ends before records that were acknowledged.
    #[error(
        "records were lost: the records up to {acknowledged} were acknowledged, but the log ends with {head}: restore \
         the registry from a backup; to keep what is left, copy the directory"
    )]
    LostRecords {
        /// The last record known to have been acknowledged.
        acknowledged: Revision,
        /// The last record in the log.
        head: Revision,
    },
    /// A record of the log cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The id of the registry cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The backup does not match its manifest.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The system returned no random bytes.
    #[error("cannot get random bytes from the system for the salts of records")]
    NoRandomness(#[source] io::Error),
    /// The log contains no record.
    #[error("the log contains no records yet")]
    NoRecords,
    /// No server has published how far the log is durable, since the registry was created or restored.
    #[error("no server has published the head of this registry yet: start one, and try again once it is ready")]
    NoPublishedHead,
    /// The target directory contains something else.
    #[error("{} is not empty and contains no backup: name another directory", .0.display())]
    TargetTaken(PathBuf),
    /// The target contains a backup that is not an earlier one of this registry.
    #[error(
        "{} contains a backup of another registry, or of an abandoned history: name another directory",
        .0.display()
    )]
    OtherHistory(PathBuf),
    /// Another process writes to the target: two backups at a time, or a log that is shipped there.
    #[error("{holder} is writing to the backup {}: wait until it has ended, or name another directory", target.display())]
    TargetInUse {
        /// The target.
        target: PathBuf,
        /// The process, with its id if that is known.
        holder: String,
    },
    /// The backup and the data directory overlap, so they could be lost together.
    #[error(
        "the backup {} and the data directory {} are the same, or one is inside the other: name separate directories",
        backup.display(),
        data_dir.display()
    )]
    NotApart {
        /// The backup.
        backup: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The backup does not contain the revision to cut after.
    #[error("the backup contains records 1 to {head}, and revision {asked} is not one of them")]
    NoSuchRevision {
        /// The requested revision.
        asked: Revision,
        /// The last revision in the backup.
        head: Revision,
    },
    /// A redaction is on record, and the log still has what it removes.
    #[error("a redaction is under way: try again once it is complete (the next start of the registry completes it)")]
    RedactionPending,
    /// The log has a redaction that the copy does not have.
    #[error("what is personal about somebody was redacted: the copy must begin again")]
    RedactedSince,
    /// The archive cannot be written, or its reader has gone.
    #[error("the archive could not be written")]
    Output(#[source] io::Error),
    /// The archive cannot be read, or is no archive, or its files cannot be written.
    #[error("{name} could not be unpacked")]
    Archive {
        /// The name of the archive.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// The archive has an entry that no backup has.
    #[error("{name} contains {entry}, which is not a part of a backup")]
    ForeignEntry {
        /// The name of the archive.
        name: String,
        /// The path of the entry.
        entry: String,
    },
    /// The archive is truncated.
    #[error("{0} has no MANIFEST at its end: it is incomplete")]
    Incomplete(String),
    /// The archive lacks a file that the caller already had when it was taken.
    #[error("{0} is in none of the archives: name the earlier archive that has it, too, before this one")]
    NeedsEarlier(String),
    /// Every record is later than the requested time.
    #[error("every record of the backup is later than that time")]
    AllLater,
}

impl BackupError {
    /// True if the given directories cannot be used together or for this purpose.
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

/// Returns a function that wraps the I/O error of an operation on a file.
fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| data_dir::disk(doing, &path)(source).into()
}

#[cfg(test)]
mod tests;
