//! What came of a statement: whether it may have been done, and why the session was given up.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::connect_error::{Refusal, is_of_pooler};
use crate::store::log::replicated::statements::StatementError;

/// Why a session was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
    /// The connection was lost before the statement was sent.
    #[error("the connection to the database was lost before")]
    Closed,
    /// The server sent a warning: what it says is done may not be durable.
    #[error("the database warned, so what it reports as done may not last")]
    Warned,
    /// The server did not answer in time.
    #[error("the database did not answer within {0:?}")]
    TimedOut(Duration),
    /// The server did not answer in time, because commits wait.
    #[error(
        "commits wait for a synchronous standby, and none follows: start the standby, or make another one that \
         synchronous_standby_names names"
    )]
    NoStandby,
    /// Another session has locked the head.
    #[error(
        "another session holds the head of the log for long: a commit that waits for a standby, or a transaction that \
         somebody has begun by hand and not ended (55P03)"
    )]
    Locked,
    /// The server answered with something else.
    #[error("the database answered with {0}")]
    Unexpected(&'static str),
}

/// The node at which something failed.
#[derive(Debug, thiserror::Error)]
#[error("{node}")]
struct AtNode {
    node: Arc<str>,
    source: Box<dyn Error + Send + Sync>,
}

/// Names the node in an error.
pub(super) fn at_node(node: &Arc<str>, error: StatementError) -> StatementError {
    let at = |source| Box::new(AtNode { node: Arc::clone(node), source }) as Box<dyn Error + Send + Sync>;
    match error {
        StatementError::NotDone(source) => StatementError::NotDone(at(source)),
        StatementError::Unknown(source) => StatementError::Unknown(at(source)),
        StatementError::Silent(source) => StatementError::Silent(at(source)),
        StatementError::DurabilityReduced(source) => StatementError::DurabilityReduced(at(source)),
        StatementError::ClocksApart { ahead } => StatementError::ClocksApart { ahead },
        StatementError::Damaged(source) => StatementError::Damaged(at(source)),
    }
}

pub(super) fn not_done(error: impl Into<Box<dyn Error + Send + Sync>>) -> StatementError {
    StatementError::NotDone(error.into())
}

pub(super) fn silent(error: GivenUp) -> StatementError {
    StatementError::Silent(error.into())
}

pub(super) fn unknown(error: impl Into<Box<dyn Error + Send + Sync>>) -> StatementError {
    StatementError::Unknown(error.into())
}

/// Returns what an error means for the statement that was sent.
pub(super) fn failed(error: tokio_postgres::Error) -> StatementError {
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => return not_done(GivenUp::Locked),
        Some(code) if is_of_pooler(code) => return not_done(Refusal::Pooled),
        _ => {}
    }
    match error.as_db_error().map(meaning) {
        Some(Meaning::NotDone) => StatementError::NotDone(error.into()),
        Some(Meaning::Damaged) => StatementError::Damaged(error.into()),
        Some(Meaning::Unknown) | None => StatementError::Unknown(error.into()),
    }
}

enum Meaning {
    NotDone,
    Damaged,
    Unknown,
}

/// What the server reports as an error was undone, at the commit too. What ends the session may come after it.
fn meaning(error: &DbError) -> Meaning {
    let code = error.code();
    match error.parsed_severity() {
        Some(Severity::Error) if *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Meaning::Unknown,
        Some(Severity::Error) if *code == SqlState::UNIQUE_VIOLATION || *code == SqlState::RESTRICT_VIOLATION => {
            Meaning::Damaged
        }
        Some(Severity::Error) => Meaning::NotDone,
        _ => Meaning::Unknown,
    }
}
