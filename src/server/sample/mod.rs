//! The sample data of a development server: a small fictional registry with examples of everything.
//!
//! All people and providers are fictional. The data are recorded as agencies would report them, one command at a time.
//! Their dates are relative to today, so that the examples are the same on any day. The ids are the same on every
//! machine.

mod load;
mod people;
mod providers;

pub(super) use self::load::application;

use uuid::Uuid;

use crate::domain::command::Command;
use crate::domain::day::Day;
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::{CredentialNumber, NotAnId, ProviderId, SpecialistId};
use crate::domain::prior_number::NotAPriorNumber;
use crate::registry::{Content, Numbers, Registry, Resource, Submission, SubmitError};

/// A person of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplePerson {
    /// What the person is an example of.
    pub shows: &'static str,
    /// The person.
    pub specialist: SpecialistId,
    /// The credential, if the person has one.
    pub credential: Option<CredentialNumber>,
}

/// The sample data could not be recorded completely.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The registry rejected a step.
    #[error("step {step} was rejected")]
    NotAccepted {
        /// The step, counted from 1.
        step: u64,
        /// The cause.
        source: SubmitError,
    },
    /// A step was accepted, but did not return the id that a later step needs.
    #[error("step {step} returned no id for a later step")]
    NoId {
        /// The step, counted from 1.
        step: u64,
    },
    /// The id of a provider is malformed.
    #[error("a provider has a malformed id")]
    BadId(#[from] NotAnId),
    /// The prior number of a person is malformed.
    #[error("a person has a malformed prior number")]
    BadPriorNumber(#[from] NotAPriorNumber),
}

/// Records the sample data in an empty registry. Returns the people in it.
pub async fn load(registry: &Registry) -> Result<Vec<SamplePerson>, SampleError> {
    let mut recorder = Recorder { registry, today: registry.head().today, step: 0, seed: 0 };
    providers::record(&mut recorder).await?;
    let people = load::record(&mut recorder).await?;
    for person in &people {
        let credential = person.credential.map(tracing::field::display);
        tracing::info!(event = "sample_person", credential, specialist = %person.specialist, shows = person.shows, "sample");
    }
    Ok(people)
}

/// Records the sample data.
struct Recorder<'a> {
    registry: &'a Registry,
    today: Day,
    step: u64,
    /// The seed of the ids in the next step.
    seed: u64,
}

impl Recorder<'_> {
    fn days_ago(&self, days: i32) -> Day {
        self.today.plus(-days)
    }

    async fn record(&mut self, client: String, role: Role, command: Command) -> Result<Resource, SampleError> {
        self.step += 1;
        let step = self.step;
        // The number of renewals depends on the day, but the ids must not. A prior number makes no id.
        if !matches!(command, Command::RenewCredential { .. } | Command::SetPriorNumber { .. }) {
            self.seed += 1;
        }
        let submission = Submission {
            reporter: Reporter { client, role },
            method: "sample",
            request_id: Uuid::from_u128(u128::from(step)),
            content: Content::default(),
            validate_only: false,
            note: String::new(),
            command,
            numbers: Numbers::From(self.seed),
        };
        let submitted = self.registry.submit(submission).await;
        submitted.map(|receipt| receipt.resource).map_err(|source| SampleError::NotAccepted { step, source })
    }

    async fn as_certifier(&mut self, command: Command) -> Result<Resource, SampleError> {
        self.record("sample-certifier".to_owned(), Role::Certifier, command).await
    }

    async fn as_registrar(&mut self, command: Command) -> Result<Resource, SampleError> {
        self.record("sample-registrar".to_owned(), Role::Registrar, command).await
    }

    async fn as_provider(&mut self, provider: ProviderId, command: Command) -> Result<Resource, SampleError> {
        self.record(format!("sample-{provider}"), Role::Provider(provider), command).await
    }

    fn no_id(&self) -> SampleError {
        SampleError::NoId { step: self.step }
    }
}

#[cfg(test)]
mod tests;
