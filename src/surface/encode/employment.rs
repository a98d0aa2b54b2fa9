//! Encodes jobs.

use super::fact_id::{EpochTags, fact_id};
use super::time::days;
use crate::domain::id::{CredentialNumber, SpecialistId};
use crate::domain::specialist::{Job, Specialist};
use crate::proto::v1;

/// Encodes a job of a person.
pub fn employment(person: &Specialist, job: &Job, epochs: EpochTags<'_>) -> v1::Employment {
    let credential = person.the_credential().map(|credential| credential.number);
    employment_of(person.id, credential, job, epochs)
}

/// Encodes a job of the person with this id and credential.
pub fn employment_of(
    specialist: SpecialistId,
    credential: Option<CredentialNumber>,
    job: &Job,
    epochs: EpochTags<'_>,
) -> v1::Employment {
    let (first_day, last_day) = days(job.days);
    v1::Employment {
        employment_id: job.employment.to_string(),
        fact_id: fact_id(job.fact, epochs),
        specialist_id: specialist.to_string(),
        credential_number: credential.map_or_else(String::new, |number| number.to_string()),
        provider_id: job.provider.to_string(),
        position: job.position.to_string(),
        first_day,
        last_day,
        supervised: job.supervised,
    }
}
