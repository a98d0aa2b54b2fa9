//! Records: each is one accepted request at one revision, with its facts and the changes that they make.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::day::{Day, Period};
use super::enums::listed;
use super::fact::{Designation, Fact, Identifier, Recorded, RegistryFact, Reporter};
use super::id::{CredentialNumber, FactId, ProviderId, Revision, SpecialistId};
use super::standing::{Reason, Standing};

/// One accepted request.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// The revision of the record.
    pub revision: Revision,
    /// The time of the commit. Strictly after that of the previous record.
    pub recorded_at: Timestamp,
    /// The client that sent the request.
    pub reporter: Reporter,
    /// The key of the request. `None` for records that the registry makes itself.
    pub request: Option<RequestKey>,
    /// The caller's note.
    pub note: String,
    /// The facts, in the order of their ids.
    pub facts: Vec<Fact>,
    /// The changes to days up to today.
    pub changes: Vec<Change>,
    /// The changes to days after today, according to the facts on record.
    pub foreseen: Foreseen,
    /// The number of people affected by the changes in either list.
    pub specialist_count: u32,
}

/// The changes that a record makes to days after its today. Returned to the caller, never sent in the feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foreseen {
    /// The number of changes.
    pub count: u32,
    /// The first changes, at most [`Foreseen::KEPT`].
    pub first: Vec<Change>,
}

impl Foreseen {
    /// The maximum number of changes that are stored and returned.
    pub const KEPT: usize = 100;
}

/// The key by which a repeated request is recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The full method name: `/package.Service/Method`.
    pub method: String,
    /// The request id that the caller chose.
    pub request_id: Uuid,
    /// Keyed digest of the request. The request itself is not stored.
    pub digest: [u8; 32],
}

/// The commit time of the next record: `now` in whole microseconds, and strictly after the last record. Databases and
/// languages with microsecond resolution store it exactly.
pub fn instant_after(last: Timestamp, now: Timestamp) -> Timestamp {
    let whole = |instant: Timestamp| Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant);
    let next = whole(last).saturating_add(SignedDuration::from_micros(1)).unwrap_or(last);
    whole(now).max(next)
}

impl RequestKey {
    /// The method that imports an agency's earlier records.
    pub const IMPORT: &str = "/ms.dmh.credential.v1.RecordService/ImportRecords";
}

impl Record {
    /// The id of the fact at `index`.
    pub fn fact_id(&self, index: usize) -> FactId {
        FactId { revision: self.revision, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    /// The people whom the record redacts.
    pub fn redacted_people(&self) -> impl Iterator<Item = SpecialistId> {
        self.facts.iter().filter_map(|fact| match fact {
            Fact::Registry(RegistryFact::SpecialistRedacted { specialist, .. }) => Some(*specialist),
            _ => None,
        })
    }

    /// Whether the record redacts somebody.
    pub fn redacts_somebody(&self) -> bool {
        self.redacted_people().next().is_some()
    }

    /// Whether the record is a row of an import.
    pub fn is_imported(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.method == RequestKey::IMPORT)
    }

    /// The facts, each with its id, time and reporter.
    pub fn recorded_facts(&self) -> impl Iterator<Item = Recorded<&Fact>> {
        (0..).zip(&self.facts).map(|(index, fact)| self.recorded(index, fact))
    }

    /// A fact of the record, which is at `index`, with its id, time and reporter.
    pub fn recorded<F>(&self, index: usize, fact: F) -> Recorded<F> {
        Recorded {
            id: self.fact_id(index),
            recorded_at: self.recorded_at,
            reporter: self.reporter.clone(),
            imported: self.is_imported(),
            note: self.note.clone(),
            fact,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} with {} facts)", self.revision, self.facts.len())
    }
}

/// A change of one subject for a run of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The standing of a credential changes.
    Standing {
        /// The credential.
        number: CredentialNumber,
        /// The days. Without an end if they include today.
        days: Period,
        /// The previous standing.
        from: Standing,
        /// The new standing.
        to: Standing,
        /// The reason of the new standing itself, if it has one.
        reason: Option<Reason>,
    },
    /// The coverage of a credential's holder by a provider changes.
    Coverage {
        /// The credential.
        number: CredentialNumber,
        /// The provider.
        provider: ProviderId,
        /// The days.
        days: Period,
        /// The new coverage.
        coverage: Coverage,
    },
    /// A designation becomes held or stops being held.
    Designation {
        /// The credential.
        number: CredentialNumber,
        /// The designation.
        code: Designation,
        /// The days.
        days: Period,
        /// Whether it is now held.
        held: bool,
    },
    /// The certification of a provider's peer support service changes.
    Service {
        /// The provider.
        provider: ProviderId,
        /// The days.
        days: Period,
        /// The new certification status.
        service: ServiceStatus,
    },
    /// A provider is added or removed, or its identifiers change.
    Provider {
        /// The provider.
        provider: ProviderId,
        /// The provider's numbers in other registries.
        identifiers: Vec<Identifier>,
        /// Whether the provider is on file.
        on_file: bool,
    },
    /// Employment records are complete only from this day on.
    Records {
        /// The first day with complete records.
        first_day: Day,
    },
}

impl Change {
    /// The days of the change. `None` if the change has no days.
    pub fn days(&self) -> Option<Period> {
        match self {
            Change::Standing { days, .. }
            | Change::Coverage { days, .. }
            | Change::Designation { days, .. }
            | Change::Service { days, .. } => Some(*days),
            Change::Provider { .. } | Change::Records { .. } => None,
        }
    }

    /// The credential. `None` if the change is about a provider or the registry.
    pub fn credential(&self) -> Option<CredentialNumber> {
        match self {
            Change::Standing { number, .. } | Change::Coverage { number, .. } | Change::Designation { number, .. } => {
                Some(*number)
            }
            Change::Service { .. } | Change::Provider { .. } | Change::Records { .. } => None,
        }
    }
}

listed! {
    /// Whether a provider covers a specialist on a day.
    Coverage {
        /// The specialist has a job with the provider, which qualifies and is not suspended.
        Covered,
        /// There is no such job.
        NotCovered,
        /// Covered, but only by certificates that have expired and are not renewed on record.
        NotKnown,
    }
}
listed! {
    /// Whether a provider's peer support service is certified on a day.
    ServiceStatus {
        /// Certified and not suspended.
        Certified,
        /// Suspended, or a certification ended before the day.
        NotCertified,
        /// Before the first certification, or none on record.
        NotKnown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_times_are_whole_microseconds_and_strictly_increasing() {
        for (last, now, next) in [
            ("2026-03-02T15:00:00Z", "2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.123456Z"),
            ("2026-03-02T15:00:01.123456Z", "2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.123457Z"),
            ("2026-03-02T15:00:01.123456Z", "2026-03-02T15:00:01.123457Z", "2026-03-02T15:00:01.123457Z"),
            // The last record was written by a release with nanosecond resolution.
            ("2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.1234568Z", "2026-03-02T15:00:01.123457Z"),
            // The clock was set back.
            ("2026-03-02T15:00:01.123456Z", "2026-03-02T14:00:00Z", "2026-03-02T15:00:01.123457Z"),
            ("-009999-01-02T01:59:59Z", "2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.123456Z"),
        ] {
            let instant = |text: &str| text.parse::<Timestamp>().unwrap();
            assert_eq!(instant_after(instant(last), instant(now)), instant(next), "after {last} at {now}");
        }
    }
}
