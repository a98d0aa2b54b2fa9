//! Reads of persons: each is written to the audit before it is answered, or it is not answered.
//!
//! What is asked about is written whether it is answered or refused: a refusal tells the caller something, too. Commands
//! that record nothing are questions in effect. A dry run is written before it is judged, and a refused command before
//! the refusal goes out. A command that was recorded has its trace in the log.

use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tonic::Status;

use super::miss::Miss;
use super::redaction::Asker;
use super::{Contract, encode, status};
use crate::auth::Caller;
use crate::domain::command::Target;
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, SpecialistId};
use crate::domain::standing::Verdict;
use crate::registry::question::Ask;
use crate::registry::search::FactsOf;
use crate::registry::snapshot::Snapshot;
use crate::telemetry::audit::{BatchSummary, Call, Client, Missed, Named, Question, Unwritable, Written};

impl Client for Caller {
    fn name(&self) -> &str {
        &self.client
    }
}

/// What became of a question, a command or a search that was refused.
pub(super) const REFUSED: &str = "REFUSED";

/// What became of a person in a list.
const LISTED: &str = "LISTED";

/// Whom a question is about, and what was found, as far as the audit has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) number: Option<CredentialNumber>,
    /// What the question names the person by, where that is no number.
    pub(super) id: Option<PersonId>,
    pub(super) as_of: Option<Day>,
    /// The verdict, or what became of the question. None: it has no verdict, or was at fault.
    pub(super) verdict: Option<&'static str>,
    /// The miss that it is, which has a line of its own.
    pub(super) miss: Option<Miss>,
}

/// An id that leads to a person.
#[derive(Clone, Copy, Debug)]
pub(super) enum PersonId {
    Specialist(SpecialistId),
    Employment(EmploymentId),
    Fact(FactId),
}

impl Found {
    /// A read of one person without a verdict.
    pub(super) fn person(number: Option<CredentialNumber>, as_of: Option<Day>) -> Found {
        Found { number, as_of, ..Found::default() }
    }

    /// A person named by an id.
    pub(super) fn named(id: PersonId) -> Found {
        Found { id: Some(id), ..Found::default() }
    }

    /// Whom a command is about. Commands about providers and the registry are about nobody.
    pub(super) fn of_command(target: &Target) -> Found {
        match target {
            Target::Credential(number) => Found::person(Some(*number), None),
            Target::Specialist(id) => Found::named(PersonId::Specialist(*id)),
            Target::Employment(id) => Found::named(PersonId::Employment(*id)),
            Target::Fact(id) => Found::named(PersonId::Fact(*id)),
            Target::New | Target::Registry | Target::Provider(_) | Target::Staff(_) => Found::default(),
        }
    }

    /// Whom a search for facts is about.
    pub(super) fn of_facts(of: &FactsOf) -> Found {
        match of {
            FactsOf::Credential(number) => Found::person(Some(*number), None),
            FactsOf::Specialist(id) => Found::named(PersonId::Specialist(*id)),
            FactsOf::Employment(id) => Found::named(PersonId::Employment(*id)),
            FactsOf::Provider(_) => Found::default(),
        }
    }

    /// Whether it is about somebody.
    pub(super) fn is_of_a_person(self) -> bool {
        self.number.is_some() || self.id.is_some()
    }
}

/// A verdict in the word that the contract has for it.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "CONFIRMED",
        Verdict::ConfirmedWithLimits => "CONFIRMED_WITH_LIMITS",
        Verdict::NotConfirmed => "NOT_CONFIRMED",
        Verdict::Undetermined => "UNDETERMINED",
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

    /// What the question names the person by, in the form of the contract.
    fn named(&self, found: &Found) -> Option<Box<Named>> {
        let named = match found.id? {
            PersonId::Specialist(id) => Named { field: "specialist_id", id: id.to_string() },
            PersonId::Employment(id) => Named { field: "employment_id", id: id.to_string() },
            PersonId::Fact(id) => Named { field: "fact_id", id: encode::fact_id(id, &self.tags()) },
        };
        Some(Box::new(named))
    }

    /// Writes to the audit whom a question is about, before it is answered.
    pub(super) async fn note(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        found: Found,
    ) -> Result<(), Status> {
        if let Some(miss) = found.miss {
            // It is in the file when the line behind it is.
            drop(self.report_miss(asker, method, snapshot, found, miss).map_err(|_| status::audit_unavailable())?);
        }
        let question = Question {
            call: self.call(asker, method, snapshot),
            number: found.number.map(CredentialNumber::text),
            named: self.named(&found),
            as_of: found.as_of.map(Day::to_civil),
            verdict: found.verdict,
        };
        written(self.audit.report(question)).await
    }

    /// Writes a miss to the audit, before it is answered. The question has its own line.
    pub(super) async fn note_miss(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        about: Found,
        miss: Miss,
    ) -> Result<(), Status> {
        written(self.report_miss(asker, method, snapshot, about, miss)).await
    }

    fn report_miss(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        about: Found,
        miss: Miss,
    ) -> Result<Written, Unwritable> {
        self.audit.report_miss(Missed {
            call: self.call(asker, method, snapshot),
            number: about.number.map(CredentialNumber::text),
            named: self.named(&about),
            kind: miss.word(),
        })
    }

    /// Writes to the audit whom a question was about, answered or refused, before either goes out.
    pub(super) async fn note_outcome(
        &self,
        asker: &Asker,
        method: &'static str,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        outcome: Result<Found, Status>,
    ) -> Result<(), Status> {
        let found = outcome.as_ref().copied().unwrap_or_else(|error| ask.unanswered(error));
        self.note(asker, method, snapshot, found).await?;
        outcome.map(drop)
    }

    /// Begins to count a batch or a stream.
    pub(super) fn tally(&self, asker: &Asker, method: &'static str, snapshot: &Snapshot) -> BatchSummary {
        self.audit.tally(self.call(asker, method, snapshot))
    }

    /// Writes to the audit who is in a list, before it is answered. Of an empty list it writes whom the list was asked
    /// for.
    pub(super) fn note_all<'a, I>(
        &'a self,
        asker: &'a Asker,
        method: &'static str,
        snapshot: &'a Snapshot,
        asked: Found,
        numbers: I,
    ) -> impl Future<Output = Result<(), Status>> + use<'a, I>
    where
        I: IntoIterator<Item = Option<CredentialNumber>>,
    {
        let numbers: Vec<_> = numbers.into_iter().collect();
        async move {
            if numbers.is_empty() {
                return self.note(asker, method, snapshot, asked).await;
            }
            let mut tally = self.tally(asker, method, snapshot);
            for number in numbers {
                consume_budget().await;
                add_listed(&mut tally, number)?;
            }
            written(tally.close()).await
        }
    }
}

/// Waits until what was reported is in the file.
pub(super) async fn written(reported: Result<Written, Unwritable>) -> Result<(), Status> {
    let written = async { reported?.await };
    written.await.map_err(|_| status::audit_unavailable())
}

/// Adds a question to those of a batch or a stream. One without a verdict was at fault.
pub(super) fn add(tally: &mut BatchSummary, found: Found) -> Result<(), Status> {
    let number = found.number.map(CredentialNumber::text);
    let missed = found.miss.map_or(Ok(()), |miss| tally.missed(number, miss.word()));
    missed.and_then(|()| tally.add(number, found.verdict)).map_err(|_| status::audit_unavailable())
}

/// Adds a person to those of a list.
pub(super) fn add_listed(tally: &mut BatchSummary, number: Option<CredentialNumber>) -> Result<(), Status> {
    add(tally, Found { number, verdict: Some(LISTED), ..Found::default() })
}
