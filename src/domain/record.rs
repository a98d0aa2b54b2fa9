//! Records: one accepted request, one revision, with its facts and the differences that they make.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::day::{Day, Period};
use super::enums::listed;
use super::fact::{Designation, Fact, Identifier, Recorded, Reporter};
use super::id::{CredentialNumber, FactId, ProviderId, Revision};
use super::standing::{Reason, Standing};

/// One accepted request.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// Its position.
    pub revision: Revision,
    /// When it was committed: strictly after the record before it.
    pub recorded_at: Timestamp,
    /// Who asked.
    pub reporter: Reporter,
    /// The request it answers; none for what the registry does by itself.
    pub request: Option<RequestKey>,
    /// What the caller added in words.
    pub note: String,
    /// The facts, in the order of their ids.
    pub facts: Vec<Fact>,
    /// What became different, for days up to today.
    pub changes: Vec<Change>,
    /// What is foreseen to become different after today.
    pub foreseen: Foreseen,
    /// How many people have a row in either list.
    pub specialist_count: u32,
}

/// The differences a record makes for the days after its today: shown to the caller, never in the feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foreseen {
    /// How many there are.
    pub count: u32,
    /// The first of them, no more than [`Foreseen::KEPT`].
    pub first: Vec<Change>,
}

impl Foreseen {
    /// How many are kept and shown.
    pub const KEPT: usize = 100;
}

/// What makes a request the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The method, in full: `/package.Service/Method`.
    pub method: String,
    /// The caller's id for it.
    pub request_id: Uuid,
    /// Keyed digest of what was asked; the content itself is not kept.
    pub digest: [u8; 32],
}

/// The instant of the next record: `now` in whole microseconds, and strictly after the last record. Databases and
/// languages that count microseconds hold it exactly.
pub fn instant_after(last: Timestamp, now: Timestamp) -> Timestamp {
    let whole = |instant: Timestamp| Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant);
    let next = whole(last).saturating_add(SignedDuration::from_micros(1)).unwrap_or(last);
    whole(now).max(next)
}

impl RequestKey {
    /// The method by which an agency's earlier records are brought over.
    pub const IMPORT: &str = "/ms.dmh.credential.v1.RecordService/ImportRecords";
}

impl Record {
    /// The id of its fact number `index`.
    pub fn fact_id(&self, index: usize) -> FactId {
        FactId { revision: self.revision, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    /// Whether it is a row of an import.
    pub fn is_imported(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.method == RequestKey::IMPORT)
    }

    /// Its facts, each with where it stands and who reported it.
    pub fn recorded_facts(&self) -> impl Iterator<Item = Recorded<&Fact>> {
        self.facts.iter().enumerate().map(|(index, fact)| Recorded {
            id: self.fact_id(index),
            recorded_at: self.recorded_at,
            reporter: self.reporter.clone(),
            imported: self.is_imported(),
            note: self.note.clone(),
            fact,
        })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} with {} facts)", self.revision, self.facts.len())
    }
}

/// A difference for one subject over a run of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A credential stands otherwise.
    Standing {
        /// The credential.
        number: CredentialNumber,
        /// The days. Without end where they reach today.
        days: Period,
        /// How it stood.
        from: Standing,
        /// How it stands.
        to: Standing,
        /// The reason of its own that the new standing has, if any.
        reason: Option<Reason>,
    },
    /// A provider covers a credential's holder otherwise.
    Coverage {
        /// The credential.
        number: CredentialNumber,
        /// The provider.
        provider: ProviderId,
        /// The days.
        days: Period,
        /// What is known of it now.
        coverage: Coverage,
    },
    /// A designation is held or not.
    Designation {
        /// The credential.
        number: CredentialNumber,
        /// Which.
        code: Designation,
        /// The days.
        days: Period,
        /// Whether it is held now.
        held: bool,
    },
    /// A provider's peer support service is certified otherwise.
    Service {
        /// The provider.
        provider: ProviderId,
        /// The days.
        days: Period,
        /// What is known of it now.
        service: ServiceStatus,
    },
    /// A provider is on file with these identifiers, or is not.
    Provider {
        /// The provider.
        provider: ProviderId,
        /// Its numbers in other registries.
        identifiers: Vec<Identifier>,
        /// Whether it is on file.
        on_file: bool,
    },
    /// Employment is on record from this day on only.
    Records {
        /// The first day with records.
        first_day: Day,
    },
}

impl Change {
    /// The days that it is about; none: no days.
    pub fn days(&self) -> Option<Period> {
        match self {
            Change::Standing { days, .. }
            | Change::Coverage { days, .. }
            | Change::Designation { days, .. }
            | Change::Service { days, .. } => Some(*days),
            Change::Provider { .. } | Change::Records { .. } => None,
        }
    }

    /// The credential that it is about; none: a provider, or the registry.
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
        /// A job with a provider that qualifies and is not suspended.
        Covered,
        /// No such job.
        NotCovered,
        /// Covered, but by certificates alone whose date has passed unrenewed.
        NotKnown,
    }
}
listed! {
    /// Whether a provider's peer support service is certified on a day.
    ServiceStatus {
        /// Certified and not suspended.
        Certified,
        /// Suspended, or after a certification that ended.
        NotCertified,
        /// Before the first certification, or with none on record.
        NotKnown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_dated_in_whole_microseconds_each_after_the_last() {
        for (last, now, next) in [
            ("2026-03-02T15:00:00Z", "2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.123456Z"),
            ("2026-03-02T15:00:01.123456Z", "2026-03-02T15:00:01.123456789Z", "2026-03-02T15:00:01.123457Z"),
            ("2026-03-02T15:00:01.123456Z", "2026-03-02T15:00:01.123457Z", "2026-03-02T15:00:01.123457Z"),
            // The last record is of a release that counted nanoseconds.
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
