//! Decodes records of format 1. This is used once, when a directory or backup in that format is rewritten.

use prost::Message as _;

use super::{REDACTED_FIELDS, fact, instant, read_request};
use crate::domain::id::Revision;
use crate::domain::record::{Foreseen, Record};
use crate::proto::storage;

use super::parts::missing;
use super::unreadable::{Read, Unreadable};

/// The version of this form.
pub(super) const VERSION: u32 = 1;

/// Decodes a record.
pub(super) fn read(bytes: &[u8]) -> Read<Record> {
    let stored = storage::Record::decode(bytes).map_err(|_| Unreadable("the bytes are not a record"))?;
    let personal = stored.personal.unwrap_or_default();
    let redacted = personal.redacted.then_some(REDACTED_FIELDS);
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
        reporter: missing(stored.reporter, "the reporter is missing")?.try_into()?,
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
