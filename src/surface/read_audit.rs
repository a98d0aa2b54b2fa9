//! Reads of persons: each is written down before it is answered, or it is not answered.

use std::sync::Arc;

use tonic::Status;

use super::redaction::Asker;
use super::{Contract, status};
use crate::auth::Caller;
use crate::domain::day::Day;
use crate::domain::id::CredentialNumber;
use crate::domain::standing::Verdict;
use crate::registry::snapshot::Snapshot;
use crate::telemetry::audit::{BatchSummary, Call, Client, Question, Unwritable, Written};

impl Client for Caller {
    fn name(&self) -> &str {
        &self.client
    }
}

/// What was found for a question, as far as it is written down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) number: Option<CredentialNumber>,
    pub(super) as_of: Option<Day>,
    pub(super) verdict: Option<Verdict>,
}

impl Found {
    /// A read of one person without a verdict.
    pub(super) fn person(number: Option<CredentialNumber>, as_of: Option<Day>) -> Found {
        Found { number, as_of, verdict: None }
    }

    fn verdict(self) -> Option<&'static str> {
        self.verdict.map(|verdict| match verdict {
            Verdict::Confirmed => "CONFIRMED",
            Verdict::ConfirmedWithLimits => "CONFIRMED_WITH_LIMITS",
            Verdict::NotConfirmed => "NOT_CONFIRMED",
            Verdict::Undetermined => "UNDETERMINED",
        })
    }
}

impl Contract {
    fn call(&self, asker: &Asker, method: &'static str, snapshot: &Snapshot) -> Call {
        Call {
            client: Arc::clone(&asker.caller) as Arc<dyn Client>,
            method,
            request_id: asker.request_id.0,
            known_at: snapshot.revision.0,
            revision: self.registry.head_revision().0,
        }
    }

    /// Writes down what was found, before it is answered.
    pub(super) async fn note(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        found: Found,
    ) -> Result<(), Status> {
        let question = Question {
            call: self.call(asker, method, snapshot),
            number: found.number.map(CredentialNumber::text),
            as_of: found.as_of.map(Day::to_civil),
            verdict: found.verdict(),
        };
        written(self.audit.report(question)).await
    }

    /// Begins to count a batch or a stream.
    pub(super) fn tally(&self, asker: &Asker, method: &'static str, snapshot: &Snapshot) -> BatchSummary {
        self.audit.tally(self.call(asker, method, snapshot))
    }

    /// Writes down a list of persons.
    pub(super) async fn note_all(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        numbers: impl IntoIterator<Item = Option<CredentialNumber>>,
    ) -> Result<(), Status> {
        let mut tally = self.tally(asker, method, snapshot);
        for number in numbers {
            add(&mut tally, Some(Found::person(number, None)), Some("LISTED"))?;
        }
        written(tally.close()).await
    }
}

/// Waits until what was reported is in the file.
pub(super) async fn written(reported: Result<Written, Unwritable>) -> Result<(), Status> {
    let written = async { reported?.await };
    written.await.map_err(|_| status::audit_unavailable())
}

/// Writes down one question of a batch or a stream; none: it was at fault.
pub(super) fn add(
    tally: &mut BatchSummary,
    found: Option<Found>,
    unjudged: Option<&'static str>,
) -> Result<(), Status> {
    let number = found.and_then(|found| found.number).map(CredentialNumber::text);
    let verdict = found.and_then(Found::verdict).or(unjudged);
    tally.add(number, verdict).map_err(|_| status::audit_unavailable())
}
