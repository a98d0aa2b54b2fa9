//! The stored form of values that facts and changes share.

use crate::domain::day::{Day, Period};
use crate::domain::fact::{Identifier, PeriodEnd, ProviderRow, Reporter, Retraction, Role};
use crate::domain::id::{FactId, ProviderId, Revision};
use crate::proto::storage::{self, reporter};

use super::enum_map::enum_value;
use super::unreadable::{Read, Unreadable};

/// Fails if a required value is missing.
pub(super) fn missing<T>(value: Option<T>, what: &'static str) -> Read<T> {
    value.ok_or(Unreadable(what))
}

/// Parses a provider id.
pub(super) fn provider(id: &str) -> Read<ProviderId> {
    id.parse().map_err(|_| Unreadable("a provider id is invalid"))
}

/// Reads a period, which must have days.
pub(super) fn period(days: Option<storage::Days>) -> Read<Period> {
    Ok(missing(days, "a period has no days")?.into())
}

impl From<Period> for storage::Days {
    fn from(period: Period) -> storage::Days {
        let end = (period.end != Day::FOREVER).then(|| period.end.number());
        storage::Days { start: period.start.number(), end }
    }
}

impl From<storage::Days> for Period {
    fn from(days: storage::Days) -> Period {
        Period { start: Day::from_number(days.start), end: days.end.map_or(Day::FOREVER, Day::from_number) }
    }
}

impl From<FactId> for storage::FactId {
    fn from(id: FactId) -> storage::FactId {
        storage::FactId { revision: id.revision.0, index: id.index }
    }
}

fn fact_id(stored: Option<storage::FactId>) -> Read<FactId> {
    let id = missing(stored, "a target is missing")?;
    Ok(FactId { revision: Revision(id.revision), index: id.index })
}

impl From<&PeriodEnd> for storage::PeriodEnd {
    fn from(end: &PeriodEnd) -> storage::PeriodEnd {
        let target = Some(end.target.into());
        storage::PeriodEnd { target, last_day: end.last_day.number(), reason: end.reason.clone() }
    }
}

impl TryFrom<storage::PeriodEnd> for PeriodEnd {
    type Error = Unreadable;

    fn try_from(end: storage::PeriodEnd) -> Read<PeriodEnd> {
        let target = fact_id(end.target)?;
        Ok(PeriodEnd { target, last_day: Day::from_number(end.last_day), reason: end.reason })
    }
}

impl From<&Retraction> for storage::Retraction {
    fn from(retraction: &Retraction) -> storage::Retraction {
        storage::Retraction { target: Some(retraction.target.into()), reason: retraction.reason.clone() }
    }
}

impl TryFrom<storage::Retraction> for Retraction {
    type Error = Unreadable;

    fn try_from(retraction: storage::Retraction) -> Read<Retraction> {
        Ok(Retraction { target: fact_id(retraction.target)?, reason: retraction.reason })
    }
}

/// Encodes identifiers.
pub(super) fn stored_identifiers(identifiers: &[Identifier]) -> Vec<storage::Identifier> {
    let stored = |id: &Identifier| storage::Identifier {
        kind: storage::IdentifierKind::from(id.kind).into(),
        value: id.value.clone(),
    };
    identifiers.iter().map(stored).collect()
}

/// Decodes identifiers.
pub(super) fn identifiers(stored: Vec<storage::Identifier>) -> Read<Vec<Identifier>> {
    let read = |id: storage::Identifier| {
        Ok(Identifier { kind: enum_value::<storage::IdentifierKind, _>(id.kind)?, value: id.value })
    };
    stored.into_iter().map(read).collect()
}

impl From<&ProviderRow> for storage::ProviderRow {
    fn from(row: &ProviderRow) -> storage::ProviderRow {
        storage::ProviderRow {
            legal_name: row.legal_name.clone(),
            facility_type: storage::FacilityType::from(row.facility_type).into(),
            county: row.county.clone(),
            identifiers: stored_identifiers(&row.identifiers),
        }
    }
}

impl TryFrom<storage::ProviderRow> for ProviderRow {
    type Error = Unreadable;

    fn try_from(row: storage::ProviderRow) -> Read<ProviderRow> {
        Ok(ProviderRow {
            legal_name: row.legal_name,
            facility_type: enum_value::<storage::FacilityType, _>(row.facility_type)?,
            county: row.county,
            identifiers: identifiers(row.identifiers)?,
        })
    }
}

impl From<&Reporter> for storage::Reporter {
    fn from(reporter: &Reporter) -> storage::Reporter {
        let mut provider_id = String::new();
        let role = match &reporter.role {
            Role::Registry => reporter::Role::Registry,
            Role::Registrar => reporter::Role::Registrar,
            Role::Certifier => reporter::Role::Certifier,
            Role::RegistrarAndCertifier => reporter::Role::RegistrarAndCertifier,
            Role::Provider(id) => {
                id.as_str().clone_into(&mut provider_id);
                reporter::Role::Provider
            }
            Role::Payer => reporter::Role::Payer,
            Role::Auditor => reporter::Role::Auditor,
            Role::Operator => reporter::Role::Operator,
        };
        storage::Reporter { client: reporter.client.clone(), role: role.into(), provider_id }
    }
}

impl TryFrom<storage::Reporter> for Reporter {
    type Error = Unreadable;

    fn try_from(stored: storage::Reporter) -> Read<Reporter> {
        let role = match reporter::Role::try_from(stored.role) {
            Ok(reporter::Role::Registry) => Role::Registry,
            Ok(reporter::Role::Registrar) => Role::Registrar,
            Ok(reporter::Role::Certifier) => Role::Certifier,
            Ok(reporter::Role::RegistrarAndCertifier) => Role::RegistrarAndCertifier,
            Ok(reporter::Role::Provider) => Role::Provider(provider(&stored.provider_id)?),
            Ok(reporter::Role::Payer) => Role::Payer,
            Ok(reporter::Role::Auditor) => Role::Auditor,
            Ok(reporter::Role::Operator) => Role::Operator,
            Ok(reporter::Role::Unspecified) | Err(_) => return Err(Unreadable("a reporter has no role")),
        };
        Ok(Reporter { client: stored.client, role })
    }
}
