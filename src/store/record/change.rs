//! The stored form of changes.

use crate::domain::day::Day;
use crate::domain::id::CredentialNumber;
use crate::domain::record::Change;
use crate::proto::storage::{self, change};

use super::enum_map::enum_value;
use super::parts::{identifiers, missing, period, provider, stored_identifiers};
use super::unreadable::{Read, Unreadable};

impl From<&Change> for storage::Change {
    fn from(domain: &Change) -> storage::Change {
        let stored = match domain {
            Change::Standing { number, days, from, to, reason } => change::Change::Standing(change::StandingChange {
                number: number.number(),
                days: Some((*days).into()),
                from: storage::Standing::from(*from).into(),
                to: storage::Standing::from(*to).into(),
                reason: reason.map(|reason| storage::Reason::from(reason).into()),
            }),
            Change::Coverage { number, provider, days, coverage } => change::Change::Coverage(change::CoverageChange {
                number: number.number(),
                provider_id: provider.as_str().to_owned(),
                days: Some((*days).into()),
                coverage: storage::Coverage::from(*coverage).into(),
            }),
            Change::Designation { number, code, days, held } => {
                change::Change::Designation(change::DesignationChange {
                    number: number.number(),
                    code: storage::Designation::from(*code).into(),
                    days: Some((*days).into()),
                    held: *held,
                })
            }
            Change::Service { provider, days, service } => change::Change::Service(change::ServiceChange {
                provider_id: provider.as_str().to_owned(),
                days: Some((*days).into()),
                service: storage::ServiceStatus::from(*service).into(),
            }),
            Change::Provider { provider, identifiers, on_file } => change::Change::Provider(change::ProviderChange {
                provider_id: provider.as_str().to_owned(),
                identifiers: stored_identifiers(identifiers),
                on_file: *on_file,
            }),
            Change::Records { first_day } => {
                change::Change::Records(change::RecordsChange { first_day: first_day.number() })
            }
        };
        storage::Change { change: Some(stored) }
    }
}

impl TryFrom<storage::Change> for Change {
    type Error = Unreadable;

    fn try_from(stored: storage::Change) -> Read<Change> {
        Ok(match missing(stored.change, "a change has no kind")? {
            change::Change::Standing(c) => Change::Standing {
                number: CredentialNumber::from_number(c.number),
                days: period(c.days)?,
                from: enum_value::<storage::Standing, _>(c.from)?,
                to: enum_value::<storage::Standing, _>(c.to)?,
                reason: c.reason.map(enum_value::<storage::Reason, _>).transpose()?,
            },
            change::Change::Coverage(c) => Change::Coverage {
                number: CredentialNumber::from_number(c.number),
                provider: provider(&c.provider_id)?,
                days: period(c.days)?,
                coverage: enum_value::<storage::Coverage, _>(c.coverage)?,
            },
            change::Change::Designation(c) => Change::Designation {
                number: CredentialNumber::from_number(c.number),
                code: enum_value::<storage::Designation, _>(c.code)?,
                days: period(c.days)?,
                held: c.held,
            },
            change::Change::Service(c) => Change::Service {
                provider: provider(&c.provider_id)?,
                days: period(c.days)?,
                service: enum_value::<storage::ServiceStatus, _>(c.service)?,
            },
            change::Change::Provider(c) => Change::Provider {
                provider: provider(&c.provider_id)?,
                identifiers: identifiers(c.identifiers)?,
                on_file: c.on_file,
            },
            change::Change::Records(c) => Change::Records { first_day: Day::from_number(c.first_day) },
        })
    }
}
