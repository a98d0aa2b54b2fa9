//! Reviews: a claim that was answered earlier is asked about twice, as known then and as known now.

use tonic::Status;

use super::decode::{AnsweredClaim, ItemPath};
use super::encode::Wire;
use super::miss::Miss;
use super::question::{Item, Question};
use super::read_audit::AuditEntry;
use super::redaction::CallContext;
use super::searches::SearchTarget;
use super::{Contract, answered_from, decode, encode, status, unpinned, unreadable};
use crate::domain::decide::Rejection;
use crate::proto::v1;
use crate::registry::PinError;
use crate::registry::question::{Answer, Ask};
use crate::registry::snapshot::Snapshot;
use crate::registry::verdict_change::VerdictChange;

impl Item for v1::ReviewItem {
    type Question<'i> = AnsweredClaim<'i>;

    fn read(&self, path: ItemPath) -> Result<AnsweredClaim<'_>, Rejection> {
        decode::review_item(path, Some(self))
    }

    fn correlation_id(&self) -> &str {
        self.claim.as_ref().map_or("", |claim| &claim.correlation_id)
    }
}

impl Question for AnsweredClaim<'_> {
    fn ask(&self) -> &Ask<'_> {
        &self.claim.ask
    }

    async fn answer(
        &self,
        path: ItemPath,
        (contract, now): (&Contract, &Snapshot),
        context: &CallContext,
        wire: &mut Wire,
        field: u8,
    ) -> Result<AuditEntry, Status> {
        let AnsweredClaim { claim, epoch, revision } = self;
        let (ask, day) = (&claim.ask, claim.date_of_service);
        let pinned = contract.registry.pin_before(now, *epoch, *revision).await;
        let then = pinned.map_err(|error| not_relied_on(path, error))?;
        for snapshot in [&then, now] {
            context.check_provider_asked(format_args!("{path}.claim"), snapshot, ask.provider.as_ref())?;
            if context.lacks_family_name(snapshot, ask).await? {
                return Err(status::family_name_required(format_args!("{path}.claim")));
            }
        }
        let search = contract.begin_search(context, SearchTarget::by_ask(ask), now).await?;
        let look = async |snapshot: &Snapshot| {
            let seen = |found: &Answer<'_>| {
                (claim.eligibility(found, snapshot, context), Miss::of_answer(found), ask.audit_entry(found))
            };
            snapshot.answer(ask, day, true, seen).await.map_err(|error| unreadable(&error))
        };
        let (eligible_then, missed_then, found_then) = look(&then).await?;
        let (eligible_now, missed_now, found) = look(now).await?;
        let (was, verdict) = (eligible_then.finding.verdict, eligible_now.finding.verdict);
        let change = if was == verdict {
            None
        } else {
            let change = now.verdict_change(*revision, ask, day, verdict).await;
            Some(change.map_err(|error| unreadable(&error))?)
        };
        let miss = contract.end_search(context, search, now, missed_now.or(missed_then)).await?;
        let review = encode::Review {
            then: eligible_then,
            now: eligible_now,
            changed_at: change.as_ref().map(changed_at),
            fact_kinds: change.map(|change| context.fact_kinds(&change)).unwrap_or_default(),
        };
        review.write(wire, field, &answered_from(&then), &answered_from(now));
        let other =
            found_then.number.zip(found_then.verdict).filter(|(then, _)| found.number.is_some_and(|now| now != *then));
        Ok(AuditEntry { miss, number: found.number.or(found_then.number), other, ..found })
    }
}

impl CallContext {
    /// Returns the kinds of the facts that changed a verdict and that the caller may see, each once.
    fn fact_kinds(&self, change: &VerdictChange) -> Vec<i32> {
        let mut kinds = Vec::new();
        for cause in change.facts.iter().filter(|cause| self.sees_cause(cause)) {
            let kind = encode::fact_kind(&cause.fact);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

fn changed_at(change: &VerdictChange) -> v1::ChangedAt {
    v1::ChangedAt {
        epoch: change.epoch.to_string(),
        revision: change.revision.0,
        recorded_at: change.recorded_at.map(encode::timestamp),
    }
}

/// Returns the status for a revision that an earlier answer cannot have relied on.
fn not_relied_on(path: ItemPath, error: PinError) -> Status {
    let field = format!("{path}.relied_on");
    match error {
        PinError::BeyondHead { asked, head } => {
            status::relied_on_out_of_range(&format!("{field}.revision"), asked, head)
        }
        error => unpinned(&field, error),
    }
}
