//! Encodes jobs.

use super::fact_id::{EpochTags, fact_id};
use super::time::days;
use crate::domain::specialist::{Job, Specialist};
use crate::proto::v1;

/// Encodes a job of a person.
pub fn employment(person: &Specialist, job: &Job, epochs: EpochTags<'_>) -> v1::Employment {
    let (first_day, last_day) = days(job.days);
    v1::Employment {
        employment_id: job.employment.to_string(),
        fact_id: fact_id(job.fact, epochs),
        specialist_id: person.id.to_string(),
        credential_number: person.the_credential().map_or_else(String::new, |credential| credential.number.to_string()),
        provider_id: job.provider.to_string(),
        position: job.position.to_string(),
        first_day,
        last_day,
        supervised: job.supervised,
    }
}
