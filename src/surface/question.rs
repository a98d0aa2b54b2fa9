//! Questions about credentials and claims: decoding, and answering from a snapshot.

use tonic::{Code, Status};

use super::decode::{Claim, ItemPath};
use super::encode::Wire;
use super::miss::Miss;
use super::read_audit::{AuditEntry, REFUSED, verdict_name};
use super::redaction::CallContext;
use super::searches::SearchTarget;
use super::{Contract, answered_from, day_asked, decode, encode, status, unreadable};
use crate::domain::day::Day;
use crate::domain::decide::Rejection;
use crate::proto::v1;
use crate::registry::question::{Answer, Ask};
use crate::registry::snapshot::Snapshot;

/// The number of questions of a batch or a stream that are decoded before the first is answered. A batch yields after
/// this many.
pub(super) const TOGETHER: usize = 16;

/// An item of a batch or a stream.
pub(super) trait Item: Send + Sync {
    /// The item's question.
    type Question<'i>: Question
    where
        Self: 'i;

    /// Decodes the item.
    fn read(&self, path: ItemPath) -> Result<Self::Question<'_>, Rejection>;

    /// The caller's id of the item, which is returned with the answer.
    fn correlation_id(&self) -> &str;
}

/// A question: about a credential, about a claim, or about a claim that was answered earlier.
pub(super) trait Question: Send + Sync {
    /// Returns the question for the registry.
    fn ask(&self) -> &Ask<'_>;

    /// Answers the question from a snapshot, and writes the answer as a field of a message. Writes nothing on an error.
    fn answer(
        &self,
        path: ItemPath,
        registry: (&Contract, &Snapshot),
        context: &CallContext,
        wire: &mut Wire,
        field: u8,
    ) -> impl Future<Output = Result<AuditEntry, Status>> + Send;
}

impl Item for v1::VerificationItem {
    type Question<'i> = Ask<'i>;

    fn read(&self, path: ItemPath) -> Result<Ask<'_>, Rejection> {
        decode::verification_item(path, Some(self))
    }

    fn correlation_id(&self) -> &str {
        &self.correlation_id
    }
}

impl Item for v1::EligibilityItem {
    type Question<'i> = Claim<'i>;

    fn read(&self, path: ItemPath) -> Result<Claim<'_>, Rejection> {
        decode::eligibility_item(path, Some(self))
    }

    fn correlation_id(&self) -> &str {
        &self.correlation_id
    }
}

impl Question for Ask<'_> {
    fn ask(&self) -> &Ask<'_> {
        self
    }

    async fn answer(
        &self,
        path: ItemPath,
        (contract, snapshot): (&Contract, &Snapshot),
        context: &CallContext,
        wire: &mut Wire,
        field: u8,
    ) -> Result<AuditEntry, Status> {
        context.check_provider_asked(path, snapshot, self.provider.as_ref())?;
        let day = day_asked(snapshot, format_args!("{path}.as_of"), self.as_of)?;
        if context.lacks_family_name(snapshot, self).await? {
            return Err(status::family_name_required(path));
        }
        let write = |found: &Answer<'_>| {
            context.verification(snapshot, self, found).write(wire, field, &answered_from(snapshot));
        };
        answer_once(self, (day, false), (contract, snapshot), context, write).await
    }
}

impl Question for Claim<'_> {
    fn ask(&self) -> &Ask<'_> {
        &self.ask
    }

    async fn answer(
        &self,
        path: ItemPath,
        (contract, snapshot): (&Contract, &Snapshot),
        context: &CallContext,
        wire: &mut Wire,
        field: u8,
    ) -> Result<AuditEntry, Status> {
        context.check_provider_asked(path, snapshot, self.ask.provider.as_ref())?;
        if context.lacks_family_name(snapshot, &self.ask).await? {
            return Err(status::family_name_required(path));
        }
        let write = |found: &Answer<'_>| {
            self.eligibility(found, snapshot, context).write(wire, field, &answered_from(snapshot));
        };
        answer_once(&self.ask, (self.date_of_service, true), (contract, snapshot), context, write).await
    }
}

impl Claim<'_> {
    /// Returns the answer of a snapshot, as it is encoded.
    pub(super) fn eligibility(
        &self,
        found: &Answer<'_>,
        snapshot: &Snapshot,
        context: &CallContext,
    ) -> encode::Eligibility {
        let Answer { as_of, finding, .. } = *found;
        let limits = snapshot.coverage_limits(as_of, self.units, encode::is_eligible(finding.verdict));
        encode::Eligibility { number: context.answered_number(snapshot, &self.ask, found), as_of, finding, limits }
    }
}

/// Answers a question about a day from a snapshot, and passes the answer to `write`. If `billing` is set, the
/// provider's peer support service counts too.
async fn answer_once(
    ask: &Ask<'_>,
    (day, billing): (Day, bool),
    (contract, snapshot): (&Contract, &Snapshot),
    context: &CallContext,
    write: impl FnOnce(&Answer<'_>) + Send,
) -> Result<AuditEntry, Status> {
    let search = contract.begin_search(context, SearchTarget::by_ask(ask), snapshot).await?;
    let encoded = |found: &Answer<'_>| {
        write(found);
        (ask.audit_entry(found), Miss::of_answer(found))
    };
    let answered = snapshot.answer(ask, day, billing, encoded).await;
    let (found, miss) = answered.map_err(|error| unreadable(&error))?;
    Ok(AuditEntry { miss: contract.end_search(context, search, snapshot, miss).await?, ..found })
}

impl Ask<'_> {
    /// Returns the audit entry of a question that is not answered: refused, or without an outcome if it was invalid.
    pub(super) fn refused_entry(&self, error: &Status) -> AuditEntry {
        let is_refusal = matches!(error.code(), Code::ResourceExhausted | Code::PermissionDenied);
        AuditEntry { verdict: is_refusal.then_some(REFUSED), ..AuditEntry::person(self.number(), self.as_of) }
    }

    /// Returns the audit entry of an answer: the credential that was found, or else the one that was asked about.
    pub(super) fn audit_entry(&self, found: &Answer<'_>) -> AuditEntry {
        AuditEntry {
            verdict: Some(verdict_name(found.finding.verdict)),
            ..AuditEntry::person(found.found.or(self.number()), Some(found.as_of))
        }
    }
}

/// Decodes items, and prefetches what they ask about so that the memory latencies overlap.
pub(super) fn read_together<'i, I: Item>(
    snapshot: &Snapshot,
    items: impl Iterator<Item = (ItemPath, &'i I)>,
) -> Vec<Result<I::Question<'i>, Rejection>> {
    let questions: Vec<_> = items.map(|(path, item)| item.read(path)).collect();
    snapshot.prefetch(questions.iter().flatten().map(Question::ask));
    questions
}

/// Writes the result of one item as a field of a message: its answer, or its error. Returns its audit entry, without an
/// outcome if the item was invalid.
pub(super) async fn write_result<I: Item>(
    registry: (&Contract, &Snapshot),
    context: &CallContext,
    (path, item): (ItemPath, &I),
    question: Result<I::Question<'_>, Rejection>,
    wire: &mut Wire,
    field: u8,
) -> AuditEntry {
    let begun = wire.begin(field);
    wire.text(1, item.correlation_id());
    let answered = match &question {
        Ok(question) => question.answer(path, registry, context, wire, 2).await,
        Err(rejection) => Err(status::rejected(rejection)),
    };
    let found = answered.unwrap_or_else(|error| {
        wire.built(3, &status::to_rpc_status(&error));
        question.map(|question| question.ask().refused_entry(&error)).unwrap_or_default()
    });
    wire.end(begun);
    found
}
