//! The surface: the only way into the services of the contract. Every listener calls them here.
//!
//! A listener passes a [`Call`] and the bytes of its messages to [`Surface::call`], and receives bytes or a status.
//! Authentication, permissions, quotas, deadlines, redaction, the audit of reads and the access log are inside the
//! surface, so that no listener can bypass one of them.
//!
//! `admission` and `limits` decide about a call as a whole. [`decode`] turns requests into domain types and names every
//! invalid field. [`encode`] writes answers, and cannot fail. [`status`] is the only place that chooses codes.
//! `redaction` removes from an answer what the caller may not see. The services in between only translate between
//! requests and the registry.

mod accepted;
mod admission;
mod batch;
mod call;
mod change;
mod credential;
pub mod decode;
mod eligibility_review;
mod employment;
pub mod encode;
mod entry;
mod frames;
mod impact;
mod import;
mod limits;
mod list_budget;
mod miss;
mod mutation;
mod operations;
mod page;
mod people;
mod preencoded;
mod provider;
mod question;
mod read_audit;
mod reads;
mod record;
mod redaction;
mod request_id;
mod roster;
mod searches;
mod services;
mod signed;
pub mod status;
mod stream;
mod transparency;
mod verification;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tonic::Status;

pub(crate) use self::admission::{Admission, HEADERS_BYTES, ListPlace, ListRequest, explained, headers_bytes};
pub use self::call::{Answers, Call};
pub(crate) use self::call::{PREFIX, envelope};
pub(crate) use self::entry::Answering;
pub use self::entry::Surface;
use self::limits::FairScheduler;
pub(crate) use self::limits::{CallsUnderWay, LARGEST_PLAIN, Limited, LimitsLayer};
use self::list_budget::ListBudget;
pub(crate) use self::operations::Operations;
use crate::auth::misses::Misses;
use crate::auth::quotas::Quotas;
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::proto::v1;
use crate::registry::incident::Incident;
use crate::registry::snapshot::{AtLeast, Knowledge, KnownAt, Snapshot};
use crate::registry::{PinError, ReadError, Registry, SEMANTICS_VERSION};
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

/// The state that the services of the contract share.
#[derive(Clone)]
pub(crate) struct Contract {
    registry: Registry,
    audit: Audit,
    scheduler: FairScheduler,
    /// The memory budget for the staff lists and impacts of all clients.
    lists: ListBudget,
    /// The quotas of each client.
    quotas: Quotas,
    /// The misses that each caller has left.
    misses: Misses,
    /// Counts misses.
    metrics: Arc<Metrics>,
    /// What OperationsService needs of the server.
    operations: Arc<Operations>,
    /// True once the server drains: no more import rows are accepted then.
    draining: watch::Receiver<bool>,
}

impl Contract {
    /// Returns a function from a revision to the tag of its epoch.
    fn tags(&self) -> impl Fn(Revision) -> Option<u32> + use<> {
        let snapshot = self.registry.pin_head();
        move |revision| {
            let known = revision <= snapshot.revision && revision > Revision::ZERO;
            known.then(|| encode::epoch_tag(snapshot.epoch_of(revision)))
        }
    }

    /// Lets the registry catch up with everything that was recorded before this call, if a command names a fact that it
    /// does not know yet: another process may have recorded it.
    async fn catch_up_with(&self, fact_id: &str) -> Result<(), Status> {
        let Some((_, fact)) = decode::fact_id(fact_id) else { return Ok(()) };
        let at_least = AtLeast::Revision(fact.revision);
        match self.registry.require(at_least).await {
            // Then there is no such fact, which the decoder says.
            Ok(()) | Err(PinError::BeyondHead { .. }) => Ok(()),
            Err(error) => Err(unmet(at_least, error)),
        }
    }

    /// Pins the state of knowledge that a batch or a stream asks for.
    async fn pin(&self, options: &v1::StreamOptions) -> Result<Snapshot, Status> {
        let asked = decode::stream_options(options).map_err(|rejection| status::rejected(&rejection))?;
        self.pin_knowing(asked).await
    }

    /// Pins the state of knowledge that a question names, if the registry has reached the minimum that it requires.
    async fn pin_knowing(&self, asked: Knowledge) -> Result<Snapshot, Status> {
        self.registry.require(asked.at_least).await.map_err(|error| unmet(asked.at_least, error))?;
        self.pin_at(asked.known_at).await
    }

    async fn pin_at(&self, known_at: KnownAt) -> Result<Snapshot, Status> {
        self.registry.pin(known_at).await.map_err(|error| unpinned("known_at", error))
    }
}

/// Returns the status for a minimum state of knowledge that the registry has not reached.
fn unmet(at_least: AtLeast, error: PinError) -> Status {
    let field = match at_least {
        AtLeast::Revision(_) => "min_revision",
        AtLeast::Token(_) => "min_token",
    };
    match error {
        PinError::BeyondHead { asked, head } => status::revision_out_of_range(field, asked, head),
        PinError::HistoryChanged { last_shared } => status::token_left(last_shared),
        PinError::UnknownEpoch => status::token_of_unknown_epoch(),
        error => unpinned(field, error),
    }
}

/// Returns the status for a state of knowledge that cannot be pinned. `field` is the request field that named it.
fn unpinned(field: &str, error: PinError) -> Status {
    match error {
        PinError::BeyondHead { asked, head } => {
            status::revision_out_of_range(&format!("{field}.revision"), asked, head)
        }
        PinError::InTheFuture => status::time_out_of_range(&format!("{field}.time")),
        PinError::NotKept(error) => not_kept(&*error),
        PinError::Log(Some(trouble)) => status::shared_log::log_trouble(&trouble, Duration::from_secs(1)),
        PinError::Log(None) => status::shared_log::log_unreachable(Duration::from_secs(1)),
        PinError::Stale { age } => status::shared_log::replica_stale(age),
        PinError::HistoryChanged { last_shared } => status::history_changed(field, last_shared),
        PinError::AnotherRecord { at } => status::token_of_another_record(at),
        PinError::UnknownEpoch => status::unknown_epoch(field),
        PinError::Read(error) => unreadable(&error),
    }
}

/// Drops something large on the blocking thread pool, because that takes long and would delay other calls.
fn drop_in_background<T: Send + 'static>(large: T) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn_blocking(move || drop(large)));
    }
}

/// The maximum size of an answer other than a batch: a quarter of the default limit of gRPC clients.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Returns the answer, or a refusal that names the remedy if it is too large.
fn whole<M: prost::Message>(answer: M, remedy: &str) -> Result<M, Status> {
    if answer.encoded_len() > LARGEST_ANSWER { Err(status::answer_too_large(remedy)) } else { Ok(answer) }
}

/// Returns the day, the state of knowledge and the rules of an answer.
fn answer(snapshot: &Snapshot, as_of: Day) -> v1::Answer {
    encode::answer(&answered_from(snapshot), as_of)
}

/// Returns the state of knowledge and the rules of an answer.
fn answered_from(snapshot: &Snapshot) -> encode::AnsweredFrom<'_> {
    encode::AnsweredFrom {
        epoch: snapshot.epoch,
        revision: snapshot.revision,
        recorded_at: snapshot.recorded_at,
        known: snapshot.known(),
        semantics_version: SEMANTICS_VERSION,
        token: snapshot.token.as_ref(),
        head_confirmed_at: snapshot.head_confirmed_at,
    }
}

/// Returns the day that a question is about: the given one, or today.
fn day_asked(snapshot: &Snapshot, field: impl Display, as_of: Option<Day>) -> Result<Day, Status> {
    let no_today = "required: the empty registry has no today";
    snapshot.day_asked(as_of).map_err(|_| status::invalid_field(&field.to_string(), no_today))
}

/// Refuses a question by time whose instant cannot be stored: its answer might change later.
fn not_kept(error: &(dyn std::error::Error + 'static)) -> Status {
    static NOT_KEPT: Incident = Incident::new();
    if let Some(times) = NOT_KEPT.occurred() {
        tracing::warn!(
            event = "answered_time_not_stored",
            times,
            error,
            "questions with known_at.time are refused: the instant could not be stored on disk"
        );
    }
    status::not_written(Duration::from_secs(1))
}

/// Returns the status for stored facts that cannot be read. Logs the cause.
fn unreadable(error: &ReadError) -> Status {
    static UNREADABLE: Incident = Incident::new();
    if let Some(times) = UNREADABLE.occurred() {
        tracing::error!(
            event = "facts_unreadable",
            times,
            error = error as &dyn std::error::Error,
            "stored facts could not be read"
        );
    }
    match error {
        ReadError::Interrupted => status::draining(),
        ReadError::Index(_) => status::index_failed(),
        ReadError::Log(_) | ReadError::Undecodable(_) => status::data_loss(),
        ReadError::Rules(_) => status::internal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_large_is_refused_with_a_remedy() {
        let of = |bytes| v1::Answer { rule_set_id: "x".repeat(bytes), ..v1::Answer::default() };
        assert!(whole(of(LARGEST_ANSWER - 10), "ask for less").is_ok());
        let refused = whole(of(LARGEST_ANSWER), "ask for less").unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert_eq!(refused.message(), "the answer would be too large: ask for less");
    }
}
