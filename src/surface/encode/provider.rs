//! Encodes providers.

use super::enum_map::WireEnum;
use super::fact_id::{EpochTags, fact_id};
use super::time::{date, days};
use crate::domain::fact::{Identifier, ProviderPeriodKind};
use crate::domain::id::ProviderId;
use crate::domain::provider::{Provider, ProviderPeriod};
use crate::proto::v1;

/// Encodes an identifier in another registry.
pub fn identifier(identifier: &Identifier) -> v1::Identifier {
    v1::Identifier { kind: identifier.kind.number(), value: identifier.value.clone() }
}

/// The maximum number of periods that are shown for a provider.
const MOST_PERIODS: usize = 1000;

/// Encodes a provider with its first periods, ordered by kind and first day.
pub fn provider(id: &ProviderId, provider: &Provider, epochs: EpochTags<'_>) -> v1::Provider {
    let mut periods: Vec<&ProviderPeriod> = provider.periods.iter().collect();
    periods.sort_by_key(|period| (kind(period.kind), period.days.start, period.fact));
    let row = provider.row.as_ref();
    v1::Provider {
        provider_id: id.to_string(),
        legal_name: row.map_or_else(String::new, |row| row.legal_name.clone()),
        facility_type: row.map_or(0, |row| row.facility_type.number()),
        county: row.map_or_else(String::new, |row| row.county.clone()),
        identifiers: row.map_or_else(Vec::new, |row| row.identifiers.iter().map(identifier).collect()),
        period_count: u32::try_from(periods.len()).unwrap_or(u32::MAX),
        periods: periods.into_iter().take(MOST_PERIODS).map(|period| provider_period(period, epochs)).collect(),
    }
}

fn provider_period(period: &ProviderPeriod, epochs: EpochTags<'_>) -> v1::ProviderPeriod {
    let (first_day, last_day) = days(period.days);
    v1::ProviderPeriod {
        kind: kind(period.kind) as i32,
        basis: match period.kind {
            ProviderPeriodKind::Qualified(basis) => basis.number(),
            _ => 0,
        },
        first_day,
        last_day,
        valid_through: period.valid_through.map(date),
        fact_id: fact_id(period.fact, epochs),
    }
}

fn kind(kind: ProviderPeriodKind) -> v1::ProviderPeriodKind {
    match kind {
        ProviderPeriodKind::Qualified(_) => v1::ProviderPeriodKind::Qualification,
        ProviderPeriodKind::Suspended => v1::ProviderPeriodKind::Suspension,
        ProviderPeriodKind::PeerServiceCertified => v1::ProviderPeriodKind::PeerServiceCertification,
        ProviderPeriodKind::PeerServiceSuspended => v1::ProviderPeriodKind::PeerServiceSuspension,
    }
}
