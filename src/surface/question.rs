//! Questions about credentials and claims: read, and answered from a snapshot.

use tonic::{Code, Status};

use super::decode::{Claim, Place};
use super::encode::Wire;
use super::miss::Miss;
use super::read_audit::{Found, REFUSED, word};
use super::redaction::Asker;
use super::searches::Sought;
use super::{Contract, answered_from, day_asked, decode, encode, status, unreadable};
use crate::domain::day::Day;
use crate::domain::decide::Rejection;
use crate::proto::v1;
use crate::registry::question::{Answer, Ask};
use crate::registry::snapshot::Snapshot;

/// How many questions of a batch or a stream are read before the first of them is answered. A batch yields after this
/// many.
pub(super) const TOGETHER: usize = 16;

/// An item of a batch or a stream.
pub(super) trait Item: Send + Sync {
    /// The question that it is.
    type Question<'i>: Question
    where
        Self: 'i;

    /// Reads it.
    fn read(&self, place: Place) -> Result<Self::Question<'_>, Rejection>;

    /// The caller's own id of it, given back with the answer.
    fn correlation_id(&self) -> &str;
}

/// A question: about a credential, or about a claim.
pub(super) trait Question: Send + Sync {
    /// Whether the provider's peer support service counts too.
    const IS_BILLING: bool;

    /// What it asks of the registry.
    fn ask(&self) -> &Ask<'_>;

    /// The day that it is about.
    fn day(&self, place: Place, snapshot: &Snapshot) -> Result<Day, Status>;

    /// Writes what was found as a field of a message.
    fn write(&self, found: &Answer<'_>, snapshot: &Snapshot, asker: &Asker, wire: &mut Wire, field: u8);

    /// Answers it from a snapshot, and writes the answer as a field of a message.
    fn answer(
        &self,
        place: Place,
        (contract, snapshot): (&Contract, &Snapshot),
        asker: &Asker,
        wire: &mut Wire,
        field: u8,
    ) -> impl Future<Output = Result<Found, Status>> + Send {
        async move {
            let ask = self.ask();
            asker.check_provider_asked(place, snapshot, ask.provider.as_ref())?;
            let day = self.day(place, snapshot)?;
            let search = contract.begin_search(asker, Sought::by_ask(ask), snapshot).await?;
            let encoded = |found: &Answer<'_>| {
                self.write(found, snapshot, asker, wire, field);
                (ask.noted(found), Miss::of_answer(found))
            };
            let answered = snapshot.answer(ask, day, Self::IS_BILLING, encoded).await;
            let (found, miss) = answered.map_err(|error| unreadable(&error))?;
            Ok(Found { miss: contract.end_search(asker, search, snapshot, miss).await?, ..found })
        }
    }
}

impl Item for v1::VerificationItem {
    type Question<'i> = Ask<'i>;

    fn read(&self, place: Place) -> Result<Ask<'_>, Rejection> {
        decode::verification_item(place, Some(self))
    }

    fn correlation_id(&self) -> &str {
        &self.correlation_id
    }
}

impl Item for v1::EligibilityItem {
    type Question<'i> = Claim<'i>;

    fn read(&self, place: Place) -> Result<Claim<'_>, Rejection> {
        decode::eligibility_item(place, Some(self))
    }

    fn correlation_id(&self) -> &str {
        &self.correlation_id
    }
}

impl Question for Ask<'_> {
    const IS_BILLING: bool = false;

    fn ask(&self) -> &Ask<'_> {
        self
    }

    fn day(&self, place: Place, snapshot: &Snapshot) -> Result<Day, Status> {
        day_asked(snapshot, format_args!("{place}.as_of"), self.as_of)
    }

    fn write(&self, found: &Answer<'_>, snapshot: &Snapshot, asker: &Asker, wire: &mut Wire, field: u8) {
        asker.verification(snapshot, self, found).write(wire, field, &answered_from(snapshot));
    }
}

impl Question for Claim<'_> {
    const IS_BILLING: bool = true;

    fn ask(&self) -> &Ask<'_> {
        &self.ask
    }

    fn day(&self, _: Place, _: &Snapshot) -> Result<Day, Status> {
        Ok(self.date_of_service)
    }

    fn write(&self, found: &Answer<'_>, snapshot: &Snapshot, _: &Asker, wire: &mut Wire, field: u8) {
        let Answer { as_of, finding, .. } = *found;
        let limits = snapshot.coverage_limits(as_of, self.units, encode::is_eligible(finding.verdict));
        let eligibility = encode::Eligibility { number: self.ask.number(), as_of, finding, limits };
        eligibility.write(wire, field, &answered_from(snapshot));
    }
}

impl Ask<'_> {
    /// What the audit has of the question where it is not answered: that it was refused, or, without a verdict, that it
    /// was at fault.
    pub(super) fn unanswered(&self, error: &Status) -> Found {
        let is_refusal = matches!(error.code(), Code::ResourceExhausted | Code::PermissionDenied);
        Found { verdict: is_refusal.then_some(REFUSED), ..Found::person(self.number(), self.as_of) }
    }

    /// What the audit has of an answer: the credential found, or else the one asked about.
    fn noted(&self, found: &Answer<'_>) -> Found {
        let number = found.timeline.as_ref().map(|timeline| timeline.number).or(self.number());
        Found { verdict: Some(word(found.finding.verdict)), ..Found::person(number, Some(found.as_of)) }
    }
}

/// Reads items with their places, and prefetches what they ask about, so that all memory accesses wait together.
pub(super) fn read_together<'i, I: Item>(
    snapshot: &Snapshot,
    items: impl Iterator<Item = (Place, &'i I)>,
) -> Vec<Result<I::Question<'i>, Rejection>> {
    let questions: Vec<_> = items.map(|(place, item)| item.read(place)).collect();
    snapshot.bring_near(questions.iter().flatten().map(Question::ask));
    questions
}

/// Writes the answer to one item as a field of a message: an item at fault has its error, and the others their answers.
/// What the audit has of it: an item at fault has no verdict.
pub(super) async fn write_result<I: Item>(
    registry: (&Contract, &Snapshot),
    asker: &Asker,
    (place, item): (Place, &I),
    question: Result<I::Question<'_>, Rejection>,
    wire: &mut Wire,
    field: u8,
) -> Found {
    let begun = wire.begin(field);
    wire.text(1, item.correlation_id());
    let answered = match &question {
        Ok(question) => question.answer(place, registry, asker, wire, 2).await,
        Err(rejection) => Err(status::rejected(rejection)),
    };
    let found = answered.unwrap_or_else(|error| {
        wire.built(3, &status::to_rpc_status(&error));
        question.map(|question| question.ask().unanswered(&error)).unwrap_or_default()
    });
    wire.end(begun);
    found
}
