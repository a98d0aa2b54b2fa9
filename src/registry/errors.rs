//! What can go wrong, named for what a caller can do about it.

use std::path::PathBuf;

use uuid::Uuid;

use super::clock::NoTimeZone;
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::rules::RuleError;
use crate::store::index::IndexError;
use crate::store::log::{AppendError, ReadError as LogReadError};
use crate::store::record::Undecodable;
use crate::store::{CloseError, DataDirError};

/// A question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The index cannot answer.
    #[error("the index could not answer")]
    Index(#[from] IndexError),
    /// The log cannot answer.
    #[error("the log could not answer")]
    Log(#[from] LogReadError),
    /// A stored record cannot be understood.
    #[error("a stored record could not be understood")]
    Undecodable(#[from] Undecodable),
    /// A stored rule set cannot be read.
    #[error("a stored rule set could not be read")]
    Rules(#[from] RuleError),
    /// The work was given up: the process is ending.
    #[error("the registry is shutting down")]
    Interrupted,
}

/// The state of knowledge that a question names cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The revision is not there yet.
    #[error("revision {asked} is beyond the head, {head}")]
    BeyondHead {
        /// What was asked for.
        asked: Revision,
        /// The head.
        head: Revision,
    },
    /// The instant is later than the clock.
    #[error("the instant is later than the registry's clock")]
    InTheFuture,
    /// That the instant was answered for cannot be kept, so the answer might change.
    #[error("the instant cannot be kept on the disk")]
    NotKept(#[source] std::io::Error),
    /// The epoch was left before the revision: its history is not this registry's.
    #[error("history changed after revision {last_shared}")]
    HistoryChanged {
        /// The last revision that is still part of this history.
        last_shared: Revision,
    },
    /// Another record is on file where the token says.
    #[error("another record is on file at revision {at}")]
    AnotherRecord {
        /// The revision.
        at: Revision,
    },
    /// The epoch is of no history of this registry.
    #[error("this registry has never had that epoch")]
    UnknownEpoch,
    /// The facts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Writes wait: the clock cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// The clock is far ahead of the last record.
    #[error("the clock is more than 7 days ahead of the last record: if it is right, set open_days_through")]
    ClockAhead,
    /// The clock is behind the last record.
    #[error("the clock is more than 5 minutes behind the last record: set it right")]
    ClockBehind,
}

/// A command was not accepted, or nobody can say whether it was.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A rule rejects it.
    #[error("rejected by a rule")]
    Rejected(Rejection),
    /// The request id was used for something else.
    #[error("the request id was used with other content")]
    RequestIdReused,
    /// The request was answered in another role, and its answer is not this one's to see.
    #[error("the request was answered in another role")]
    OtherRights,
    /// Too many commands wait. Try again.
    #[error("too many commands are waiting")]
    Busy,
    /// The disk is too full. Try again when there is room.
    #[error("the store is full: its disk has less left than disk_reserve_bytes and disk_reserve_percent keep free")]
    StoreFull,
    /// The disk refused; nothing was recorded. Try again.
    #[error("nothing could be written")]
    NotWritten,
    /// The scrub found damage in the log. Nothing is recorded until it has succeeded.
    #[error("the log is damaged, or a part of it cannot be read: restore the registry from a backup")]
    StoreDamaged,
    /// The calendar is held, and with it every write.
    #[error("the calendar is held")]
    CalendarHeld(#[source] Held),
    /// It may or may not have been recorded: ask again with the same request id.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// What the command needs to be judged cannot be read.
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

/// The disk failed in a way after which nothing may be written: the process must end.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriterFailed(pub SubmitErrorSource);

/// Why the writer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SubmitErrorSource {
    /// A sync failed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The index took no records.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(ReadError),
}

impl From<ReadError> for SubmitErrorSource {
    fn from(error: ReadError) -> SubmitErrorSource {
        match error {
            ReadError::Index(error) => SubmitErrorSource::Index(error),
            error => SubmitErrorSource::Read(error),
        }
    }
}

/// The registry does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// The data directory holds another registry than the configuration asks for.
    #[error(
        "the data directory {} holds the registry {found}, and the configuration asks for {pinned}: is the right disk \
         mounted?",
        data_dir.display()
    )]
    AnotherRegistry {
        /// The data directory.
        data_dir: PathBuf,
        /// The id of the registry in it.
        found: Uuid,
        /// The id that the configuration asks for.
        pinned: Uuid,
    },
    /// The new registry could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// What is stored cannot be read.
    #[error("the stored facts could not be read")]
    Read(#[from] ReadError),
    /// A rule file is wrong.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A rule file has the id of a set that was adopted with other content.
    #[error("rule set {id} was adopted with other content: give the changed rules another id")]
    RuleSetChanged {
        /// The id.
        id: String,
    },
    /// A later version of the walk has answered.
    #[error(
        "a newer version of this program has answered here (semantics {known}, this one has {version}): use that one"
    )]
    NewerSemantics {
        /// The version on record.
        known: u32,
        /// The version of this program.
        version: u32,
    },
    /// The first records could not be written.
    #[error("the first records could not be written")]
    Begin(#[source] SubmitError),
    /// The clock cannot tell civil days.
    #[error(transparent)]
    Clock(#[from] NoTimeZone),
    /// The writer's thread does not start.
    #[error("the writer could not be started")]
    Writer(#[source] std::io::Error),
}

impl OpenError {
    /// Whether the operator named a data directory that does not hold the registry: one that is missing or empty, that
    /// holds something else, or whose log is not there.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            OpenError::AnotherRegistry { .. } => true,
            OpenError::Store(crate::store::OpenError::DataDir(refused)) => refused.is_wrong_place(),
            _ => false,
        }
    }

    /// Whether the index failed while it was read: another attempt makes it again.
    pub(super) fn is_of_index(&self) -> bool {
        matches!(self, OpenError::Read(ReadError::Index(_)) | OpenError::Begin(SubmitError::Read(ReadError::Index(_))))
    }
}

impl From<WriterFailed> for OpenError {
    fn from(WriterFailed(cause): WriterFailed) -> OpenError {
        match cause {
            SubmitErrorSource::Append(_) => OpenError::Begin(SubmitError::OutcomeUnknown),
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
