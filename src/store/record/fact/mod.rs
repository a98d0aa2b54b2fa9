//! Facts in their stored form, each with the personal fields that are kept apart from it.

mod provider;
mod registry;
mod specialist;

use crate::domain::fact::Fact;
use crate::domain::id::SpecialistId;
use crate::proto::storage::{self, fact::Subject};

use super::parts::missing;
use super::unreadable::Read;

/// The stored form of the fact at this place of its record.
pub(super) fn stored(at: u32, fact: &Fact) -> (storage::Fact, Option<storage::PersonalFields>) {
    let (subject, personal) = match fact {
        Fact::Registry(fact) => (Subject::Registry(registry::stored(fact)), None),
        Fact::Provider(id, fact) => (Subject::Provider(provider::stored(id, fact)), None),
        Fact::Specialist(id, fact) => {
            (Subject::Specialist(specialist::stored(*id, fact)), specialist::personal(at, fact))
        }
    };
    (storage::Fact { subject: Some(subject) }, personal)
}

/// The fact of a stored form.
pub(super) fn read(fact: storage::Fact, personal: Option<storage::PersonalFields>) -> Read<Fact> {
    Ok(match missing(fact.subject, "a fact without a subject")? {
        Subject::Registry(fact) => Fact::Registry(registry::read(fact)?),
        Subject::Provider(fact) => {
            Fact::Provider(super::parts::provider(&fact.provider_id)?, provider::read(fact.fact)?)
        }
        Subject::Specialist(fact) => {
            Fact::Specialist(SpecialistId::from_number(fact.specialist_id), specialist::read(fact.fact, personal)?)
        }
    })
}
