//! Encodes lines of the audit of reads.

use super::time::{date, timestamp};
use crate::domain::day::Day;
use crate::proto::v1;
use crate::telemetry::audit::Read;

/// Encodes a line of the audit.
pub fn audited_read(read: &Read) -> v1::AuditedRead {
    let number = |(number, count): &([u8; 15], u64)| v1::AuditedNumber {
        credential_number: String::from_utf8_lossy(number).into_owned(),
        count: *count,
    };
    let outcome = |(outcome, count): &(String, u64)| v1::AuditedOutcome { outcome: outcome.clone(), count: *count };
    v1::AuditedRead {
        recorded_at: Some(timestamp(read.at)),
        client: read.client.clone(),
        method: read.method.clone(),
        request_id: read.request_id.clone(),
        known_at_revision: read.known_at,
        revision: read.revision,
        numbers: read.numbers.iter().map(number).collect(),
        subject_id: read.subject_id.clone(),
        as_of: read.as_of.map(|day| date(Day::from_civil(day))),
        outcomes: read.outcomes.iter().map(outcome).collect(),
    }
}
