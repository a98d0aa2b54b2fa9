//! The stored form of facts about providers.

use crate::domain::day::Day;
use crate::domain::fact::{ProviderFact, ProviderPeriodKind};
use crate::domain::id::ProviderId;
use crate::proto::storage::{self, provider_fact as form, provider_fact::period_opened as period_form};

use crate::store::record::enum_map::enum_value;
use crate::store::record::parts::{missing, period};
use crate::store::record::unreadable::Read;

/// Encodes a fact.
pub(super) fn stored(id: &ProviderId, fact: &ProviderFact) -> storage::ProviderFact {
    let fact = match fact {
        ProviderFact::Registered(row) => form::Fact::Registered(row.into()),
        ProviderFact::Updated(row) => form::Fact::Updated(row.into()),
        ProviderFact::PeriodOpened { kind, days, valid_through } => form::Fact::PeriodOpened(form::PeriodOpened {
            kind: Some(stored_kind(*kind)),
            days: Some((*days).into()),
            valid_through: valid_through.map(Day::number),
        }),
        ProviderFact::PeriodEnded(end) => form::Fact::PeriodEnded(end.into()),
        ProviderFact::Retracted(retraction) => form::Fact::Retracted(retraction.into()),
    };
    storage::ProviderFact { provider_id: id.as_str().to_owned(), fact: Some(fact) }
}

/// Decodes a fact.
pub(super) fn read(fact: Option<form::Fact>) -> Read<ProviderFact> {
    Ok(match missing(fact, "a provider fact has no kind")? {
        form::Fact::Registered(row) => ProviderFact::Registered(row.try_into()?),
        form::Fact::Updated(row) => ProviderFact::Updated(row.try_into()?),
        form::Fact::PeriodOpened(opened) => ProviderFact::PeriodOpened {
            kind: read_kind(missing(opened.kind, "a provider's period has no kind")?)?,
            days: period(opened.days)?,
            valid_through: opened.valid_through.map(Day::from_number),
        },
        form::Fact::PeriodEnded(end) => ProviderFact::PeriodEnded(end.try_into()?),
        form::Fact::Retracted(retraction) => ProviderFact::Retracted(retraction.try_into()?),
    })
}

fn stored_kind(kind: ProviderPeriodKind) -> period_form::Kind {
    match kind {
        ProviderPeriodKind::Qualified(basis) => {
            period_form::Kind::Qualified(storage::QualificationBasis::from(basis).into())
        }
        ProviderPeriodKind::Suspended => period_form::Kind::Suspended(true),
        ProviderPeriodKind::PeerServiceCertified => period_form::Kind::PeerServiceCertified(true),
        ProviderPeriodKind::PeerServiceSuspended => period_form::Kind::PeerServiceSuspended(true),
    }
}

fn read_kind(kind: period_form::Kind) -> Read<ProviderPeriodKind> {
    Ok(match kind {
        period_form::Kind::Qualified(basis) => {
            ProviderPeriodKind::Qualified(enum_value::<storage::QualificationBasis, _>(basis)?)
        }
        period_form::Kind::Suspended(_) => ProviderPeriodKind::Suspended,
        period_form::Kind::PeerServiceCertified(_) => ProviderPeriodKind::PeerServiceCertified,
        period_form::Kind::PeerServiceSuspended(_) => ProviderPeriodKind::PeerServiceSuspended,
    })
}
