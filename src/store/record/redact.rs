//! Redaction: the personal part of a record is replaced by its hash, and its salt goes with it. Without the salt the
//! hash confirms no guess.
//!
//! The personal part is hashed as a whole. So a part with fields of several people can only be removed as a whole.

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{Salt, fact, free_text, read_personal};
use crate::domain::fact::{Fact, Recorded};
use crate::domain::id::SpecialistId;
use crate::proto::storage::sealed_record::Personal as Part;
use crate::proto::storage::{PersonalFields, PersonalPart, PublicPart, SealedRecord, fact::Subject};

/// What the personal part of a record has: the number of fields, and no contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    /// Names.
    pub names: usize,
    /// Birth dates.
    pub birth_dates: usize,
    /// Texts of facts, such as the position of a job.
    pub texts: usize,
    /// True if the record has a note.
    pub note: bool,
    /// Fields about other people and providers. They are part of the counts above.
    pub of_others: usize,
}

/// An encoded record that is about a person, and still has something personal.
struct About {
    sealed: SealedRecord,
    public: PublicPart,
    part: PersonalPart,
}

impl About {
    /// `None` if the record is not about a person for whom `is_meant` is true, or has nothing personal about that
    /// person.
    fn read(bytes: &[u8], is_meant: &dyn Fn(SpecialistId) -> bool) -> Result<Option<About>, &'static str> {
        let sealed = SealedRecord::decode(bytes).map_err(|_| "a record cannot be decoded")?;
        let Some(Part::PersonalPart(salted)) = &sealed.personal else { return Ok(None) };
        if salted.len() <= size_of::<Salt>() {
            return Ok(None);
        }
        let public = PublicPart::decode(sealed.public_part.as_slice());
        let public = public.map_err(|_| "the public part of a record cannot be decoded")?;
        if !(0..public.facts.len()).any(|at| has_subject(&public, at, is_meant)) {
            return Ok(None);
        }
        let part = read_personal(salted).map_err(|unreadable| unreadable.0)?;
        let mut fields = part.fields.iter().map(|fields| fields.fact_index as usize);
        let is_held = !part.note.is_empty() || fields.any(|at| has_subject(&public, at, is_meant));
        Ok(is_held.then_some(About { sealed, public, part }))
    }
}

/// True if a fact of a record is about a person for whom `is_meant` is true.
fn has_subject(public: &PublicPart, at: usize, is_meant: &dyn Fn(SpecialistId) -> bool) -> bool {
    let subject = public.facts.get(at).and_then(|fact| fact.subject.as_ref());
    matches!(subject, Some(Subject::Specialist(fact)) if is_meant(SpecialistId::from_number(fact.specialist_id)))
}

/// The record without its personal part, if it is about a person for whom `is_meant` is true. `None` if it is not, or
/// has nothing personal about that person.
pub fn redacted(bytes: &[u8], is_meant: &dyn Fn(SpecialistId) -> bool) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(About { mut sealed, .. }) = About::read(bytes, is_meant)? else { return Ok(None) };
    if let Some(Part::PersonalPart(salted)) = &sealed.personal {
        sealed.personal = Some(Part::PersonalHash(Sha256::digest(salted).to_vec()));
    }
    Ok(Some(sealed.encode_to_vec()))
}

/// What [`redacted`] would remove from a record about a person.
pub fn contents(bytes: &[u8], person: SpecialistId) -> Result<Option<Personal>, &'static str> {
    let is_meant = |id| id == person;
    let Some(About { public, part, .. }) = About::read(bytes, &is_meant)? else { return Ok(None) };
    let mut found = Personal { note: !part.note.is_empty(), ..Personal::default() };
    for fields in &part.fields {
        found.names += usize::from(!fields.given.is_empty() || !fields.family.is_empty());
        found.birth_dates += usize::from(fields.birth_date.is_some());
        found.texts += usize::from(!fields.text.is_empty());
        found.of_others += usize::from(!has_subject(&public, fields.fact_index as usize, &is_meant));
    }
    Ok(Some(found))
}

/// True if a fact about a person has anything that a redaction would remove. A name that was redacted is empty, and has
/// no birth date that can be reported.
pub fn is_personal(recorded: &Recorded<&Fact>) -> bool {
    let (mut stored, personal) = fact::stored(recorded.id.index, recorded.fact);
    let is_named = |fields: &PersonalFields| !fields.given.is_empty() || !fields.family.is_empty();
    !recorded.note.is_empty() || !free_text::take(&mut stored).is_empty() || personal.is_some_and(|it| is_named(&it))
}

/// The salt of a record that has its personal part.
#[cfg(test)]
pub fn salt_in(bytes: &[u8]) -> Option<Salt> {
    match SealedRecord::decode(bytes).ok()?.personal? {
        Part::PersonalPart(salted) => salted.first_chunk().copied(),
        Part::PersonalHash(_) => None,
    }
}
