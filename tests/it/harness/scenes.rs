//! Common situations at the start of a scenario.

use tokio::task::JoinSet;

use super::client::Client;
use super::requests::{issue, qualify, register_provider, register_specialist, start_job};

/// The day from which providers qualify in most scenarios.
pub const QUALIFIED_FROM: &str = "2020-01-01";
/// The day on which people are hired in most scenarios.
pub const HIRED: &str = "2024-01-08";
/// The first day of their credentials.
pub const EFFECTIVE_FROM: &str = "2024-06-03";
/// The last day of their terms: the first cohort date (September 30 of 2015 + 4k) on or after it.
pub const TERM_LAST_DAY: &str = "2027-09-30";

/// A provider that qualifies.
pub struct Qualified {
    /// The provider's id.
    pub provider_id: String,
    /// The fact that records the qualification.
    pub qualification: String,
}

/// A person who holds a credential.
pub struct Credentialed {
    /// The credential number.
    pub number: String,
    /// The person's id.
    pub specialist_id: String,
    /// The person's jobs, in the order of the providers.
    pub jobs: Vec<String>,
    /// The revision of the issuance.
    pub revision: u64,
}

impl Client {
    /// Registers a provider that qualifies since 2020.
    pub async fn qualified_provider(&self, legal_name: &str) -> Qualified {
        // Not `report`: a benchmark also asks earlier builds, which give no tokens.
        let registered = self.ask(register_provider(legal_name)).await;
        let provider_id = registered.provider.expect("a provider").provider_id;
        let qualification = self.ask(qualify(&provider_id, QUALIFIED_FROM)).await.fact_id;
        Qualified { provider_id, qualification }
    }

    /// Registers a person.
    pub async fn specialist(&self, given_name: &str, family_name: &str) -> String {
        let registered = self.report(register_specialist(given_name, family_name)).await;
        registered.specialist.expect("a specialist").specialist_id
    }

    /// Reports a job of a person with a provider from a day on.
    pub async fn job(&self, specialist_id: &str, provider_id: &str, first_day: &str) -> String {
        let started = self.report(start_job(specialist_id, provider_id, first_day)).await;
        started.employment.expect("an employment").employment_id
    }

    /// Registers a person employed by these providers since January 2024, with a credential since June 2024.
    pub async fn credentialed(&self, given_name: &str, family_name: &str, providers: &[&Qualified]) -> Credentialed {
        let specialist_id = self.specialist(given_name, family_name).await;
        let mut jobs = Vec::new();
        for provider in providers {
            jobs.push(self.job(&specialist_id, &provider.provider_id, HIRED).await);
        }
        let issued = self.report(issue(&specialist_id, EFFECTIVE_FROM)).await;
        let number = issued.credential.expect("a credential").credential_number;
        Credentialed { number, specialist_id, jobs, revision: issued.revision }
    }

    /// Registers people with jobs and credentials, many at once. Returns their numbers, sorted.
    pub async fn hire(&self, provider: &str, count: usize) -> Vec<String> {
        let mut hiring = JoinSet::new();
        let mut numbers = Vec::with_capacity(count);
        for person in 0..count {
            if hiring.len() >= 32 {
                numbers.push(hiring.join_next().await.unwrap().unwrap());
            }
            let (registry, provider) = (self.clone(), provider.to_owned());
            hiring.spawn(async move {
                let registered = registry.ask(register_specialist("Example", &format!("Person-{person}"))).await;
                let specialist = registered.specialist.unwrap().specialist_id;
                registry.ask(start_job(&specialist, &provider, HIRED)).await;
                registry.ask(issue(&specialist, EFFECTIVE_FROM)).await.credential.unwrap().credential_number
            });
        }
        while let Some(number) = hiring.join_next().await {
            numbers.push(number.unwrap());
        }
        numbers.sort();
        numbers
    }
}
