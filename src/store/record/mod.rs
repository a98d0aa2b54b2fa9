//! The stored form of records. Encoding a domain value always succeeds; decoding validates the bytes.
//!
//! A record is an envelope around two parts. The personal part contains names, birth dates and free text, and a salt;
//! it can be redacted. The public part contains everything else. The forms are the messages of the private package
//! `ms.dmh.credential.storage.v1`. `enum_map` maps enum values by name, so that reordering an enum of the domain cannot
//! change what is on disk.

mod change;
mod digest;
mod enum_map;
mod fact;
mod format_1;
mod free_text;
mod parts;
mod redact;
mod salts;
mod unreadable;

use std::convert::Infallible;

use jiff::Timestamp;
use prost::Message;
use uuid::Uuid;

use crate::domain::fact::{Fact, Recorded};
use crate::domain::id::{FactId, Revision};
use crate::domain::record::{Foreseen, Record, RequestKey};
use crate::domain::specialist::REDACTED_BIRTH_DATE;
use crate::proto::storage::sealed_record::Personal;
use crate::proto::storage::{self, PersonalFields};
use crate::store::in_parts::in_parts;

pub use digest::{Hash, Tip, digest, recorded_at};
#[cfg(test)]
pub(crate) use digest::{sealed, sealed_at, sealed_with, without_personal_part};
use parts::missing;
#[cfg(test)]
pub use redact::salt_in;
pub use redact::{Personal as PersonalContents, contents, is_personal, redacted};
pub use salts::Salts;
use unreadable::{Read, Unreadable};

/// The version of the stored form that this program writes.
pub const FORMAT_VERSION: u32 = 2;

/// The version of a record that an earlier release must not read: one of a redaction. A release that does not know it
/// would answer from the names that it has. Otherwise the form is the same.
pub const LATEST_VERSION: u32 = 3;

/// The personal fields of a redacted fact.
const REDACTED_FIELDS: PersonalFields = PersonalFields {
    fact_index: 0,
    given: String::new(),
    family: String::new(),
    suffix: String::new(),
    birth_date: Some(REDACTED_BIRTH_DATE.number()),
    text: String::new(),
};

/// The error text for a record of a later version.
const NEWER: &str = "it was written by a newer version: start the release that wrote it, or a later one";

/// A stored record cannot be decoded: it is damaged, or a later version of the program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of revision {revision} cannot be read: {what}")]
pub struct Undecodable {
    /// The revision of the record.
    pub revision: Revision,
    /// What is wrong, in words, without contents.
    pub what: &'static str,
}

/// The random bytes of a record. Without them, the hash of the personal part would confirm guesses of its contents.
pub type Salt = [u8; 16];

/// Encodes a record for the log. A message is its fields one after another, so the facts and the changes are encoded in
/// parts.
pub fn encode(record: &Record, salt: &Salt) -> Vec<u8> {
    let facts: Vec<(u32, &Fact)> = (0..).zip(&record.facts).collect();
    let Ok(facts) = in_parts(&facts, |facts| Ok::<_, Infallible>(encode_facts(facts)));
    let Ok(changes) = in_parts(&record.changes, |changes| {
        let changes = changes.iter().map(Into::into).collect();
        Ok::<_, Infallible>(storage::PublicPart { changes, ..storage::PublicPart::default() }.encode_to_vec())
    });
    let before = storage::PublicPart {
        reporter: Some((&record.reporter).into()),
        request: record.request.as_ref().map(|request| storage::RequestKey {
            method: request.method.clone(),
            request_id: request.request_id.as_bytes().to_vec(),
            digest: request.digest.to_vec(),
        }),
        ..storage::PublicPart::default()
    };
    let after = storage::PublicPart {
        foreseen: Some(storage::record::Foreseen {
            count: record.foreseen.count,
            first: record.foreseen.first.iter().map(Into::into).collect(),
        }),
        specialist_count: record.specialist_count,
        ..storage::PublicPart::default()
    };
    let (mut public, mut fields) = (before.encode_to_vec(), Vec::new());
    for (bytes, personal) in facts {
        public.extend(bytes);
        fields.extend(personal);
    }
    changes.iter().for_each(|bytes| public.extend_from_slice(bytes));
    public.extend(after.encode_to_vec());
    let personal = storage::PersonalPart { note: record.note.clone(), fields };
    let salted = [&salt[..], &personal.encode_to_vec()].concat();
    let sealed = storage::SealedRecord {
        format_version: version_of(record),
        revision: record.revision.0,
        recorded_at_nanos: nanos(record.recorded_at),
        public_part: public,
        personal: Some(Personal::PersonalPart(salted)),
    };
    sealed.encode_to_vec()
}

/// The version that a record is written in.
fn version_of(record: &Record) -> u32 {
    if record.redacts_somebody() { LATEST_VERSION } else { FORMAT_VERSION }
}

/// Encodes facts with their places in the record. Returns their public fields, and their personal ones.
fn encode_facts(facts: &[(u32, &Fact)]) -> (Vec<u8>, Vec<PersonalFields>) {
    let mut fields = Vec::new();
    let facts = facts.iter().map(|(at, fact)| {
        let (mut stored, personal) = fact::stored(*at, fact);
        let text = free_text::take(&mut stored);
        let none = || (!text.is_empty()).then(|| PersonalFields { fact_index: *at, ..PersonalFields::default() });
        fields.extend(personal.or_else(none).map(|fields| PersonalFields { text, ..fields }));
        stored
    });
    let public = storage::PublicPart { facts: facts.collect(), ..storage::PublicPart::default() };
    (public.encode_to_vec(), fields)
}

/// Decodes the record that the log contains at this revision.
pub fn decode(revision: Revision, bytes: &[u8]) -> Result<Record, Undecodable> {
    let record = read_record(bytes).map_err(|unreadable| Undecodable { revision, what: unreadable.0 })?;
    if record.revision != revision {
        return Err(Undecodable { revision, what: "it contains another revision number" });
    }
    Ok(record)
}

fn read_record(bytes: &[u8]) -> Read<Record> {
    let sealed = storage::SealedRecord::decode(bytes).map_err(|_| Unreadable("the bytes are not a record"))?;
    match sealed.format_version {
        FORMAT_VERSION..=LATEST_VERSION => read_sealed(sealed),
        format_1::VERSION => format_1::read(bytes),
        newer if newer > LATEST_VERSION => Err(Unreadable(NEWER)),
        _ => Err(Unreadable("its format version is unknown")),
    }
}

fn read_sealed(sealed: storage::SealedRecord) -> Read<Record> {
    let public = storage::PublicPart::decode(sealed.public_part.as_slice())
        .map_err(|_| Unreadable("its public part cannot be decoded"))?;
    let (personal, redacted) = match missing(sealed.personal, "the personal part and its hash are missing")? {
        Personal::PersonalPart(salted) => (read_personal(&salted)?, None),
        Personal::PersonalHash(_) => (storage::PersonalPart::default(), Some(REDACTED_FIELDS)),
    };
    let mut fields = personal.fields.into_iter().peekable();
    let mut facts = Vec::with_capacity(public.facts.len());
    for (at, mut fact) in (0_u32..).zip(public.facts) {
        let mut personal = fields.next_if(|fields| fields.fact_index == at).or_else(|| redacted.clone());
        if let Some(personal) = &mut personal {
            free_text::put_back(&mut fact, std::mem::take(&mut personal.text));
        }
        facts.push(fact::read(fact, personal)?);
    }
    let foreseen = public.foreseen.unwrap_or_default();
    Ok(Record {
        revision: Revision(sealed.revision),
        recorded_at: instant(sealed.recorded_at_nanos)?,
        reporter: missing(public.reporter, "the reporter is missing")?.try_into()?,
        request: public.request.map(read_request).transpose()?,
        note: personal.note,
        facts,
        changes: public.changes.into_iter().map(TryInto::try_into).collect::<Read<_>>()?,
        foreseen: Foreseen {
            count: foreseen.count,
            first: foreseen.first.into_iter().map(TryInto::try_into).collect::<Read<_>>()?,
        },
        specialist_count: public.specialist_count,
    })
}

fn read_personal(salted: &[u8]) -> Read<storage::PersonalPart> {
    let (_, part) =
        missing(salted.split_first_chunk::<{ size_of::<Salt>() }>(), "the salt of the personal part is missing")?;
    storage::PersonalPart::decode(part).map_err(|_| Unreadable("its personal part cannot be decoded"))
}

fn read_request(stored: storage::RequestKey) -> Read<RequestKey> {
    Ok(RequestKey {
        method: stored.method,
        request_id: Uuid::from_slice(&stored.request_id).map_err(|_| Unreadable("a request id is not a UUID"))?,
        digest: stored.digest.try_into().map_err(|_| Unreadable("a request digest has the wrong length"))?,
    })
}

/// Encodes the facts of one record for the index. A message is its fields one after another, so the fields that all of
/// these facts have in common are encoded once.
pub(super) struct Filing {
    /// The time, the reporter, the note, and whether it was imported.
    common: Vec<u8>,
}

impl Filing {
    /// What the facts of a record have in common.
    pub(super) fn of(record: &Record) -> Filing {
        let common = storage::FiledFact {
            recorded_at_nanos: nanos(record.recorded_at),
            reporter: Some((&record.reporter).into()),
            note: record.note.clone(),
            imported: record.is_imported(),
            ..storage::FiledFact::default()
        };
        Filing { common: common.encode_to_vec() }
    }

    /// Encodes the fact at index `at` of the record.
    pub(super) fn encode(&self, at: u32, fact: &Fact) -> Vec<u8> {
        let (fact, personal) = fact::stored(at, fact);
        let filed = storage::FiledFact { fact: Some(fact), personal, ..storage::FiledFact::default() };
        let mut bytes = filed.encode_to_vec();
        bytes.extend_from_slice(&self.common);
        bytes
    }
}

/// Decodes a fact from the index.
pub(super) fn decode_filed(id: FactId, bytes: &[u8]) -> Result<Recorded<Fact>, Undecodable> {
    let undecodable = |what| Undecodable { revision: id.revision, what };
    let filed = storage::FiledFact::decode(bytes).map_err(|_| undecodable("the bytes are not a filed fact"))?;
    read_filed(id, filed).map_err(|unreadable| undecodable(unreadable.0))
}

fn read_filed(id: FactId, filed: storage::FiledFact) -> Read<Recorded<Fact>> {
    Ok(Recorded {
        id,
        recorded_at: instant(filed.recorded_at_nanos)?,
        reporter: missing(filed.reporter, "the reporter is missing")?.try_into()?,
        imported: filed.imported,
        note: filed.note,
        fact: fact::read(missing(filed.fact, "the fact is missing")?, filed.personal)?,
    })
}

/// Nanoseconds since 1970. They can represent instants up to the year 2262.
pub(super) fn nanos(instant: Timestamp) -> i64 {
    i64::try_from(instant.as_nanosecond()).unwrap_or(i64::MAX)
}

pub(super) fn instant(nanos: i64) -> Read<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| Unreadable("an instant is out of range"))
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
