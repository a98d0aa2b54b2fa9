//! The stored form of facts about specialists, credentials and jobs.

use crate::domain::day::Day;
use crate::domain::fact::{Act, CredentialPeriodKind, Issuance, SpecialistFact};
use crate::domain::id::{CredentialNumber, EmploymentId, SpecialistId};
use crate::domain::name::PersonName;
use crate::proto::storage::specialist_fact::{self as form, acted, period_opened};
use crate::proto::storage::{self, PersonalFields};

use crate::store::record::enum_map::enum_value;
use crate::store::record::parts::{missing, period, provider};
use crate::store::record::unreadable::{Read, Unreadable};

const NO_PERSONAL_FIELDS: &str = "a name or birth date is missing";

/// Encodes a fact, without its name and birth date.
pub(super) fn stored(id: SpecialistId, fact: &SpecialistFact) -> storage::SpecialistFact {
    let fact = match fact {
        SpecialistFact::Registered { .. } => form::Fact::Registered(form::Registered {}),
        SpecialistFact::NameChanged { .. } => form::Fact::NameChanged(form::NameChanged {}),
        SpecialistFact::Died { death_date } => form::Fact::Died(form::Died { death_date: death_date.number() }),
        SpecialistFact::CredentialIssued(issuance) => form::Fact::CredentialIssued(stored_issuance(issuance)),
        SpecialistFact::CredentialRenewed { number, term } => {
            let term = Some((*term).into());
            form::Fact::CredentialRenewed(form::CredentialRenewed { number: number.number(), term })
        }
        SpecialistFact::PeriodOpened { number, kind, days } => form::Fact::PeriodOpened(form::PeriodOpened {
            number: number.number(),
            kind: Some(stored_kind(kind)),
            days: Some((*days).into()),
        }),
        SpecialistFact::Acted { number, act, effective_from } => form::Fact::Acted(form::Acted {
            number: number.number(),
            act: Some(stored_act(*act)),
            effective_from: effective_from.number(),
        }),
        SpecialistFact::PriorNumberSet { number, prior } => form::Fact::PriorNumberSet(form::PriorNumberSet {
            number: number.number(),
            prior_number: prior.as_str().to_owned(),
        }),
        SpecialistFact::EmploymentStarted { employment, provider, position, supervised, days } => {
            form::Fact::EmploymentStarted(form::EmploymentStarted {
                employment: employment.number(),
                provider_id: provider.as_str().to_owned(),
                position: position.clone(),
                supervised: *supervised,
                days: Some((*days).into()),
            })
        }
        SpecialistFact::EmploymentEnded { employment, last_day, reason } => {
            form::Fact::EmploymentEnded(form::EmploymentEnded {
                employment: employment.number(),
                last_day: last_day.number(),
                reason: storage::EmploymentEndReason::from(*reason).into(),
            })
        }
        SpecialistFact::EmploymentCorrected { employment, days } => {
            let days = Some((*days).into());
            form::Fact::EmploymentCorrected(form::EmploymentCorrected { employment: employment.number(), days })
        }
        SpecialistFact::PeriodEnded(end) => form::Fact::PeriodEnded(end.into()),
        SpecialistFact::Retracted(retraction) => form::Fact::Retracted(retraction.into()),
    };
    storage::SpecialistFact { specialist_id: id.number(), fact: Some(fact) }
}

/// The name and birth date of the fact at index `at` of its record, if the fact has them.
pub(super) fn personal(at: u32, fact: &SpecialistFact) -> Option<PersonalFields> {
    let name = fact.name()?;
    let birth_date = match fact {
        SpecialistFact::Registered { birth_date, .. } => Some(birth_date.number()),
        _ => None,
    };
    Some(PersonalFields {
        fact_index: at,
        given: name.given.clone(),
        family: name.family.clone(),
        suffix: name.suffix.clone(),
        birth_date,
        text: String::new(),
    })
}

/// Decodes a fact and its personal fields, which are stored separately.
pub(super) fn read(fact: Option<form::Fact>, personal: Option<PersonalFields>) -> Read<SpecialistFact> {
    Ok(match missing(fact, "a specialist fact has no kind")? {
        form::Fact::Registered(_) => {
            let personal = missing(personal, NO_PERSONAL_FIELDS)?;
            let birth_date = Day::from_number(missing(personal.birth_date, NO_PERSONAL_FIELDS)?);
            SpecialistFact::Registered { name: name(personal), birth_date }
        }
        form::Fact::NameChanged(_) => {
            SpecialistFact::NameChanged { name: name(missing(personal, NO_PERSONAL_FIELDS)?) }
        }
        form::Fact::Died(died) => SpecialistFact::Died { death_date: Day::from_number(died.death_date) },
        form::Fact::CredentialIssued(issued) => SpecialistFact::CredentialIssued(read_issuance(issued)?),
        form::Fact::CredentialRenewed(renewed) => SpecialistFact::CredentialRenewed {
            number: CredentialNumber::from_number(renewed.number),
            term: period(renewed.term)?,
        },
        form::Fact::PeriodOpened(opened) => SpecialistFact::PeriodOpened {
            number: CredentialNumber::from_number(opened.number),
            kind: read_kind(missing(opened.kind, "a credential's period has no kind")?)?,
            days: period(opened.days)?,
        },
        form::Fact::Acted(acted) => SpecialistFact::Acted {
            number: CredentialNumber::from_number(acted.number),
            act: read_act(missing(acted.act, "an act has no kind")?)?,
            effective_from: Day::from_number(acted.effective_from),
        },
        form::Fact::PriorNumberSet(set) => SpecialistFact::PriorNumberSet {
            number: CredentialNumber::from_number(set.number),
            prior: set.prior_number.parse().map_err(|_| Unreadable("a prior number is invalid"))?,
        },
        form::Fact::EmploymentStarted(started) => SpecialistFact::EmploymentStarted {
            employment: EmploymentId::from_number(started.employment),
            provider: provider(&started.provider_id)?,
            position: started.position,
            supervised: started.supervised,
            days: period(started.days)?,
        },
        form::Fact::EmploymentEnded(ended) => SpecialistFact::EmploymentEnded {
            employment: EmploymentId::from_number(ended.employment),
            last_day: Day::from_number(ended.last_day),
            reason: enum_value::<storage::EmploymentEndReason, _>(ended.reason)?,
        },
        form::Fact::EmploymentCorrected(corrected) => SpecialistFact::EmploymentCorrected {
            employment: EmploymentId::from_number(corrected.employment),
            days: period(corrected.days)?,
        },
        form::Fact::PeriodEnded(end) => SpecialistFact::PeriodEnded(end.try_into()?),
        form::Fact::Retracted(retraction) => SpecialistFact::Retracted(retraction.try_into()?),
    })
}

fn name(personal: PersonalFields) -> PersonName {
    PersonName { given: personal.given, family: personal.family, suffix: personal.suffix }
}

fn stored_issuance(issuance: &Issuance) -> form::CredentialIssued {
    let finding = |(criterion, outcome): &(_, _)| form::Finding {
        criterion: storage::Criterion::from(*criterion).into(),
        outcome: storage::CriterionOutcome::from(*outcome).into(),
    };
    form::CredentialIssued {
        number: issuance.number.number(),
        term: Some(issuance.term.into()),
        designations: issuance.designations.iter().map(|code| storage::Designation::from(*code).into()).collect(),
        rule_set: issuance.rule_set.clone(),
        basis: storage::IssuanceBasis::from(issuance.basis).into(),
        findings: issuance.findings.iter().map(finding).collect(),
        decision_note: issuance.decision_note.clone(),
    }
}

fn read_issuance(issued: form::CredentialIssued) -> Read<Issuance> {
    let finding = |finding: form::Finding| {
        let criterion = enum_value::<storage::Criterion, _>(finding.criterion)?;
        Ok((criterion, enum_value::<storage::CriterionOutcome, _>(finding.outcome)?))
    };
    Ok(Issuance {
        number: CredentialNumber::from_number(issued.number),
        term: period(issued.term)?,
        designations: issued
            .designations
            .into_iter()
            .map(enum_value::<storage::Designation, _>)
            .collect::<Read<_>>()?,
        rule_set: issued.rule_set,
        basis: enum_value::<storage::IssuanceBasis, _>(issued.basis)?,
        findings: issued.findings.into_iter().map(finding).collect::<Read<_>>()?,
        decision_note: issued.decision_note,
    })
}

fn stored_kind(kind: &CredentialPeriodKind) -> period_opened::Kind {
    match kind {
        CredentialPeriodKind::Designation(code) => {
            period_opened::Kind::Designation(storage::Designation::from(*code).into())
        }
        CredentialPeriodKind::Suspended(basis) => {
            period_opened::Kind::Suspended(storage::SuspensionBasis::from(*basis).into())
        }
        CredentialPeriodKind::Limited(text) => period_opened::Kind::Limited(text.clone()),
        CredentialPeriodKind::Inactive => period_opened::Kind::Inactive(true),
    }
}

fn read_kind(kind: period_opened::Kind) -> Read<CredentialPeriodKind> {
    Ok(match kind {
        period_opened::Kind::Designation(code) => {
            CredentialPeriodKind::Designation(enum_value::<storage::Designation, _>(code)?)
        }
        period_opened::Kind::Suspended(basis) => {
            CredentialPeriodKind::Suspended(enum_value::<storage::SuspensionBasis, _>(basis)?)
        }
        period_opened::Kind::Limited(text) => CredentialPeriodKind::Limited(text),
        period_opened::Kind::Inactive(_) => CredentialPeriodKind::Inactive,
    })
}

fn stored_act(act: Act) -> acted::Act {
    match act {
        Act::Revoked(basis) => acted::Act::Revoked(storage::RevocationBasis::from(basis).into()),
        Act::Surrendered => acted::Act::Surrendered(true),
        Act::Relinquished => acted::Act::Relinquished(true),
        Act::Retired => acted::Act::Retired(true),
        Act::Reinstated => acted::Act::Reinstated(true),
    }
}

fn read_act(act: acted::Act) -> Read<Act> {
    Ok(match act {
        acted::Act::Revoked(basis) => Act::Revoked(enum_value::<storage::RevocationBasis, _>(basis)?),
        acted::Act::Surrendered(_) => Act::Surrendered,
        acted::Act::Relinquished(_) => Act::Relinquished,
        acted::Act::Retired(_) => Act::Retired,
        acted::Act::Reinstated(_) => Act::Reinstated,
    })
}
