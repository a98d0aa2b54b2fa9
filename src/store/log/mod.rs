//! The log: the source of truth. It contains every record, in order, and each is durable before it is acknowledged.
//!
//! It guarantees that
//! * revisions have no gaps and begin with 1;
//! * a batch survives a power failure once [`Log::append`] has returned;
//! * a batch is stored completely or not at all;
//! * corrupted bytes are never read as a record;
//! * every batch names the history that it builds on, by its chain.
//!
//! An engine stores a log. `file` uses files; [`postgresql`] uses a database that several processes share, and
//! [`replicated`] is the part of it that would be the same for any database. To add another engine, implement the
//! traits of this file in a new folder here, run the suite in `conformance` for it, and select it in `store::engine`.
//! Every engine stores a batch as a `frame`.

#[cfg(test)]
mod conformance;
mod errors;
mod file;
pub(in crate::store) mod frame;
#[cfg(test)]
pub(crate) mod memory;
pub mod postgresql;
pub mod replicated;
pub mod status;
pub mod trouble;

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::record::{self, Hash, Tip};
use crate::domain::id::Revision;

pub use errors::{AppendError, ChangeError, Damage, OpenLogError, ReadError, UpgradeError};
pub use file::{FileEngine, FileLog, LogOptions};
pub(in crate::store) use file::{SegmentDraft, redact_apart, segment_name};
pub use frame::{Form, WholeFrame};
use status::LogStatus;

/// Records in log order, as stored. After an error the iterator ends.
pub type Records = Box<dyn Iterator<Item = Result<(Revision, Vec<u8>), ReadError>> + Send>;

/// The digests of records in log order. After an error the iterator ends.
pub type Digests = Box<dyn Iterator<Item = Result<Hash, ReadError>> + Send>;

/// Wakes the reader that follows the log. It does not block.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// Converts the bytes of a record to the current form.
pub type Convert<'a> = dyn FnMut(Revision, &[u8]) -> Result<Vec<u8>, UpgradeError> + 'a;

/// Returns what takes the place of a record with the same digest. `None` if the record stays.
pub type Redact<'a, E = UpgradeError> = dyn FnMut(Revision, &[u8]) -> Result<Option<Vec<u8>>, E> + 'a;

/// Opens, reads and repairs the log of a registry.
pub trait LogEngine: Send + Sync {
    /// Opens the log for writing. Before it returns, every record in the log is durable. Creates a log if there is
    /// none.
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError>;

    /// True if the log contains no record or does not exist. Changes nothing.
    fn holds_no_record(&self) -> io::Result<bool>;

    /// The last record that is known to have been acknowledged. Another process may be writing to the log.
    fn published_head(&self) -> io::Result<Option<Revision>>;

    /// Rewrites every batch that is in an earlier form, once. If it was interrupted, the next call continues.
    fn upgrade(&self, convert: &mut Convert<'_>) -> Result<(), UpgradeError>;

    /// Replaces records by others with the same digests, durably, and so changes neither revisions nor the chain. If it
    /// was interrupted, the next call continues. The log must not be open.
    fn redact(&self, redact: &mut Redact<'_>) -> Result<(), UpgradeError>;

    /// Opens the log for reading in place.
    fn offline(&self, extent: Extent) -> Result<Box<dyn OfflineLog>, ReadError>;

    /// Starts to write a log that does not exist yet.
    fn new_draft(&self) -> Result<Box<dyn LogDraft>, ChangeError>;

    /// Prepares a replacement for the end of a log that has lost records: one frame, directly after a revision that
    /// ends a batch. Changes nothing yet.
    fn prepare_end(&self, after: Revision, frame: &[u8]) -> Result<Box<dyn PreparedEnd>, ChangeError>;

    /// Forgets which records were acknowledged, because the loss is accepted. The old value is moved to the directory
    /// `set_aside`.
    fn withdraw_published_head(&self, set_aside: &Path) -> Result<(), ChangeError>;
}

/// How much of a log is read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The whole log, without a torn end.
    Whole,
    /// Up to a revision that ends a batch. Another process may be appending after it.
    UpTo(Revision),
    /// Every byte, valid or not. The head is unknown.
    Everything,
}

/// The writer of the log in this process.
///
/// The writers of other processes may append to the same log, if its engine lets them. What they appended is read with
/// [`Log::follow`]; until then, this writer's tip stays where it is, and its appends are refused.
pub trait Log: Send {
    /// The last record that this writer appended or followed, and the chain up to it.
    fn tip(&self) -> Tip;

    /// Makes a batch of encoded records durable, atomically, directly after the tip `after`. Returns the tip of each
    /// record. If the log is locked, what others had staged is durable and followed then, too.
    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError>;

    /// True if other processes may append to the log.
    fn is_shared(&self) -> bool;

    /// Reads on: returns the next durable records that others appended, each with its tip, and moves the tip to the
    /// last of them. Returns some whole batches at a time, and nothing if there are none.
    fn follow(&mut self) -> Result<Vec<(Tip, Vec<u8>)>, AppendError>;

    /// Keeps other processes from appending, if they do so often, until this one has appended, confirmed or unlocked.
    /// `None` if they may go on. A batch that is decided without a lock is refused whenever another process was first,
    /// so this is only for speed.
    fn lock(&mut self) -> Result<Option<Locked>, AppendError> {
        Ok(None)
    }

    /// Lets other processes append again, and forgets what they had staged, if this one has not appended or confirmed.
    fn unlock(&mut self) {}

    /// Has `wake` called whenever there may be something to follow.
    fn on_news(&mut self, wake: Wake);

    /// Returns a tip that includes every record that was in the log at a moment after this was called. Others may have
    /// appended some of them; those are then there to follow.
    fn reach(&mut self) -> Result<Tip, AppendError>;

    /// Ensures that a tip was the head of the log at a moment after this was called. If the log is locked, what others
    /// had staged is durable and followed then.
    fn confirm(&mut self, decided_on: &Tip) -> Result<(), AppendError>;

    /// Ensures that nobody else dates a later record at or before an instant. Returns a tip that includes every record
    /// that is dated so.
    fn settle(&mut self, through: Timestamp) -> Result<Tip, AppendError>;

    /// What is known about the place where the log is shared. `None` for a log of this process alone.
    fn status(&self) -> Option<Arc<LogStatus>> {
        None
    }

    /// True if the disk has space for more records.
    fn has_room(&self) -> bool;

    /// A reader for any thread. It can be used while this writer appends.
    fn reader(&self) -> Arc<dyn ReadLog>;

    /// Makes the data beside the records durable, such as the published head. Without it no record is lost, but a later
    /// loss may go undetected.
    fn close(&mut self);
}

/// A record and its bytes in the log.
pub type StoredRecord = (Revision, Vec<u8>);

/// What a writer finds when it locks the log.
pub struct Locked {
    /// The records that others appended after the writer's tip. They may not last: before the writer has appended after
    /// them, or confirmed the last of them, nothing that follows from them may be published or answered.
    pub staged: Vec<StoredRecord>,
    /// The last of them, or else the writer's tip: what is decided now builds on it.
    pub tip: Tip,
    /// No record can be dated at or before this instant.
    pub answered_through: Timestamp,
}

/// A reader of the log. It never waits for the writer.
pub trait ReadLog: Send + Sync {
    /// The last durable record.
    fn head(&self) -> Revision;

    /// The records from `from` to `to`, inclusive, as far as they exist.
    fn read(&self, from: Revision, to: Revision) -> Records;

    /// The digests of the records from `from` to `to`, inclusive, as far as they exist. The records themselves need not
    /// be verified.
    fn digests(&self, from: Revision, to: Revision) -> Digests {
        let digest = |record: Result<StoredRecord, ReadError>| {
            let damage = |reason| Damage { segment: String::new(), offset: 0, reason };
            Ok(record::digest(&record?.1).map_err(damage)?)
        };
        Box::new(self.read(from, to).map(digest))
    }

    /// The records in segments that are no longer written, read from the storage device and not from the page cache,
    /// where that is possible.
    fn reread(&self) -> Records {
        self.read(Revision(1), self.head())
    }

    /// The chain up to a revision. `None` beyond the head.
    fn chain_at(&self, revision: Revision) -> Result<Option<Hash>, ReadError> {
        if revision == Tip::ORIGIN.revision {
            return Ok(Some(Tip::ORIGIN.chain));
        }
        if revision > self.head() { Ok(None) } else { self.chain_of(revision).map(Some) }
    }

    /// The chain up to an existing record.
    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError>;
}

/// A log that this process does not write to: a backup, the log of a stopped registry, or the published part of a
/// running one. It is read in place. Every byte is verified, and nothing is repaired.
pub trait OfflineLog: ReadLog {
    /// The parts, in order. A backup has one file for each.
    fn parts(&self) -> &[Part];

    /// The batches of a part. If `chain` is given, the first batch must build on it.
    fn batches(&self, part: &Part, chain: Option<Hash>) -> Result<Box<dyn Batches>, ReadError>;

    /// The length of the log in bytes.
    fn bytes(&self) -> u64 {
        self.parts().iter().map(|part| part.bytes).sum()
    }
}

/// A part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first revision of the part.
    pub first: Revision,
    /// The offset in bytes where the last frame ends.
    pub bytes: u64,
}

/// The batches of a part, in order.
pub trait Batches {
    /// The next batch. `None` at the end, and where only preallocated space follows. After damage it fails each time.
    fn read(&mut self) -> Result<Option<WholeFrame<'_>>, ReadError>;

    /// The revision after the last batch read.
    fn next(&self) -> Revision;

    /// The chain up to the last batch read, if known.
    fn chain(&self) -> Option<Hash>;

    /// The offset in bytes where the next batch begins.
    fn offset(&self) -> u64;

    /// Describes damage at the place where the next batch should begin.
    fn damaged(&self, reason: &'static str) -> Damage;

    /// True if the unreadable rest is a torn write.
    fn ends_torn(&self) -> Result<bool, ReadError>;
}

/// A log that is being written. Nothing of it counts until [`LogDraft::finish`].
pub trait LogDraft {
    /// Begins a part with the same first revision as in the log that is copied.
    fn begin_part(&mut self, first: Revision) -> Result<(), ChangeError>;

    /// Appends a frame that follows the previous one.
    fn write(&mut self, frame: &[u8]) -> Result<(), ChangeError>;

    /// Makes the whole log durable.
    fn finish(self: Box<Self>) -> Result<(), ChangeError>;
}

/// A replacement for the end of a log, not yet in place.
pub trait PreparedEnd {
    /// Puts the replacement in place. The records after the revision that it follows are moved to the directory
    /// `set_aside`, which exists. At every moment the log is either still damaged, or ends with the new frame.
    fn put_in_place(self: Box<Self>, set_aside: &Path) -> Result<(), ChangeError>;
}

/// Returns an error unless the head of a log is the tip that something was decided on.
fn require_head(head: &Tip, decided_on: &Tip) -> Result<(), AppendError> {
    if decided_on.revision != head.revision {
        return Err(AppendError::HeadMoved { expected: decided_on.revision, head: head.revision });
    }
    if decided_on.chain != head.chain {
        return Err(AppendError::Diverged { at: head.revision });
    }
    Ok(())
}
