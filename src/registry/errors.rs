//! The errors of the registry, distinguished by what a caller can do about them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::clock::NoTimeZone;
use super::registry_history::Moved;
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::rules::RuleError;
use crate::store::index::IndexError;
use crate::store::log::trouble::Trouble;
use crate::store::log::{AppendError, ReadError as LogReadError};
use crate::store::record::Undecodable;
use crate::store::redaction::RedactionError;
use crate::store::{CloseError, DataDirError};

/// A question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The index could not be read.
    #[error("the index could not be read")]
    Index(#[from] IndexError),
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] LogReadError),
    /// A stored record could not be decoded.
    #[error("a stored record could not be decoded")]
    Undecodable(#[from] Undecodable),
    /// A stored rule set could not be read.
    #[error("a stored rule set could not be read")]
    Rules(#[from] RuleError),
    /// The process is shutting down.
    #[error("the registry is shutting down")]
    Interrupted,
}

/// The state of knowledge that a question names cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The revision has not been recorded yet.
    #[error("revision {asked} is beyond the head, {head}")]
    BeyondHead {
        /// The revision that was asked for.
        asked: Revision,
        /// The head.
        head: Revision,
    },
    /// The instant is later than the clock.
    #[error("the instant is later than the registry's clock")]
    InTheFuture,
    /// The answer for the instant could not be made final, because the instant could not be written to the disk.
    #[error("the instant cannot be written to the disk")]
    NotKept(#[source] Arc<AppendError>),
    /// The question needs the shared log, which is not available. Unless the cause is known, it did not answer in time.
    #[error("the shared log is not available")]
    Log(Option<Arc<Trouble>>),
    /// Other processes may have recorded something since the last time that every record was known here.
    #[error("what is known may be too old")]
    Stale {
        /// How long ago that was. `None` if it was never known since the start.
        age: Option<Duration>,
    },
    /// History forked from the epoch before the revision, so the revision is not part of this history.
    #[error("history changed after revision {last_shared}")]
    HistoryChanged {
        /// The last revision that is still part of this history.
        last_shared: Revision,
    },
    /// The record at the token's revision is not the one that the token names.
    #[error("another record is on file at revision {at}")]
    AnotherRecord {
        /// The revision.
        at: Revision,
    },
    /// The epoch has never been part of this registry's history.
    #[error("this registry has never had that epoch")]
    UnknownEpoch,
    /// The facts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why writes are held: the clock is implausible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// The clock is far ahead of the last record.
    #[error("the clock is more than 7 days ahead of the last record: if the clock is right, set open_days_through")]
    ClockAhead,
    /// The clock is behind the last record.
    #[error("the clock is more than 5 minutes behind the last record: correct the clock")]
    ClockBehind,
}

/// Why no command is accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WritesOff {
    /// The calendar is held.
    #[error("{0}")]
    Held(Held),
    /// The scrub found damage in the log.
    #[error("the log is damaged, or a part of it cannot be read")]
    Damaged,
    /// The disk has no room, or refused a write a moment ago.
    #[error("the disk does not accept writes")]
    Disk,
    /// The shared log takes no writes.
    #[error("{0}")]
    Log(Arc<Trouble>),
}

impl WritesOff {
    /// A short name of the cause.
    pub fn name(&self) -> &'static str {
        match self {
            WritesOff::Held(_) => "calendar_held",
            WritesOff::Damaged => "store_damaged",
            WritesOff::Disk => "disk",
            WritesOff::Log(trouble) => trouble.cause.name(),
        }
    }
}

/// A command was not accepted, or its outcome is unknown.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A rule rejects it.
    #[error("rejected by a rule")]
    Rejected(Rejection),
    /// The request id was already used for different content.
    #[error("the request id was already used with different content")]
    RequestIdReused,
    /// The request was recorded under another role, and the caller's present role may not see its receipt.
    #[error("the request was recorded under another role")]
    OtherRights,
    /// The queue is full. Retry.
    #[error("too many commands are waiting")]
    Busy,
    /// The disk is too full. Retry when it has room.
    #[error(
        "the store is full: its disk has less room left than a registry keeps free (`disk_reserve_bytes` and \
         `disk_reserve_percent` of its configuration): free some room, or use another disk"
    )]
    StoreFull,
    /// The disk refused; nothing was recorded. Retry.
    #[error("nothing could be written")]
    NotWritten,
    /// The shared log does not take writes; nothing was recorded. Whether a retry helps depends on the cause.
    #[error("{0}")]
    Log(Arc<Trouble>),
    /// The scrub found damage in the log. Writes are refused until a scrub succeeds.
    #[error("the log is damaged, or a part of it cannot be read: restore the registry from a backup")]
    StoreDamaged,
    /// The calendar is held, and every write with it.
    #[error("the calendar is held")]
    CalendarHeld(#[source] Held),
    /// The command may or may not have been recorded. Retry with the same request id.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// The data that the command is decided against cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<Rejection> for SubmitError {
    fn from(rejection: Rejection) -> SubmitError {
        SubmitError::Rejected(rejection)
    }
}

impl From<IndexError> for SubmitError {
    fn from(error: IndexError) -> SubmitError {
        SubmitError::Read(error.into())
    }
}

/// The disk failed in a way after which nothing may be written. The process must end.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriterFailed(pub SubmitErrorSource);

impl WriterFailed {
    /// True if the registry must be opened again: the shared log continues in another epoch, or somebody was redacted.
    pub fn must_reopen(&self) -> bool {
        matches!(self.0, SubmitErrorSource::Append(AppendError::OtherEpoch { .. }) | SubmitErrorSource::Redacted)
    }
}

/// Why the writer cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum SubmitErrorSource {
    /// An append failed and its outcome is unknown.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The index did not accept the records.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// This program computes other changes for a record than the process that recorded it.
    #[error(
        "the record of revision {0} changes something else here than in the process that recorded it: run the same \
         release everywhere"
    )]
    OtherChanges(Revision),
    /// The log goes on in another place.
    #[error(transparent)]
    LogMoved(#[from] Moved),
    /// A newer version of this program answers from this log.
    #[error(transparent)]
    NewerSemantics(#[from] NewerSemantics),
    /// Another process recorded a redaction, and the copy and the index still have what it removes.
    #[error("a redaction was recorded: the log is opened again, without what it removes")]
    Redacted,
    /// The index or the log could not be read.
    #[error(transparent)]
    Read(ReadError),
}

impl SubmitErrorSource {
    /// True if the writer ended before it appended anything.
    pub(super) fn is_before_append(&self) -> bool {
        use SubmitErrorSource::{LogMoved, NewerSemantics, OtherChanges};
        matches!(self, LogMoved(_) | NewerSemantics(_) | OtherChanges(_))
    }
}

/// A newer version of this program has answered from the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a newer version of this program has served this data (semantics {known}; this program has {version}): use that \
     version"
)]
pub struct NewerSemantics {
    /// The version on record.
    pub known: u32,
    /// The version of this program.
    pub version: u32,
}

impl From<ReadError> for SubmitErrorSource {
    fn from(error: ReadError) -> SubmitErrorSource {
        match error {
            ReadError::Index(error) => SubmitErrorSource::Index(error),
            error => SubmitErrorSource::Read(error),
        }
    }
}

/// The registry cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// The data directory holds a different registry than the configuration names.
    #[error(
        "the data directory {} holds the registry {found}, but the configuration names {pinned}: is the right disk \
         mounted?",
        data_dir.display()
    )]
    AnotherRegistry {
        /// The data directory.
        data_dir: PathBuf,
        /// The id of the registry in it.
        found: Uuid,
        /// The id that the configuration names.
        pinned: Uuid,
    },
    /// The data directory has no record, and none was read from the shared log.
    #[error(
        "the data directory {} has no record yet, and nothing could be read from the shared log: the database is not \
         reached, or `cpss-registry init` has not begun the registry there",
        data_dir.display()
    )]
    NotFilled {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The new registry could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// Stored facts could not be read.
    #[error("the stored facts could not be read")]
    Read(#[from] ReadError),
    /// A rule file is invalid.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A rule file has the id of a set that was adopted with different content.
    #[error("rule set {id} was adopted with different content: give the changed rules another id")]
    RuleSetChanged {
        /// The id.
        id: String,
    },
    /// A newer version of this program has answered from this data.
    #[error(transparent)]
    NewerSemantics(#[from] NewerSemantics),
    /// This program answers by newer semantics, which may not be adopted yet.
    #[error(
        "this registry is answered by version {known} of the rules of evaluation, and this program has version {version}. \
         Once version {version} is adopted, an earlier release refuses the registry, and a backup is the only way back: \
         take one with the earlier release, then start with --adopt-semantics, or adopt_semantics = true in the \
         configuration"
    )]
    OlderSemantics {
        /// The version on record.
        known: u32,
        /// The version of this program.
        version: u32,
    },
    /// The log goes on in another place.
    #[error(transparent)]
    LogMoved(#[from] Moved),
    /// The writer cannot continue: this program computes other changes for a record than the process that recorded it,
    /// or the shared log continues in another epoch.
    #[error(transparent)]
    Failed(WriterFailed),
    /// The first records could not be written.
    #[error("the first records could not be written")]
    Begin(#[source] SubmitError),
    /// The clock has no America/Chicago time zone.
    #[error(transparent)]
    Clock(#[from] NoTimeZone),
    /// The writer's thread could not be started.
    #[error("the writer could not be started")]
    Writer(#[source] std::io::Error),
}

impl OpenError {
    /// True if the data directory is not the one that holds the registry: it is missing, empty or holds something else,
    /// or its log is missing; or if somebody must agree to what the start would record.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            OpenError::AnotherRegistry { .. } | OpenError::LogMoved(_) | OpenError::OlderSemantics { .. } => true,
            OpenError::Store(crate::store::OpenError::DataDir(refused)) => refused.is_wrong_place(),
            OpenError::Store(crate::store::OpenError::SharedLog(refused)) => refused.is_refusal(),
            _ => false,
        }
    }

    /// True if the index failed while it was read. Another attempt rebuilds it.
    pub(super) fn is_index_failure(&self) -> bool {
        matches!(
            self,
            OpenError::Read(ReadError::Index(_))
                | OpenError::Begin(SubmitError::Read(ReadError::Index(_)))
                | OpenError::Store(crate::store::OpenError::Redaction(RedactionError::Index(_)))
        )
    }
}

impl From<WriterFailed> for OpenError {
    fn from(WriterFailed(cause): WriterFailed) -> OpenError {
        match cause {
            failure @ SubmitErrorSource::Append(AppendError::OtherEpoch { .. }) => {
                OpenError::Failed(WriterFailed(failure))
            }
            SubmitErrorSource::Append(_) => OpenError::Begin(SubmitError::OutcomeUnknown),
            failure @ (SubmitErrorSource::OtherChanges(_) | SubmitErrorSource::Redacted) => {
                OpenError::Failed(WriterFailed(failure))
            }
            SubmitErrorSource::LogMoved(moved) => moved.into(),
            SubmitErrorSource::NewerSemantics(newer) => newer.into(),
            SubmitErrorSource::Index(error) => error.into(),
            SubmitErrorSource::Read(error) => error.into(),
        }
    }
}

impl From<DataDirError> for OpenError {
    fn from(error: DataDirError) -> OpenError {
        OpenError::Store(error.into())
    }
}

impl From<IndexError> for OpenError {
    fn from(error: IndexError) -> OpenError {
        OpenError::Read(error.into())
    }
}
