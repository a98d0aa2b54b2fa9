//! The stored form of facts. The personal fields of a fact are stored separately.

mod provider;
mod registry;
mod specialist;

use crate::domain::fact::Fact;
use crate::domain::id::SpecialistId;
use crate::proto::storage::{self, fact::Subject};

use super::parts::missing;
use super::unreadable::Read;

/// Encodes the fact at index `at` of its record, and its personal fields.
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

/// Decodes a fact.
pub(super) fn read(fact: storage::Fact, personal: Option<storage::PersonalFields>) -> Read<Fact> {
    Ok(match missing(fact.subject, "a fact has no subject")? {
        Subject::Registry(fact) => Fact::Registry(registry::read(fact)?),
        Subject::Provider(fact) => {
            Fact::Provider(super::parts::provider(&fact.provider_id)?, provider::read(fact.fact)?)
        }
        Subject::Specialist(fact) => {
            Fact::Specialist(SpecialistId::from_number(fact.specialist_id), specialist::read(fact.fact, personal)?)
        }
    })
}
