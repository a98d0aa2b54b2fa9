//! Encodes the review list for registrars.

use super::enum_map::WireEnum as _;
use super::fact_id::{EpochTags, fact_id};
use super::time::timestamp;
use crate::proto::v1;
use crate::registry::review::{ReviewItem, ReviewPerson};

/// Encodes a review entry.
pub fn review_item(item: &ReviewItem, tags: EpochTags<'_>) -> v1::ReviewEntry {
    v1::ReviewEntry {
        reason: item.reason.number(),
        fact_id: fact_id(item.fact, tags),
        revision: item.fact.revision.0,
        recorded_at: Some(timestamp(item.recorded_at)),
        caller: item.client.clone(),
        retracted: item.retracted,
        people: item.people.iter().map(person).collect(),
        specialist_count: item.people_count,
    }
}

fn person(person: &ReviewPerson) -> v1::ReviewPerson {
    v1::ReviewPerson {
        specialist_id: person.id.to_string(),
        credential_number: person.credential.map(|number| number.to_string()).unwrap_or_default(),
        display_name: person.name.clone(),
    }
}
