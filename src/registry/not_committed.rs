//! Why a batch was not committed, and what its callers are answered then.

use std::sync::Arc;

use super::errors::{ReadError, SubmitError, SubmitErrorSource, WriterFailed};
use super::figures::CommitFailure;
use crate::store::log::trouble::Trouble;

/// Why a batch was not committed. Nothing was recorded, unless the writer failed.
pub(super) enum NotCommitted {
    /// Other processes appended to the log. Follow them and decide again.
    HeadMoved,
    /// The log refused the batch.
    Refused(Refusal),
    /// The batch could not be decided, because the index or the log cannot be read.
    Undecided(ReadError),
    /// The writer must not write any more.
    Failed(WriterFailed),
}

/// Why the log refused a batch.
#[derive(Clone)]
pub(super) enum Refusal {
    /// The disk has no room.
    Full,
    /// The disk refused.
    NotWritten,
    /// Other processes appended something each time.
    Busy,
    /// The shared log does not take writes.
    Log(Arc<Trouble>),
    /// The shared log may or may not have the batch.
    InDoubt,
}

impl Refusal {
    /// What callers are answered.
    pub(super) fn error(&self) -> SubmitError {
        match self {
            Refusal::Full => SubmitError::StoreFull,
            Refusal::NotWritten => SubmitError::NotWritten,
            Refusal::Busy => SubmitError::Busy,
            Refusal::Log(trouble) => SubmitError::Log(Arc::clone(trouble)),
            Refusal::InDoubt => SubmitError::OutcomeUnknown,
        }
    }

    /// How it is counted.
    fn failure(&self) -> CommitFailure {
        match self {
            Refusal::Full => CommitFailure::DiskFull,
            Refusal::NotWritten => CommitFailure::DiskError,
            Refusal::Busy => CommitFailure::Busy,
            Refusal::Log(_) => CommitFailure::SharedLog,
            Refusal::InDoubt => CommitFailure::InDoubt,
        }
    }
}

impl From<ReadError> for NotCommitted {
    fn from(error: ReadError) -> NotCommitted {
        NotCommitted::Undecided(error)
    }
}

impl From<NotCommitted> for SubmitError {
    fn from(refusal: NotCommitted) -> SubmitError {
        match refusal {
            NotCommitted::HeadMoved => SubmitError::Busy,
            NotCommitted::Refused(refusal) => refusal.error(),
            NotCommitted::Undecided(error) => error.into(),
            NotCommitted::Failed(_) => SubmitError::OutcomeUnknown,
        }
    }
}

impl NotCommitted {
    /// How it is counted. `None` if the batch is decided again.
    pub(super) fn failure(&self) -> Option<CommitFailure> {
        match self {
            NotCommitted::HeadMoved => None,
            NotCommitted::Refused(refusal) => Some(refusal.failure()),
            NotCommitted::Undecided(_) => Some(CommitFailure::Index),
            NotCommitted::Failed(_) => Some(CommitFailure::Fatal),
        }
    }

    /// The writer must end, for this reason.
    pub(super) fn failed(error: impl Into<SubmitErrorSource>) -> NotCommitted {
        NotCommitted::Failed(WriterFailed(error.into()))
    }
}
