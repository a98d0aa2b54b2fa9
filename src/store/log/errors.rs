//! What can go wrong with a log.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::replicated::statements::Ahead;
use crate::domain::id::Revision;
use crate::store::record::Undecodable;

/// The reasons why the log does not open. Its contents are unchanged.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// Records were lost. The operator must restore a backup.
    #[error("the log is corrupted: restore the registry from a backup")]
    Damaged(#[from] Damage),
    /// The log ends before records that were acknowledged. The operator must restore a backup.
    #[error(
        "records were lost: the records up to {published} were acknowledged, but the log ends with {head}, at byte \
         {offset} of segment {segment} ({found}): restore the registry from a backup"
    )]
    LostRecords {
        /// The last record known to have been acknowledged.
        published: Revision,
        /// The last record in the log.
        head: Revision,
        /// The segment file that ends too early.
        segment: String,
        /// The offset in bytes where its intact frames end.
        offset: u64,
        /// What follows the intact frames.
        found: &'static str,
    },
    /// An I/O operation failed.
    #[error("the log could not be opened")]
    Disk(#[from] io::Error),
}

/// The reasons why a batch was not appended, or why the outcome is unknown.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The head is not the expected one: the batch was decided without knowing every record. Decide again.
    #[error("the log's head is {head}, not {expected}")]
    HeadMoved {
        /// The head that the batch was decided on.
        expected: Revision,
        /// The actual head.
        head: Revision,
    },
    /// The head is the expected one, but the history before it is different: the batch was decided on other records.
    /// Nothing was appended, and retrying cannot help. End the process.
    #[error("the log up to revision {at} is not the history that the batch was decided on")]
    Diverged {
        /// The head of both histories.
        at: Revision,
    },
    /// The first record is dated at or before an instant that questions by time were answered for. Nothing was
    /// appended. Decide again, with a later date.
    #[error("questions by time were answered through {answered_through}, and a record is dated before")]
    NotBefore {
        /// The instant.
        answered_through: Timestamp,
    },
    /// The database that keeps the log cannot be reached, or refused. Nothing was appended. Retry.
    #[error("the shared log cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The database that keeps the log was started or restored, and some replicas have not yet compared it with what
    /// they know. Nothing was appended. Retry.
    #[error("the shared log waits for replicas that have not looked at it yet: {}", waiting_for.join(", "))]
    NotOpened {
        /// The replicas.
        waiting_for: Vec<String>,
    },
    /// The clock is ahead of the database's, so that a record would be dated too late. Nothing was appended.
    #[error("the clock is {} the clock of the shared log", Ahead(*by))]
    ClockSkewed {
        /// The difference.
        by: SignedDuration,
    },
    /// The clocks of this machine and of the database are too far apart for one of them to be right. Nothing was
    /// appended. Correct the one that is wrong.
    #[error("the clock of this machine is {} the clock of the shared log", Ahead(*ahead))]
    ClocksApart {
        /// How far this machine's clock is ahead; negative if it is behind.
        ahead: SignedDuration,
    },
    /// What the database acknowledges is not durable: no standby has it. Nothing that counts was appended.
    #[error("what the shared log acknowledges is not durable")]
    DurabilityReduced(#[source] Box<dyn Error + Send + Sync>),
    /// The shared log does not contain what this replica knows was acknowledged: the database was restored. Nothing was
    /// appended.
    #[error(
        "this replica knows the records up to {ours}, and the shared log, with head {head}, does not contain them: the \
         last record that both have is {last_shared}"
    )]
    Lost {
        /// The last record that the replica knows.
        ours: Revision,
        /// The head of the log. If it is not the last record that both have, the log has other records after that one.
        head: Revision,
        /// The last record that both have.
        last_shared: Revision,
    },
    /// The shared log continues in another epoch: the operator accepted a loss. Nothing was appended. End the process;
    /// a later one sets aside what its copy has beyond the loss.
    #[error("the shared log continues after revision {last_shared} in another epoch")]
    OtherEpoch {
        /// The last record that this replica shares with the log.
        last_shared: Revision,
    },
    /// The database has no row for this replica: it was forgotten, or it has not joined. Nothing was appended. End the
    /// process.
    #[error("this replica has not joined the shared log, or was forgotten")]
    Forgotten,
    /// Another process has the name of this replica, and was there before. Nothing was appended. End the process.
    #[error("another process has the name of this replica")]
    NotAlone,
    /// The database contains what its rules forbid. Nothing was appended, and retrying cannot help.
    #[error("the shared log is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The disk of this replica refused a record of the shared log, which the copy therefore lacks. Nothing was
    /// appended. Retry when the disk takes it.
    #[error("a record of the shared log was not written to the disk of this replica")]
    NotCopied(#[source] Box<AppendError>),
    /// The batch may or may not be in the shared log. Before anything else is appended, the log finds out.
    #[error("it is not known yet whether the last batch is in the shared log")]
    InDoubt,
    /// The batch contains something that is not an encoded record. Nothing was appended.
    #[error("the batch contains something that is not a record: {0}")]
    NotARecord(&'static str),
    /// The disk has too little space. Nothing was appended. Retry when there is more space.
    #[error("the disk is too full to append to the log")]
    DiskFull,
    /// An I/O operation failed. Nothing was appended, and the log is unchanged. Retry.
    #[error("nothing could be written to the log")]
    NotWritten(#[source] io::Error),
    /// The batch is larger than a frame can be. Nothing was appended. Split the batch.
    #[error("the batch is larger than a frame of the log can be")]
    TooLarge,
    /// A sync failed. The batch may or may not survive a restart, and nothing more can be appended. End the process.
    #[error("it is not known whether the last batch is durable")]
    OutcomeUnknown(#[source] io::Error),
}

/// The reasons why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are corrupted. The operator must restore a backup.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// An I/O operation failed.
    #[error("log segment {segment} could not be read")]
    Disk {
        /// The segment file.
        segment: String,
        /// The cause.
        source: io::Error,
    },
}

/// Data loss: the place where the log is corrupted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log segment {segment} is damaged at byte {offset}: {reason}")]
pub struct Damage {
    /// The segment file.
    pub segment: String,
    /// The offset in bytes of its first bad frame.
    pub offset: u64,
    /// What is wrong with the frame.
    pub reason: &'static str,
}

/// The reasons why the log was not rewritten, or not completely. The next start continues.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenLogError),
    /// A record cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// A record does not fit into the current form.
    #[error("a record could not be rewritten")]
    NotRewritten(#[from] AppendError),
    /// An I/O operation failed.
    #[error("the log could not be rewritten")]
    Disk(#[from] io::Error),
}

/// A stopped registry's log could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be {doing}", path.display())]
pub struct ChangeError {
    /// The file or directory.
    pub path: PathBuf,
    /// The operation, as a past participle.
    pub doing: &'static str,
    /// The cause.
    pub source: io::Error,
}

impl ChangeError {
    /// Returns a function that wraps the I/O error of an operation on a file.
    pub(super) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
        let path = path.to_owned();
        move |source| ChangeError { path, doing, source }
    }
}
