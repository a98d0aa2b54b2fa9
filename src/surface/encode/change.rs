//! Encodes the changes of a record.

use super::enum_map::WireEnum;
use super::provider::identifier;
use super::time::{date, days};
use crate::domain::record::Change;
use crate::proto::v1;
use crate::proto::v1::change::Change as Wire;

/// Encodes a change.
pub fn change(change: &Change) -> v1::Change {
    let change = match change {
        Change::Standing { number, days: period, from, to, reason } => {
            let (first_day, last_day) = days(*period);
            Wire::Standing(v1::StandingChange {
                credential_number: number.to_string(),
                first_day,
                last_day,
                from_standing: from.number(),
                to_standing: to.number(),
                reason: reason.map_or(0, WireEnum::number),
            })
        }
        Change::Coverage { number, provider, days: period, coverage } => {
            let (first_day, last_day) = days(*period);
            Wire::Coverage(v1::CoverageChange {
                credential_number: number.to_string(),
                provider_id: provider.to_string(),
                first_day,
                last_day,
                coverage: coverage.number(),
            })
        }
        Change::Designation { number, code, days: period, held } => {
            let (first_day, last_day) = days(*period);
            Wire::Designation(v1::DesignationChange {
                credential_number: number.to_string(),
                code: code.number(),
                first_day,
                last_day,
                held: *held,
            })
        }
        Change::Service { provider, days: period, service } => {
            let (first_day, last_day) = days(*period);
            Wire::Service(v1::ServiceChange {
                provider_id: provider.to_string(),
                first_day,
                last_day,
                service: service.number(),
            })
        }
        Change::Provider { provider, identifiers, on_file } => Wire::Provider(v1::ProviderChange {
            provider_id: provider.to_string(),
            identifiers: identifiers.iter().map(identifier).collect(),
            on_file: *on_file,
        }),
        Change::Records { first_day } => Wire::Records(v1::RecordsChange { first_day: Some(date(*first_day)) }),
    };
    v1::Change { change: Some(change) }
}
