//! Redaction: what a caller may see of an answer, according to its right for the call.
//!
//! The services compute complete answers and pass them through here; no other file removes anything from an answer.
//! Where the caller may not see a person, this is checked before anything about the person is read, so that a refusal
//! takes no longer than one for a person who is not on file.

use std::fmt::Display;
use std::sync::Arc;

use tonic::{Request, Status};

use super::encode::Holder;
use super::request_id::RequestId;
use super::{encode, status, unreadable};
use crate::auth::{Caller, Fields, Method, Right, Rows, role_word};
use crate::domain::day::Day;
use crate::domain::fact::Reporter;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::domain::record::{Change, Foreseen};
use crate::domain::sets::Designations;
use crate::domain::timeline::Timeline;
use crate::domain::verdict::Finding;
use crate::proto::v1;
use crate::registry::question::{Answer, Ask, AskProvider, AskSubject};
use crate::registry::snapshot::Snapshot;
use crate::registry::verdict_change::Cause;
use crate::registry::{Impact, Receipt, Resource};

/// The authenticated caller and its right for the present call, as resolved by admission.
#[derive(Clone, Debug)]
pub(super) struct CallContext {
    pub(super) caller: Arc<Caller>,
    pub(super) method: &'static Method,
    pub(super) right: Right,
    pub(super) request_id: RequestId,
    /// The memory that the call's headers take.
    pub(super) headers_bytes: usize,
}

/// The counts in a receipt that the caller may see: of changes, and of people. What is removed from the receipt is not
/// counted either, unless the caller's right is to see the counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) changes: u32,
    pub(super) foreseen: u32,
    pub(super) people: u32,
    /// True for a validate_only employment report about someone who is not the caller's staff; the response then
    /// contains only what the caller sent.
    echo_only: bool,
}

impl Shown {
    /// Returns the numbers of changes, of changes foreseen, and of people.
    pub(super) fn counts(self) -> (u32, u32, u32) {
        (self.changes, self.foreseen, self.people)
    }

    /// Redacts a job in the receipt.
    pub(super) fn employment(self, mut employment: v1::Employment) -> v1::Employment {
        if !self.echo_only {
            return employment;
        }
        // Every field is listed, so that a new field does not compile until it is handled here.
        let v1::Employment {
            specialist_id,
            credential_number,
            // The caller sent these.
            fact_id: _,
            provider_id: _,
            employment_id: _,
            position: _,
            first_day: _,
            last_day: _,
            supervised: _,
        } = &mut employment;
        specialist_id.clear();
        credential_number.clear();
        employment
    }
}

/// Returns the caller, as resolved by admission.
pub(super) fn context<T>(request: &Request<T>) -> Result<CallContext, Status> {
    request.extensions().get::<CallContext>().cloned().ok_or_else(not_admitted)
}

/// Returns the refusal of a call that did not pass admission.
pub(super) fn not_admitted() -> Status {
    status::unauthenticated("the call was not admitted")
}

impl CallContext {
    /// Returns the caller's provider, if the caller is one.
    pub(super) fn own(&self) -> Option<&ProviderId> {
        self.caller.own_provider()
    }

    /// Refuses a provider that names another provider, whether that is on file or not.
    pub(super) fn refuse_other(&self, provider: Option<&str>) -> Result<(), Status> {
        match (self.own(), provider) {
            (Some(own), Some(named)) if own.as_str() != named => Err(other_provider()),
            _ => Ok(()),
        }
    }

    /// Like [`CallContext::refuse_other`], but for a question. An identifier is the caller's own if it was so at the
    /// pinned revision. A malformed identifier is a fault of the question unless it is on file; a provider cannot learn
    /// whether another provider has it.
    pub(super) fn check_provider_asked(
        &self,
        path: impl Display,
        snapshot: &Snapshot,
        asked: Option<&AskProvider<'_>>,
    ) -> Result<(), Status> {
        let identifier = match asked {
            Some(AskProvider::Identifier(identifier)) => identifier,
            Some(AskProvider::Id(id)) => return self.refuse_other(Some(id)),
            None => return Ok(()),
        };
        let (own, fault) = (self.own(), identifier.fault());
        if own.is_none() && fault.is_none() {
            return Ok(());
        }
        let bearer = snapshot.provider_with(identifier);
        if bearer.is_some_and(|file| own.is_none_or(|own| file.id == *own)) {
            return Ok(());
        }
        Err(fault.map_or_else(other_provider, |fault| status::invalid_field(&format!("{path}.npi"), fault)))
    }

    /// True if the caller may see the holder of a credential. Decided at the head, usually without reading the disk.
    pub(super) fn reaches(&self, snapshot: &Snapshot, number: CredentialNumber) -> bool {
        match self.right.rows {
            Rows::Everything => true,
            Rows::OwnStaff | Rows::OwnStaffAndVerdicts => self.own().is_some_and(|own| snapshot.is_staff(own, number)),
            Rows::OwnFacts | Rows::Providers | Rows::Nobody => false,
        }
    }

    /// True for a provider's question by prior number that must have a family name and has none, because it is not
    /// about the provider's own staff. The same whether the prior number is on file or not.
    pub(super) async fn lacks_family_name(&self, snapshot: &Snapshot, ask: &Ask<'_>) -> Result<bool, Status> {
        let AskSubject::PriorNumber(prior) = &ask.subject else { return Ok(false) };
        let Some(own) = self.own().filter(|_| ask.family_name.is_none()).cloned() else { return Ok(false) };
        let Some(prior) = prior.clone() else { return Ok(true) };
        let borne = snapshot.off_thread(move |snapshot| snapshot.is_borne_by_staff(&own, &prior)).await;
        borne.map(|is_borne| !is_borne).map_err(|error| unreadable(&error))
    }

    /// Returns the number in the answer to a question: the one that was asked about, or, for a question by holder or
    /// prior number, that of the credential found, if the caller may see it.
    pub(super) fn answered_number(
        &self,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        found: &Answer<'_>,
    ) -> Option<CredentialNumber> {
        ask.number().or_else(|| found.found.filter(|number| self.reaches(snapshot, *number)))
    }

    /// Redacts the answer to a question about a credential.
    pub(super) fn verification<'a>(
        &self,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        found: &Answer<'a>,
    ) -> encode::Verification<'a> {
        let Answer { as_of, finding, timeline, .. } = *found;
        let number = self.answered_number(snapshot, ask, found);
        let Some(timeline) = timeline else { return encode::Verification { number, as_of, finding, credential: None } };
        if !self.reaches(snapshot, timeline.number) {
            // Every field is listed, so that a new field does not compile until it is handled here.
            let Finding { verdict, reasons, settlement, missing: _, standing: _, may_practice: _ } = finding;
            let missing = Designations::default();
            let finding = Finding { verdict, reasons, missing, settlement, standing: None, may_practice: None };
            return encode::Verification { number, as_of, finding, credential: None };
        }
        let missing = if self.sees_designations() { finding.missing } else { Designations::default() };
        let credential = self.holder().map(|holder| (timeline, holder));
        let finding = Finding { missing, ..finding };
        encode::Verification { number, as_of, finding, credential }
    }

    /// Encodes a credential that the caller may see; `None` if the caller sees no credentials.
    pub(super) fn credential(&self, timeline: &Timeline, as_of: Day) -> Option<v1::Credential> {
        self.holder().map(|holder| match holder {
            Holder::Shown => encode::credential(timeline, as_of),
            Holder::LeftOut => encode::credential_without_holder(timeline, as_of),
        })
    }

    /// Returns whether credentials are shown with their holders; `None` if no credential is shown.
    fn holder(&self) -> Option<Holder> {
        match self.right.fields {
            Fields::All | Fields::OfAnEmployer => Some(Holder::Shown),
            Fields::OfAPayer => Some(Holder::LeftOut),
            Fields::Counts | Fields::Nothing => None,
        }
    }

    /// True if the caller may see the kind of a fact that changed a verdict. A provider may if the fact is about a job
    /// with it, or about itself.
    pub(super) fn sees_cause(&self, cause: &Cause) -> bool {
        self.own().is_none_or(|own| cause.provider.as_ref() == Some(own))
    }

    /// True if the caller only sees facts that it may amend.
    pub(super) fn sees_own_facts_only(&self) -> bool {
        self.right.rows != Rows::Everything
    }

    /// Returns the provider to whose own staff the caller is restricted; `None` if it sees everyone.
    pub(super) fn own_staff_of(&self) -> Option<ProviderId> {
        self.own().filter(|_| self.right.rows != Rows::Everything).cloned()
    }

    /// True if the caller sees the name of the holder of a credential. Decided at the head, usually without reading the
    /// disk.
    pub(super) fn sees_holder(&self, snapshot: &Snapshot, number: CredentialNumber) -> bool {
        match self.right.fields {
            Fields::All => true,
            Fields::OfAnEmployer => self.own().is_some_and(|own| snapshot.is_staff(own, number)),
            Fields::OfAPayer | Fields::Counts | Fields::Nothing => false,
        }
    }

    /// True if the caller sees designations.
    pub(super) fn sees_designations(&self) -> bool {
        matches!(self.right.fields, Fields::All | Fields::OfAnEmployer)
    }

    /// Redacts a fact that the caller may see. If someone else reported it, an employer sees the reporter's role
    /// instead of the client's name.
    pub(super) fn fact(&self, reporter: &Reporter, mut fact: v1::Fact) -> v1::Fact {
        let is_certifier = match self.right.fields {
            Fields::All => return fact,
            Fields::Counts | Fields::Nothing => true,
            Fields::OfAnEmployer | Fields::OfAPayer => false,
        };
        // Every field is listed, so that a new field does not compile until it is handled here.
        let v1::Fact {
            caller,
            note,
            name,
            birth_date,
            death_date,
            text,
            decision_note,
            criteria,
            // Everyone who may see the fact sees these.
            fact_id: _,
            kind: _,
            revision: _,
            recorded_at: _,
            request_id: _,
            retracted: _,
            retracted_by_fact_id: _,
            target_fact_id: _,
            reason: _,
            credential_number: _,
            specialist_id: _,
            provider_id: _,
            employment_id: _,
            first_day: _,
            last_day: _,
            valid_through: _,
            effective_from: _,
            term_last_day: _,
            legal_name: _,
            facility_type: _,
            county: _,
            identifiers: _,
            qualification_basis: _,
            suspension_basis: _,
            revocation_basis: _,
            issuance_basis: _,
            rule_set_id: _,
            designations: _,
            code: _,
            position: _,
            supervised: _,
            end_reason: _,
            prior_number: _,
        } = &mut fact;
        (*birth_date, *death_date) = (None, None);
        text.clear();
        decision_note.clear();
        criteria.clear();
        // The certifier sees notes, because its facts are about providers.
        if !is_certifier {
            (*note, *name) = (String::new(), None);
            if reporter.role != self.caller.reporter().role {
                role_word(&reporter.role).clone_into(caller);
            }
        }
        fact
    }

    /// Removes from a receipt what the caller may not see, and counts the rest.
    pub(super) fn redact_receipt(&self, receipt: &mut Receipt, validate_only: bool) -> Shown {
        let is_about_non_staff = validate_only && self.is_about_non_staff(receipt);
        // Every field is listed, so that a new field does not compile until it is handled here.
        let Receipt {
            changes,
            foreseen: Foreseen { count, first: foreseen },
            specialist_count,
            // Every caller of a command sees these. A fact or a job in the resource is redacted where it is encoded.
            revision: _,
            token: _,
            fact_ids: _,
            today: _,
            resource: _,
            employment_count: _,
            unassigned: _,
        } = receipt;
        self.redact_changes(changes, (*count, foreseen), *specialist_count, is_about_non_staff)
    }

    /// Removes from an impact what the caller may not see, and counts the rest.
    pub(super) fn redact_impact(&self, impact: &mut Impact) -> Shown {
        // Every field is listed, so that a new field does not compile until it is handled here.
        let Impact { changes, foreseen, specialist_count, revision: _ } = impact;
        let count = u32::try_from(foreseen.len()).unwrap_or(u32::MAX);
        self.redact_changes(changes, (count, foreseen), *specialist_count, false)
    }

    /// Removes the changes that the caller may not see, and counts the rest.
    fn redact_changes(
        &self,
        changes: &mut Vec<Change>,
        (count, foreseen): (u32, &mut Vec<Change>),
        people: u32,
        is_about_non_staff: bool,
    ) -> Shown {
        let mut shown = Shown {
            changes: u32::try_from(changes.len()).unwrap_or(u32::MAX),
            foreseen: count,
            people,
            echo_only: false,
        };
        match self.right.fields {
            Fields::All => {}
            Fields::Counts | Fields::Nothing => {
                changes.clear();
                foreseen.clear();
            }
            Fields::OfAnEmployer | Fields::OfAPayer => {
                shown.echo_only = is_about_non_staff;
                let sees = |change: &Change| !shown.echo_only && self.own().is_some_and(|own| concerns(change, own));
                let before = (changes.len(), foreseen.len());
                changes.retain(sees);
                foreseen.retain(sees);
                let left_out = |before: usize, kept: usize| u32::try_from(before - kept).unwrap_or(u32::MAX);
                shown.changes = shown.changes.saturating_sub(left_out(before.0, changes.len()));
                shown.foreseen = shown.foreseen.saturating_sub(left_out(before.1, foreseen.len()));
                if changes.is_empty() && foreseen.is_empty() {
                    (shown.foreseen, shown.people) = (0, 0);
                }
            }
        }
        shown
    }

    /// True if a receipt is about a person who has no job with the caller up to the receipt's revision.
    fn is_about_non_staff(&self, receipt: &Receipt) -> bool {
        let (Resource::Employments(jobs), Some(own)) = (&receipt.resource, self.own()) else { return false };
        let is_known = |(employer, since): &(ProviderId, Revision)| employer == own && *since <= receipt.revision;
        jobs.iter().any(|reported| !reported.employers.iter().any(is_known))
    }
}

/// True if a change that resulted from a provider's own report concerns that provider, and no other employer.
fn concerns(change: &Change, own: &ProviderId) -> bool {
    match change {
        Change::Standing { .. } | Change::Designation { .. } | Change::Records { .. } => true,
        Change::Coverage { provider, .. } | Change::Service { provider, .. } | Change::Provider { provider, .. } => {
            provider == own
        }
    }
}

fn other_provider() -> Status {
    status::permission_denied("a provider may not name another provider")
}
