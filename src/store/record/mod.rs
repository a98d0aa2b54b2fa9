//! The stored form: domain values to bytes, which always succeeds, and bytes to domain values, which is checked.
//!
//! A record's names and birth dates are kept together in one part of it, so that they can be redacted without moving a
//! revision. The forms are the messages of the private package `ms.dmh.credential.storage.v1`; their numbers are spelled
//! out in `lists`, so that reordering an enum of the domain cannot change what is on disk.

mod change;
mod enum_map;
mod fact;
mod parts;
mod unreadable;

use jiff::Timestamp;
use prost::Message;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{Fact, Recorded};
use crate::domain::id::{FactId, Revision};
use crate::domain::record::{Foreseen, Record, RequestKey};
use crate::proto::storage::{self, PersonalFields};

use parts::missing;
use unreadable::{Read, Unreadable};

/// The version of the stored form that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// The birth date of a person whose personal fields were taken out: 1899-12-31, the day before the first that a report
/// or a question may name. So nobody is found by it.
pub const REDACTED_BIRTH_DATE: Day = Day::from_number(-25_568);

/// What whoever starts an older program is told.
const NEWER: &str = "a newer version of this program wrote it: start the release that wrote it, or a later one";

/// What is stored of a record cannot be read: it is damaged, or a later program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of revision {revision} cannot be read: {what}")]
pub struct Undecodable {
    /// The record.
    pub revision: Revision,
    /// What is wrong with it, in words, without contents.
    pub what: &'static str,
}

/// The bytes that the log keeps of a record.
pub fn encode(record: &Record) -> Vec<u8> {
    let mut personal = Vec::new();
    let facts = (0_u32..).zip(&record.facts).map(|(at, fact)| {
        let (stored, fields) = fact::stored(at, fact);
        personal.extend(fields);
        stored
    });
    let facts = facts.collect();
    let stored = storage::Record {
        format_version: FORMAT_VERSION,
        revision: record.revision.0,
        recorded_at_nanos: nanos(record.recorded_at),
        reporter: Some((&record.reporter).into()),
        request: record.request.as_ref().map(|request| storage::RequestKey {
            method: request.method.clone(),
            request_id: request.request_id.as_bytes().to_vec(),
            digest: request.digest.to_vec(),
        }),
        note: record.note.clone(),
        facts,
        personal: (!personal.is_empty()).then_some(storage::Personal { fields: personal, redacted: false }),
        changes: record.changes.iter().map(Into::into).collect(),
        foreseen: Some(storage::record::Foreseen {
            count: record.foreseen.count,
            first: record.foreseen.first.iter().map(Into::into).collect(),
        }),
        specialist_count: record.specialist_count,
    };
    stored.encode_to_vec()
}

/// The record that the log keeps at this revision.
pub fn decode(revision: Revision, bytes: &[u8]) -> Result<Record, Undecodable> {
    let stored = storage::Record::decode(bytes).map_err(|_| Undecodable { revision, what: "not a stored record" })?;
    let record = read_record(stored).map_err(|unreadable| Undecodable { revision, what: unreadable.0 })?;
    if record.revision != revision {
        return Err(Undecodable { revision, what: "it says that it is another revision" });
    }
    Ok(record)
}

fn read_record(stored: storage::Record) -> Read<Record> {
    match stored.format_version {
        FORMAT_VERSION => {}
        newer if newer > FORMAT_VERSION => return Err(Unreadable(NEWER)),
        _ => return Err(Unreadable("its format is not one this program knows")),
    }
    let personal = stored.personal.unwrap_or_default();
    let redacted = PersonalFields { birth_date: Some(REDACTED_BIRTH_DATE.number()), ..PersonalFields::default() };
    let redacted = personal.redacted.then_some(redacted);
    let mut personal = personal.fields.into_iter().peekable();
    let mut facts = Vec::with_capacity(stored.facts.len());
    for (at, fact) in (0_u32..).zip(stored.facts) {
        let fields = personal.next_if(|fields| fields.fact_index == at).or_else(|| redacted.clone());
        facts.push(fact::read(fact, fields)?);
    }
    let foreseen = stored.foreseen.unwrap_or_default();
    Ok(Record {
        revision: Revision(stored.revision),
        recorded_at: instant(stored.recorded_at_nanos)?,
        reporter: missing(stored.reporter, "no reporter")?.try_into()?,
        request: stored.request.map(read_request).transpose()?,
        note: stored.note,
        facts,
        changes: stored.changes.into_iter().map(TryInto::try_into).collect::<Read<_>>()?,
        foreseen: Foreseen {
            count: foreseen.count,
            first: foreseen.first.into_iter().map(TryInto::try_into).collect::<Read<_>>()?,
        },
        specialist_count: stored.specialist_count,
    })
}

fn read_request(stored: storage::RequestKey) -> Read<RequestKey> {
    Ok(RequestKey {
        method: stored.method,
        request_id: Uuid::from_slice(&stored.request_id).map_err(|_| Unreadable("a request id that is no UUID"))?,
        digest: stored.digest.try_into().map_err(|_| Unreadable("a request digest of another length"))?,
    })
}

/// The bytes that the index files of a fact.
pub(super) fn filed(recorded: &Recorded<&Fact>) -> Vec<u8> {
    let (fact, personal) = fact::stored(recorded.id.index, recorded.fact);
    let filed = storage::FiledFact {
        fact: Some(fact),
        personal,
        recorded_at_nanos: nanos(recorded.recorded_at),
        reporter: Some((&recorded.reporter).into()),
        note: recorded.note.clone(),
        imported: recorded.imported,
    };
    filed.encode_to_vec()
}

/// The fact that the index filed under this id.
pub(super) fn unfiled(id: FactId, bytes: &[u8]) -> Result<Recorded<Fact>, Undecodable> {
    let undecodable = |what| Undecodable { revision: id.revision, what };
    let filed = storage::FiledFact::decode(bytes).map_err(|_| undecodable("not a filed fact"))?;
    read_filed(id, filed).map_err(|unreadable| undecodable(unreadable.0))
}

fn read_filed(id: FactId, filed: storage::FiledFact) -> Read<Recorded<Fact>> {
    Ok(Recorded {
        id,
        recorded_at: instant(filed.recorded_at_nanos)?,
        reporter: missing(filed.reporter, "no reporter")?.try_into()?,
        imported: filed.imported,
        note: filed.note,
        fact: fact::read(missing(filed.fact, "no fact")?, filed.personal)?,
    })
}

/// Nanoseconds since 1970; they last until the year 2262.
pub(super) fn nanos(instant: Timestamp) -> i64 {
    i64::try_from(instant.as_nanosecond()).unwrap_or(i64::MAX)
}

pub(super) fn instant(nanos: i64) -> Read<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| Unreadable("an instant out of range"))
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
