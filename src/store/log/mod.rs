//! The log: the truth. Every record, in order, durable before it is acknowledged.
//!
//! What it promises: revisions are gap-free from 1; what [`Log::append`] has returned survives a power cut; a batch is
//! kept whole or not at all; no bad byte is ever taken for a record; every batch names the history that it builds on, by
//! its chain. The traits are small, so that a database that
//! people already run can be the log: appending at an expected head is a compare-and-swap.

mod file_log;
pub(in crate::store) mod frame;
mod high_water_mark;
pub(in crate::store) mod offline_reader;
mod open;
mod reader;
mod segment;
pub(in crate::store) mod upgrade;

use std::io;
use std::sync::Arc;

use super::record::Tip;
use crate::domain::id::Revision;

pub use file_log::{FileLog, LogOptions};
pub use frame::Form;
pub use high_water_mark::published_head;
pub use offline_reader::OfflineLog;
pub use open::OpenLogError;
pub(in crate::store) use open::holds_no_record;

/// Records as the log keeps them, in order. After an error there is nothing more.
pub type Records = Box<dyn Iterator<Item = Result<(Revision, Vec<u8>), ReadError>> + Send>;

/// The writing end. There is one.
pub trait Log: Send {
    /// The last record, and the chain up to it.
    fn tip(&self) -> Tip;

    /// Makes a batch of encoded records durable as one, right after the tip `after`, and gives the new tip.
    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Tip, AppendError>;

    /// Whether there is room for more.
    fn has_room(&self) -> bool;

    /// A reading end, for any thread, while this one goes on.
    fn reader(&self) -> Arc<dyn ReadLog>;

    /// Makes durable what is kept beside the records. Nothing is lost without it, but less of a loss can be proved.
    fn close(&mut self);
}

/// A reading end. Reading never waits for writing.
pub trait ReadLog: Send + Sync {
    /// The last record that is durable.
    fn head(&self) -> Revision;

    /// The records from `from` to `to`, both included, as far as there are any.
    fn read(&self, from: Revision, to: Revision) -> Records;

    /// The records that nothing is written beside any more, read from the medium again as far as that is possible.
    fn reread(&self) -> Records {
        self.read(Revision(1), self.head())
    }
}

/// Nothing was appended, or nobody can say whether something was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another head than expected: whoever decided the batch did not know every record. Decide again.
    #[error("the log's head is {head}, not {expected}")]
    HeadMoved {
        /// The head it was decided on.
        expected: Revision,
        /// The head there is.
        head: Revision,
    },
    /// The same head with another history before it: whoever decided the batch did so on other records. Nothing was
    /// appended, and nothing ever can be: end the process.
    #[error("the log holds another history up to revision {at} than the batch was decided on")]
    Diverged {
        /// The head of both.
        at: Revision,
    },
    /// What is to be appended is no record in its stored form; nothing was appended.
    #[error("the batch holds something that is no record: {0}")]
    NotARecord(&'static str),
    /// There is too little room; nothing was appended. Try again when there is more.
    #[error("the disk is too full to append to the log")]
    DiskFull,
    /// The disk refused; nothing was appended, and the log is as before. Try again.
    #[error("nothing could be written to the log")]
    NotWritten(#[source] io::Error),
    /// The batch is larger than a frame can be; nothing was appended. Split it.
    #[error("the batch is larger than a frame of the log can be")]
    TooLarge,
    /// A sync failed. The batch may or may not survive a restart, and nothing more may be appended: end the process.
    #[error("it is not known whether the last batch is durable")]
    OutcomeUnknown(#[source] io::Error),
}

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are there and wrong. Only a restore helps.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk refused.
    #[error("log segment {segment} could not be read")]
    Disk {
        /// The file in the log's directory.
        segment: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// Data loss: where the log is corrupted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log segment {segment} is damaged at byte {offset}: {reason}")]
pub struct Damage {
    /// The file in the log's directory.
    pub segment: String,
    /// Where its first bad frame begins.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests;
