//! Encodes facts.

use std::borrow::Borrow;

use uuid::Uuid;

use super::credential::{person_name, reported};
use super::enum_map::{WireEnum, numbers};
use super::fact_id::{EpochTags, fact_id};
use super::provider::identifier;
use super::time::{date, days, timestamp};
use crate::domain::fact::{
    Act, CredentialPeriodKind, Fact, Issuance, PeriodEnd, ProviderFact, ProviderPeriodKind, ProviderRow, Recorded,
    RegistryFact, Retraction, SpecialistFact,
};
use crate::domain::id::{FactId, ProviderId};
use crate::proto::v1;
use crate::proto::v1::FactKind;

/// Related data that is not part of a fact itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactRelations<'a> {
    /// The request that recorded the fact.
    pub request_id: Option<Uuid>,
    /// The retraction in force, if the fact is retracted.
    pub retracted_by: Option<FactId>,
    /// For the end or the correction of a job: the fact that started the job, and the employer.
    pub job: Option<(FactId, &'a ProviderId)>,
}

/// Encodes a fact with everything on record about it.
pub fn fact<F: Borrow<Fact>>(recorded: &Recorded<F>, relations: FactRelations<'_>, epochs: EpochTags<'_>) -> v1::Fact {
    let written = |id: FactId| fact_id(id, epochs);
    let said = said(recorded.fact.borrow(), relations, &written);
    v1::Fact {
        fact_id: written(recorded.id),
        revision: recorded.id.revision.0,
        recorded_at: Some(timestamp(recorded.recorded_at)),
        caller: recorded.reporter.client.clone(),
        request_id: relations.request_id.map_or_else(String::new, |id| id.to_string()),
        note: recorded.note.clone(),
        retracted: relations.retracted_by.is_some(),
        retracted_by_fact_id: relations.retracted_by.map_or_else(String::new, written),
        ..said
    }
}

/// Encodes the kind of a fact.
pub fn fact_kind(fact: &Fact) -> i32 {
    said(fact, FactRelations::default(), &|_| String::new()).kind
}

/// Encodes what a fact says.
fn said(fact: &Fact, relations: FactRelations<'_>, written: &dyn Fn(FactId) -> String) -> v1::Fact {
    match fact {
        Fact::Registry(fact) => registry_fact(fact),
        Fact::Provider(provider, fact) => {
            v1::Fact { provider_id: provider.to_string(), ..provider_fact(fact, written) }
        }
        Fact::Specialist(specialist, fact) => {
            v1::Fact { specialist_id: specialist.to_string(), ..specialist_fact(fact, relations, written) }
        }
    }
}

fn of_kind(kind: FactKind) -> v1::Fact {
    v1::Fact { kind: kind as i32, ..v1::Fact::default() }
}

fn registry_fact(fact: &RegistryFact) -> v1::Fact {
    match fact {
        RegistryFact::EpochBegan { why, .. } => v1::Fact { reason: why.clone(), ..of_kind(FactKind::EpochBegan) },
        RegistryFact::DayOpened { date: day } => {
            v1::Fact { first_day: Some(date(*day)), ..of_kind(FactKind::DayOpened) }
        }
        RegistryFact::RuleSetAdopted { id, .. } => {
            v1::Fact { rule_set_id: id.clone(), ..of_kind(FactKind::RuleSetAdopted) }
        }
        RegistryFact::SemanticsAdopted { .. } => of_kind(FactKind::SemanticsAdopted),
        RegistryFact::RecordsBegin { first_day } => {
            v1::Fact { first_day: Some(date(*first_day)), ..of_kind(FactKind::RecordsBegin) }
        }
        RegistryFact::LogMoved { .. } => of_kind(FactKind::LogMoved),
        RegistryFact::SpecialistRedacted { specialist, why } => v1::Fact {
            specialist_id: specialist.to_string(),
            reason: why.clone(),
            ..of_kind(FactKind::SpecialistRedacted)
        },
    }
}

fn provider_fact(fact: &ProviderFact, written: &dyn Fn(FactId) -> String) -> v1::Fact {
    match fact {
        ProviderFact::Registered(row) => provider_row(FactKind::ProviderRegistered, row),
        ProviderFact::Updated(row) => provider_row(FactKind::ProviderUpdated, row),
        ProviderFact::PeriodOpened { kind, days: period, valid_through } => {
            let (first_day, last_day) = days(*period);
            let (kind, basis) = match kind {
                ProviderPeriodKind::Qualified(basis) => (FactKind::ProviderQualified, basis.number()),
                ProviderPeriodKind::Suspended => (FactKind::ProviderSuspended, 0),
                ProviderPeriodKind::PeerServiceCertified => (FactKind::PeerServiceCertified, 0),
                ProviderPeriodKind::PeerServiceSuspended => (FactKind::PeerServiceSuspended, 0),
            };
            let valid_through = valid_through.map(date);
            v1::Fact { first_day, last_day, valid_through, qualification_basis: basis, ..of_kind(kind) }
        }
        ProviderFact::PeriodEnded(end) => period_end(end, written),
        ProviderFact::Retracted(retraction) => self::retraction(retraction, written),
    }
}

fn provider_row(kind: FactKind, row: &ProviderRow) -> v1::Fact {
    v1::Fact {
        legal_name: row.legal_name.clone(),
        facility_type: row.facility_type.number(),
        county: row.county.clone(),
        identifiers: row.identifiers.iter().map(identifier).collect(),
        ..of_kind(kind)
    }
}

fn specialist_fact(
    fact: &SpecialistFact,
    relations: FactRelations<'_>,
    written: &dyn Fn(FactId) -> String,
) -> v1::Fact {
    let of_job = |kind| v1::Fact {
        target_fact_id: relations.job.map_or_else(String::new, |(started, _)| written(started)),
        provider_id: relations.job.map_or_else(String::new, |(_, provider)| provider.to_string()),
        ..of_kind(kind)
    };
    match fact {
        SpecialistFact::Registered { name, birth_date } => {
            let (name, birth_date) = (person_name(name), reported(*birth_date).map(date));
            v1::Fact { name, birth_date, ..of_kind(FactKind::SpecialistRegistered) }
        }
        SpecialistFact::NameChanged { name } => v1::Fact { name: person_name(name), ..of_kind(FactKind::NameChanged) },
        SpecialistFact::Died { death_date } => {
            v1::Fact { death_date: Some(date(*death_date)), ..of_kind(FactKind::SpecialistDied) }
        }
        SpecialistFact::CredentialIssued(issuance) => self::issuance(issuance),
        SpecialistFact::CredentialRenewed { number, term } => {
            let (effective_from, term_last_day) = days(*term);
            let credential_number = number.to_string();
            v1::Fact { credential_number, effective_from, term_last_day, ..of_kind(FactKind::CredentialRenewed) }
        }
        SpecialistFact::PeriodOpened { number, kind, days: period } => {
            let (first_day, last_day) = days(*period);
            v1::Fact { credential_number: number.to_string(), first_day, last_day, ..credential_period(kind) }
        }
        SpecialistFact::Acted { number, act, effective_from } => {
            let effective_from = Some(date(*effective_from));
            v1::Fact { credential_number: number.to_string(), effective_from, ..self::act(*act) }
        }
        SpecialistFact::PriorNumberSet { number, prior } => v1::Fact {
            credential_number: number.to_string(),
            prior_number: prior.to_string(),
            ..of_kind(FactKind::PriorNumberSet)
        },
        SpecialistFact::EmploymentStarted { employment, provider, position, supervised, days: period } => {
            let (first_day, last_day) = days(*period);
            v1::Fact {
                employment_id: employment.to_string(),
                provider_id: provider.to_string(),
                position: position.clone(),
                supervised: Some(*supervised),
                first_day,
                last_day,
                ..of_kind(FactKind::EmploymentStarted)
            }
        }
        SpecialistFact::EmploymentEnded { employment, last_day, reason } => v1::Fact {
            employment_id: employment.to_string(),
            last_day: Some(date(*last_day)),
            end_reason: reason.number(),
            ..of_job(FactKind::EmploymentEnded)
        },
        SpecialistFact::EmploymentCorrected { employment, days: period } => {
            let (first_day, last_day) = days(*period);
            let employment_id = employment.to_string();
            v1::Fact { employment_id, first_day, last_day, ..of_job(FactKind::EmploymentCorrected) }
        }
        SpecialistFact::PeriodEnded(end) => period_end(end, written),
        SpecialistFact::Retracted(retraction) => self::retraction(retraction, written),
    }
}

fn issuance(issuance: &Issuance) -> v1::Fact {
    let (effective_from, term_last_day) = days(issuance.term);
    let criteria = issuance.findings.iter().map(|(criterion, outcome)| v1::CriterionResult {
        criterion: criterion.number(),
        outcome: outcome.number(),
        ..v1::CriterionResult::default()
    });
    v1::Fact {
        credential_number: issuance.number.to_string(),
        effective_from,
        term_last_day,
        issuance_basis: issuance.basis.number(),
        rule_set_id: issuance.rule_set.clone(),
        designations: numbers(issuance.designations.iter().copied()),
        criteria: criteria.collect(),
        decision_note: issuance.decision_note.clone(),
        ..of_kind(FactKind::CredentialIssued)
    }
}

fn credential_period(kind: &CredentialPeriodKind) -> v1::Fact {
    match kind {
        CredentialPeriodKind::Designation(code) => {
            v1::Fact { code: code.number(), ..of_kind(FactKind::DesignationGranted) }
        }
        CredentialPeriodKind::Suspended(basis) => {
            v1::Fact { suspension_basis: basis.number(), ..of_kind(FactKind::Suspended) }
        }
        CredentialPeriodKind::Limited(text) => v1::Fact { text: text.clone(), ..of_kind(FactKind::Limited) },
        CredentialPeriodKind::Inactive => of_kind(FactKind::InactiveGranted),
    }
}

fn act(act: Act) -> v1::Fact {
    match act {
        Act::Revoked(basis) => v1::Fact { revocation_basis: basis.number(), ..of_kind(FactKind::Revoked) },
        Act::Surrendered => of_kind(FactKind::Surrendered),
        Act::Relinquished => of_kind(FactKind::Relinquished),
        Act::Retired => of_kind(FactKind::Retired),
        Act::Reinstated => of_kind(FactKind::Reinstated),
    }
}

fn period_end(end: &PeriodEnd, written: &dyn Fn(FactId) -> String) -> v1::Fact {
    v1::Fact {
        target_fact_id: written(end.target),
        last_day: Some(date(end.last_day)),
        reason: end.reason.clone(),
        ..of_kind(FactKind::PeriodEnded)
    }
}

fn retraction(retraction: &Retraction, written: &dyn Fn(FactId) -> String) -> v1::Fact {
    let (target_fact_id, reason) = (written(retraction.target), retraction.reason.clone());
    v1::Fact { target_fact_id, reason, ..of_kind(FactKind::FactRetracted) }
}
