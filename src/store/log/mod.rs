//! The log: the truth. Every record, in order, durable before it is acknowledged.
//!
//! What it promises: revisions are gap-free from 1; what [`Log::append`] has returned survives a power cut; a batch is
//! kept whole or not at all; no bad byte is ever taken for a record; every batch names the history that it builds on, by
//! its chain.
//!
//! An engine is where the log is kept: files, today. A second one is a folder here that implements the traits of this
//! file, runs the suite in `conformance`, and is named in `store::engine`. A batch is a `frame` in every engine.

#[cfg(test)]
mod conformance;
mod file;
pub(in crate::store) mod frame;
#[cfg(test)]
mod memory;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{Hash, Tip, Undecodable};
use crate::domain::id::Revision;

pub use file::{FileEngine, FileLog, LogOptions};
pub(in crate::store) use file::{SegmentDraft, segment_name};
pub use frame::{Form, WholeFrame};

/// Records as the log keeps them, in order. After an error there is nothing more.
pub type Records = Box<dyn Iterator<Item = Result<(Revision, Vec<u8>), ReadError>> + Send>;

/// Gives the bytes of a record in the form of this program.
pub type Convert<'a> = dyn FnMut(Revision, &[u8]) -> Result<Vec<u8>, UpgradeError> + 'a;

/// Where a registry keeps its log: what is done before a process writes to it, and while none does.
pub trait LogEngine: Send + Sync {
    /// Opens the log to write to it. Makes sure first that every record of it is durable. Begins a log where there is none.
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError>;

    /// Whether the log holds no record, or there is none. Touches nothing.
    fn holds_no_record(&self) -> io::Result<bool>;

    /// The last record that is known to have been acknowledged. Another process may be writing to the log.
    fn published_head(&self) -> io::Result<Option<Revision>>;

    /// Rewrites every batch that is in an earlier form, once. The next call goes on where one was cut off.
    fn upgrade(&self, convert: &mut Convert<'_>) -> Result<(), UpgradeError>;

    /// The log as it lies there, to be read in place.
    fn offline(&self, extent: Extent) -> Result<Box<dyn OfflineLog>, ReadError>;

    /// Fills a log that does not exist yet.
    fn fill(&self) -> Result<Box<dyn LogDraft>, ChangeError>;

    /// Prepares another end for a log that has lost records: a frame, right after a revision that ends a batch. Changes
    /// nothing yet.
    fn prepare_end(&self, after: Revision, frame: &[u8]) -> Result<Box<dyn PreparedEnd>, ChangeError>;

    /// Forgets which records were acknowledged: what was lost is given up. It is kept in the directory `set_aside`.
    fn withdraw_published_head(&self, set_aside: &Path) -> Result<(), ChangeError>;
}

/// How much of a log is read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it, up to a torn end, if it has one.
    Whole,
    /// Up to a revision that ends a batch, whoever writes behind it.
    UpTo(Revision),
    /// Every byte, whatever it is. The head is not known.
    Everything,
}

/// The writing end. There is one.
pub trait Log: Send {
    /// The last record, and the chain up to it.
    fn tip(&self) -> Tip;

    /// Makes a batch of encoded records durable as one, right after the tip `after`, and gives the tip of each record.
    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError>;

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

    /// The chain up to a revision; none beyond the head.
    fn chain_at(&self, revision: Revision) -> Result<Option<Hash>, ReadError> {
        if revision == Tip::ORIGIN.revision {
            return Ok(Some(Tip::ORIGIN.chain));
        }
        if revision > self.head() { Ok(None) } else { self.chain_of(revision).map(Some) }
    }

    /// The chain up to a record that there is.
    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError>;
}

/// A log that this process does not write to: a backup, one that nobody serves, or the published part of one that is
/// served. It is read in place, every byte checked, and nothing is repaired.
pub trait OfflineLog: ReadLog {
    /// Its parts, in order: the files that a backup of it has.
    fn parts(&self) -> &[Part];

    /// The batches of a part. The first has to build on this chain, where that is known.
    fn batches(&self, part: &Part, chain: Option<Hash>) -> Result<Box<dyn Batches>, ReadError>;

    /// How long it is, in bytes.
    fn bytes(&self) -> u64 {
        self.parts().iter().map(|part| part.bytes).sum()
    }
}

/// A part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first revision.
    pub first: Revision,
    /// Where its last frame ends, in bytes.
    pub bytes: u64,
}

/// The batches of a part, one after another.
pub trait Batches {
    /// The next one; none at the end, or where there is nothing but room for more. After damage it fails again.
    fn read(&mut self) -> Result<Option<WholeFrame<'_>>, ReadError>;

    /// The revision after the last batch read.
    fn next(&self) -> Revision;

    /// The chain up to the last batch read, where it is known.
    fn chain(&self) -> Option<Hash>;

    /// Where the next batch begins, in bytes.
    fn offset(&self) -> u64;

    /// Damage where the next batch should begin.
    fn damaged(&self, reason: &'static str) -> Damage;

    /// Whether what could not be read is a write cut short.
    fn ends_torn(&self) -> Result<bool, ReadError>;
}

/// A log in the making. Nothing of it counts before it is finished.
pub trait LogDraft {
    /// A part begins here, as in the log that is copied.
    fn begin_part(&mut self, first: Revision) -> Result<(), ChangeError>;

    /// Takes a frame that follows the last one.
    fn write(&mut self, frame: &[u8]) -> Result<(), ChangeError>;

    /// Makes all of it durable.
    fn finish(self: Box<Self>) -> Result<(), ChangeError>;
}

/// Another end of a log, which waits to take the place of the one that it has.
pub trait PreparedEnd {
    /// Puts it in place. What lay behind the revision that it follows is kept in the directory `set_aside`, which exists.
    /// At every moment the log either is damaged, as it was, or ends with the new frame.
    fn put_in_place(self: Box<Self>, set_aside: &Path) -> Result<(), ChangeError>;
}

/// The log does not open. Nothing that it holds was touched.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// Records were lost. Only a restore helps.
    #[error("the log is corrupted: restore the registry from a backup")]
    Damaged(#[from] Damage),
    /// The log ends before records that were acknowledged. Only a restore helps.
    #[error(
        "the records up to {published} were acknowledged and the log ends with {head}, at byte {offset} of segment \
         {segment} ({found}): restore the registry from a backup"
    )]
    LostRecords {
        /// The last record known to have been acknowledged.
        published: Revision,
        /// The last one in the log.
        head: Revision,
        /// The file in the log's directory that ends too early.
        segment: String,
        /// Where its whole frames end.
        offset: u64,
        /// What is there.
        found: &'static str,
    },
    /// The disk refused.
    #[error("the log could not be opened")]
    Disk(#[from] io::Error),
}

/// Nothing was appended, or nobody can say whether something was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another head than expected: the batch was decided without knowing every record. Decide again.
    #[error("the log's head is {head}, not {expected}")]
    HeadMoved {
        /// The head it was decided on.
        expected: Revision,
        /// The head there is.
        head: Revision,
    },
    /// The same head with another history before it: the batch was decided on other records. Nothing was appended, and
    /// nothing ever can be: end the process.
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

/// The log was not rewritten in the form of this program, or not to the end: the next start goes on.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenLogError),
    /// A record cannot be understood.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// A record does not fit into the current form.
    #[error("a record could not be rewritten")]
    NotRewritten(#[from] AppendError),
    /// The disk refused.
    #[error("the log could not be rewritten")]
    Disk(#[from] io::Error),
}

/// A log that nobody writes to could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be {doing}", path.display())]
pub struct ChangeError {
    /// The file or directory.
    pub path: PathBuf,
    /// What was attempted.
    pub doing: &'static str,
    /// What the disk said.
    pub source: io::Error,
}

impl ChangeError {
    /// The failure of an operation on a file.
    fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
        let path = path.to_owned();
        move |source| ChangeError { path, doing, source }
    }
}
