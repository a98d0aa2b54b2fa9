//! Redaction: what a caller sees, by the table of who may do what, for the call at hand.
//!
//! The services work out answers whole and pass them through here; nothing else decides what is left out. Whatever is
//! not the caller's to see is decided before it is read, so that it takes no longer to refuse than what is not on file.

use std::sync::Arc;

use tonic::{Request, Status};

use super::decode::Place;
use super::encode::Holder;
use super::request_id::RequestId;
use super::{encode, status};
use crate::auth::{Caller, Fields, Method, Right, Rows};
use crate::domain::day::Day;
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::{CredentialNumber, ProviderId};
use crate::domain::record::{Change, Foreseen};
use crate::domain::sets::Designations;
use crate::domain::specialist::Job;
use crate::domain::timeline::Timeline;
use crate::domain::verdict::Finding;
use crate::proto::v1;
use crate::registry::question::{Answer, Ask, AskProvider};
use crate::registry::snapshot::Snapshot;
use crate::registry::{Receipt, Resource};

/// A caller with its right for the call at hand.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) caller: Arc<Caller>,
    pub(super) method: &'static Method,
    pub(super) right: Right,
    pub(super) request_id: RequestId,
    /// What the headers of the call take of memory.
    pub(super) headers_bytes: usize,
}

/// What is shown of a receipt: how many changes it counts, and of how many people. Of what is left out nothing is
/// counted either, unless the counts are what the caller may see.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) changes: u32,
    pub(super) foreseen: u32,
    pub(super) people: u32,
    /// Whether it is of a job that was only judged, of somebody who is not the caller's staff: nothing is shown then
    /// that the caller did not say.
    of_a_stranger: bool,
}

impl Shown {
    /// A job in the receipt.
    pub(super) fn employment(self, mut employment: v1::Employment) -> v1::Employment {
        if !self.of_a_stranger {
            return employment;
        }
        // Every field by name: a new one does not compile until it is decided here.
        let v1::Employment {
            specialist_id,
            credential_number,
            // The caller said these.
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

/// Who asks, as admission found it.
pub(super) fn asker<T>(request: &Request<T>) -> Result<Asker, Status> {
    request.extensions().get::<Asker>().cloned().ok_or_else(not_admitted)
}

/// The refusal of a call that did not pass admission.
pub(super) fn not_admitted() -> Status {
    status::unauthenticated("the call was not admitted")
}

impl Asker {
    /// The provider that the caller is, if it is one.
    pub(super) fn own(&self) -> Option<&ProviderId> {
        self.caller.own_provider()
    }

    /// Refuses a caller that names another provider than the one it is, on file or not.
    pub(super) fn refuse_other(&self, provider: Option<&str>) -> Result<(), Status> {
        match (self.own(), provider) {
            (Some(own), Some(named)) if own.as_str() != named => Err(other_provider()),
            _ => Ok(()),
        }
    }

    /// The same for a question. An identifier is the caller's own where it was so at the state of knowledge asked for.
    /// A malformed identifier is a fault of the question, unless it is on file; a provider cannot learn whether another
    /// provider has it.
    pub(super) fn check_provider_asked(
        &self,
        place: Place,
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
        Err(fault.map_or_else(other_provider, |fault| status::invalid_field(&format!("{place}.npi"), fault)))
    }

    /// Whether the holder of a credential is the caller's to see: decided at the head, without reading the disk.
    pub(super) fn reaches(&self, snapshot: &Snapshot, number: CredentialNumber) -> bool {
        match self.right.rows {
            Rows::Everything => true,
            Rows::OwnStaff | Rows::OwnStaffAndVerdicts => self.own().is_some_and(|own| snapshot.is_staff(own, number)),
            Rows::OwnFacts | Rows::Providers => false,
        }
    }

    /// The answer to a question about a credential. It echoes the number that was asked about; of a holder that was
    /// asked about it shows the number to those who reach the credential.
    pub(super) fn verification<'a>(
        &self,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        found: &Answer<'a>,
    ) -> encode::Verification<'a> {
        let Answer { as_of, finding, timeline } = *found;
        let number = ask.number();
        let Some(timeline) = timeline else { return encode::Verification { number, as_of, finding, credential: None } };
        if !self.reaches(snapshot, timeline.number) {
            // Every field by name: a new one does not compile until it is decided here.
            let Finding { verdict, reasons, settlement, missing: _, standing: _, may_practice: _ } = finding;
            let missing = Designations::default();
            let finding = Finding { verdict, reasons, missing, settlement, standing: None, may_practice: None };
            return encode::Verification { number, as_of, finding, credential: None };
        }
        let missing = if self.sees_designations() { finding.missing } else { Designations::default() };
        let credential = self.holder().map(|holder| (timeline, holder));
        let (number, finding) = (Some(timeline.number), Finding { missing, ..finding });
        encode::Verification { number, as_of, finding, credential }
    }

    /// A credential that the caller reaches.
    pub(super) fn credential(&self, timeline: &Timeline, as_of: Day) -> Option<v1::Credential> {
        self.holder().map(|holder| match holder {
            Holder::Shown => encode::credential(timeline, as_of),
            Holder::LeftOut => encode::credential_without_holder(timeline, as_of),
        })
    }

    /// Whether credentials are shown with their holders; none: no credential is shown.
    fn holder(&self) -> Option<Holder> {
        match self.right.fields {
            Fields::All | Fields::OfAnEmployer => Some(Holder::Shown),
            Fields::OfAPayer => Some(Holder::LeftOut),
            Fields::Counts => None,
        }
    }

    /// Whether only facts that the caller may amend are shown.
    pub(super) fn sees_own_facts_only(&self) -> bool {
        self.right.rows != Rows::Everything
    }

    /// The provider whose own staff alone is shown; none: everyone.
    pub(super) fn own_staff_of(&self) -> Option<ProviderId> {
        self.own().filter(|_| self.right.rows != Rows::Everything).cloned()
    }

    /// Whether designations are shown.
    pub(super) fn sees_designations(&self) -> bool {
        matches!(self.right.fields, Fields::All | Fields::OfAnEmployer)
    }

    /// A fact that the caller reaches. An employer sees the role of another who reported it, and no client's name.
    pub(super) fn fact(&self, reporter: &Reporter, mut fact: v1::Fact) -> v1::Fact {
        let is_certifier = match self.right.fields {
            Fields::All => return fact,
            Fields::Counts => true,
            Fields::OfAnEmployer | Fields::OfAPayer => false,
        };
        // Every field by name: a new one does not compile until it is decided here.
        let v1::Fact {
            caller,
            note,
            name,
            birth_date,
            death_date,
            text,
            decision_note,
            criteria,
            // Everyone who reaches a fact sees these.
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
        } = &mut fact;
        (*birth_date, *death_date) = (None, None);
        text.clear();
        decision_note.clear();
        criteria.clear();
        // The certifier's notes are about providers.
        if !is_certifier {
            (*note, *name) = (String::new(), None);
            if reporter.role != self.caller.reporter().role {
                role_word(&reporter.role).clone_into(caller);
            }
        }
        fact
    }

    /// Leaves out of a receipt what the caller does not see, and counts what it may know of.
    pub(super) fn narrow(&self, receipt: &mut Receipt, validate_only: bool) -> Shown {
        let is_of_a_stranger = validate_only && self.is_of_a_stranger(receipt);
        // Every field by name: a new one does not compile until it is decided here.
        let Receipt {
            changes,
            foreseen: Foreseen { count, first: foreseen },
            specialist_count,
            // Every caller of a command sees these. A fact or a job in the resource is narrowed where it is encoded.
            revision: _,
            token: _,
            fact_ids: _,
            today: _,
            resource: _,
            unassigned: _,
        } = receipt;
        let mut shown = Shown {
            changes: u32::try_from(changes.len()).unwrap_or(u32::MAX),
            foreseen: *count,
            people: *specialist_count,
            of_a_stranger: false,
        };
        match self.right.fields {
            Fields::All => {}
            Fields::Counts => {
                changes.clear();
                foreseen.clear();
            }
            Fields::OfAnEmployer | Fields::OfAPayer => {
                shown.of_a_stranger = is_of_a_stranger;
                let sees =
                    |change: &Change| !shown.of_a_stranger && self.own().is_some_and(|own| concerns(change, own));
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

    /// Whether a receipt is of a job of somebody who has none with the caller up to the receipt's revision.
    fn is_of_a_stranger(&self, receipt: &Receipt) -> bool {
        let (Resource::Employments(jobs), Some(own)) = (&receipt.resource, self.own()) else { return false };
        let is_known = |job: &Job| job.provider == *own && job.fact.revision <= receipt.revision;
        jobs.iter().any(|reported| !reported.person.jobs.iter().any(is_known))
    }
}

/// A role in the word that the list of clients has for it.
fn role_word(role: &Role) -> &'static str {
    match role {
        Role::Registry => "registry",
        Role::Registrar | Role::RegistrarAndCertifier => "registrar",
        Role::Certifier => "certifier",
        Role::Provider(_) => "provider",
        Role::Payer => "payer",
        Role::Auditor => "auditor",
    }
}

/// Whether a change, of a report of a provider's own, is that provider's to see: no other employer.
fn concerns(change: &Change, own: &ProviderId) -> bool {
    match change {
        Change::Standing { .. } | Change::Designation { .. } | Change::Records { .. } => true,
        Change::Coverage { provider, .. } | Change::Service { provider, .. } | Change::Provider { provider, .. } => {
            provider == own
        }
    }
}

fn other_provider() -> Status {
    status::permission_denied("a provider may name no other provider")
}
