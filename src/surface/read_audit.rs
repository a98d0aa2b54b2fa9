//! The audit of reads of persons: each read is written to the audit before it is answered; if it cannot be written, it
//! is not answered.
//!
//! The subject of a question is written whether the question is answered or refused, because a refusal also tells the
//! caller something. A command that records nothing is treated as a question: a dry run is written before it is
//! decided, and a refused command before the refusal is sent. A recorded command is documented by the log.

use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tonic::Status;

use super::miss::Miss;
use super::redaction::CallContext;
use super::{Contract, encode, status};
use crate::auth::Caller;
use crate::domain::command::Target;
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, SpecialistId};
use crate::domain::standing::Verdict;
use crate::registry::question::Ask;
use crate::registry::snapshot::Snapshot;
use crate::telemetry::audit::{BatchSummary, Call, Client, Missed, Named, Question, Unwritable, Written};

impl Client for Caller {
    fn name(&self) -> &str {
        &self.client
    }
}

/// The outcome of a refused question, command or search.
pub(super) const REFUSED: &str = "REFUSED";

/// The outcome of a person in a list.
const LISTED: &str = "LISTED";

/// The subject and the outcome of a question, for the audit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AuditEntry {
    pub(super) number: Option<CredentialNumber>,
    /// The id by which the question names the person, if not by number.
    pub(super) id: Option<PersonId>,
    pub(super) as_of: Option<Day>,
    /// The verdict or another outcome; `None` if the question has no verdict or was invalid.
    pub(super) verdict: Option<&'static str>,
    /// The miss, if the question was one. It has a line of its own.
    pub(super) miss: Option<Miss>,
    /// Another person whom the answer is about, and the verdict on that person.
    pub(super) other: Option<(CredentialNumber, &'static str)>,
}

/// An id that identifies a person.
#[derive(Clone, Copy, Debug)]
pub(super) enum PersonId {
    Specialist(SpecialistId),
    Employment(EmploymentId),
    Fact(FactId),
}

impl AuditEntry {
    /// A read of one person, without a verdict.
    pub(super) fn person(number: Option<CredentialNumber>, as_of: Option<Day>) -> AuditEntry {
        AuditEntry { number, as_of, ..AuditEntry::default() }
    }

    /// A person named by an id.
    pub(super) fn named(id: PersonId) -> AuditEntry {
        AuditEntry { id: Some(id), ..AuditEntry::default() }
    }

    /// Returns the subject of a command; empty for commands about providers and the registry.
    pub(super) fn of_command(target: &Target) -> AuditEntry {
        match target {
            Target::Credential(number) => AuditEntry::person(Some(*number), None),
            Target::Specialist(id) => AuditEntry::named(PersonId::Specialist(*id)),
            Target::Employment(id) => AuditEntry::named(PersonId::Employment(*id)),
            Target::Fact(id) => AuditEntry::named(PersonId::Fact(*id)),
            Target::New | Target::Registry | Target::Provider(_) | Target::Staff(_) => AuditEntry::default(),
        }
    }

    /// True if the subject is a person.
    pub(super) fn is_about_person(self) -> bool {
        self.number.is_some() || self.id.is_some()
    }
}

/// Returns the name of a verdict in the contract.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "CONFIRMED",
        Verdict::ConfirmedWithLimits => "CONFIRMED_WITH_LIMITS",
        Verdict::NotConfirmed => "NOT_CONFIRMED",
        Verdict::Undetermined => "UNDETERMINED",
    }
}

impl Contract {
    fn call(&self, context: &CallContext, method: &'static str, snapshot: &Snapshot) -> Call {
        Call {
            client: Arc::clone(&context.caller) as Arc<dyn Client>,
            method,
            request_id: context.request_id.0,
            known_at: snapshot.revision.0,
            revision: self.registry.head_revision().0,
        }
    }

    /// Returns the id by which the question names the person, as the contract writes it.
    fn named(&self, found: &AuditEntry) -> Option<Box<Named>> {
        let named = match found.id? {
            PersonId::Specialist(id) => Named { field: "specialist_id", id: id.to_string() },
            PersonId::Employment(id) => Named { field: "employment_id", id: id.to_string() },
            PersonId::Fact(id) => Named { field: "fact_id", id: encode::fact_id(id, &self.tags()) },
        };
        Some(Box::new(named))
    }

    /// Writes the subject of a question to the audit, before the question is answered.
    pub(super) async fn audit_read(
        &self,
        context: &CallContext,
        method: &'static str,
        snapshot: &Snapshot,
        found: AuditEntry,
    ) -> Result<(), Status> {
        if let Some(miss) = found.miss {
            // Lines are written in order, so this one is in the file once the next one is.
            drop(self.report_miss(context, method, snapshot, found, miss).map_err(|_| status::audit_unavailable())?);
        }
        let question = |number: Option<CredentialNumber>, verdict| Question {
            call: self.call(context, method, snapshot),
            number: number.map(CredentialNumber::text),
            named: self.named(&found),
            as_of: found.as_of.map(Day::to_civil),
            verdict,
        };
        if let Some((number, verdict)) = found.other {
            let other = self.audit.report(question(Some(number), Some(verdict)));
            drop(other.map_err(|_| status::audit_unavailable())?);
        }
        written(self.audit.report(question(found.number, found.verdict))).await
    }

    /// Passes on whether a call is permitted. If not, writes the attempt to the audit before the refusal is sent.
    pub(super) async fn permitted(&self, context: &CallContext, permitted: Result<(), Status>) -> Result<(), Status> {
        if permitted.is_err() {
            let attempt = AuditEntry { verdict: Some(REFUSED), ..AuditEntry::default() };
            self.audit_read(context, context.method.qualified_name, &self.registry.pin_head(), attempt).await?;
        }
        permitted
    }

    /// Writes a miss to the audit, before the answer is sent. The question itself has its own line.
    pub(super) async fn audit_miss(
        &self,
        context: &CallContext,
        method: &'static str,
        snapshot: &Snapshot,
        about: AuditEntry,
        miss: Miss,
    ) -> Result<(), Status> {
        written(self.report_miss(context, method, snapshot, about, miss)).await
    }

    fn report_miss(
        &self,
        context: &CallContext,
        method: &'static str,
        snapshot: &Snapshot,
        about: AuditEntry,
        miss: Miss,
    ) -> Result<Written, Unwritable> {
        self.audit.report_miss(Missed {
            call: self.call(context, method, snapshot),
            number: about.number.map(CredentialNumber::text),
            named: self.named(&about),
            kind: miss.name(),
        })
    }

    /// Writes the subject and the outcome of a question to the audit, before the answer or refusal is sent.
    pub(super) async fn audit_outcome(
        &self,
        context: &CallContext,
        method: &'static str,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        outcome: Result<AuditEntry, Status>,
    ) -> Result<(), Status> {
        let found = outcome.as_ref().copied().unwrap_or_else(|error| ask.refused_entry(error));
        self.audit_read(context, method, snapshot, found).await?;
        outcome.map(drop)
    }

    /// Starts the audit summary of a batch or a stream.
    pub(super) fn tally(&self, context: &CallContext, method: &'static str, snapshot: &Snapshot) -> BatchSummary {
        self.audit.tally(self.call(context, method, snapshot))
    }

    /// Writes the people in a list to the audit, before the list is sent. For an empty list, writes the subject that
    /// was asked for.
    pub(super) fn audit_list<'a, I>(
        &'a self,
        context: &'a CallContext,
        method: &'static str,
        snapshot: &'a Snapshot,
        asked: AuditEntry,
        numbers: I,
    ) -> impl Future<Output = Result<(), Status>> + use<'a, I>
    where
        I: IntoIterator<Item = Option<CredentialNumber>>,
    {
        let numbers: Vec<_> = numbers.into_iter().collect();
        async move {
            if numbers.is_empty() {
                return self.audit_read(context, method, snapshot, asked).await;
            }
            let mut tally = self.tally(context, method, snapshot);
            for number in numbers {
                consume_budget().await;
                add_listed(&mut tally, number)?;
            }
            written(tally.close()).await
        }
    }
}

/// Waits until the audit line is in the file.
pub(super) async fn written(reported: Result<Written, Unwritable>) -> Result<(), Status> {
    let written = async { reported?.await };
    written.await.map_err(|_| status::audit_unavailable())
}

/// Adds a question to the summary of a batch or a stream. A question without a verdict was invalid. One about two
/// people counts as two.
pub(super) fn add(tally: &mut BatchSummary, found: AuditEntry) -> Result<(), Status> {
    let number = found.number.map(CredentialNumber::text);
    let missed = found.miss.map_or(Ok(()), |miss| tally.missed(number, miss.name()));
    let mut other = || found.other.map_or(Ok(()), |(number, verdict)| tally.add(Some(number.text()), Some(verdict)));
    let added = missed.and_then(|()| other()).and_then(|()| tally.add(number, found.verdict));
    added.map_err(|_| status::audit_unavailable())
}

/// Adds a person to the summary of a list.
pub(super) fn add_listed(tally: &mut BatchSummary, number: Option<CredentialNumber>) -> Result<(), Status> {
    add(tally, AuditEntry { number, verdict: Some(LISTED), ..AuditEntry::default() })
}
