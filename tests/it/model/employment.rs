//! Section 3: who qualifies, who is employed, who is covered. From section 6: the peer support service of a provider.

use cpss_registry::domain::day::Day;
use cpss_registry::domain::id::ProviderId;
use cpss_registry::domain::record::{Coverage, ServiceStatus};

use super::facts::{Certificate, Model, ModelPerson};

impl Model {
    /// The qualifications of a provider that include a day, on a basis that the rule set then in force accepts.
    fn accepted_qualifications(&self, provider: &ProviderId, day: Day) -> Vec<&Certificate> {
        let Some(set) = self.rule_set_on(day) else { return Vec::new() };
        let Some(provider) = self.provider(provider) else { return Vec::new() };
        let accepted = |certificate: &Certificate| certificate.basis.is_some_and(|b| set.qualifying_bases.contains(&b));
        provider.qualifications.iter().filter(|one| one.days.include(day) && accepted(one)).collect()
    }

    /// "P qualifies on D: a `ProviderQualified` period of P includes D, with a basis that the rule set in force on D
    /// accepts."
    pub fn qualifies(&self, provider: &ProviderId, day: Day) -> bool {
        !self.accepted_qualifications(provider, day).is_empty()
    }

    /// A `ProviderSuspended` period of P includes D.
    pub fn is_suspended(&self, provider: &ProviderId, day: Day) -> bool {
        self.provider(provider).is_some_and(|provider| provider.suspensions.iter().any(|days| days.include(day)))
    }

    /// "S is employed on D: a job of S includes D, with a provider that qualifies on D."
    pub fn is_employed(&self, person: &ModelPerson, day: Day) -> bool {
        person.jobs.iter().any(|job| job.days.include(day) && self.qualifies(&job.provider, day))
    }

    /// A job of S with P includes D.
    pub fn has_job_with(&self, person: &ModelPerson, provider: &ProviderId, day: Day) -> bool {
        person.jobs.iter().any(|job| job.provider == *provider && job.days.include(day))
    }

    /// "P covers S on D: a job of S with P includes D, P qualifies on D, and no `ProviderSuspended` includes D."
    pub fn covers(&self, provider: &ProviderId, person: &ModelPerson, day: Day) -> bool {
        self.has_job_with(person, provider, day) && self.qualifies(provider, day) && !self.is_suspended(provider, day)
    }

    /// The providers that cover S on D.
    pub fn covering(&self, person: &ModelPerson, day: Day) -> Vec<&ProviderId> {
        let all = self.providers.iter().map(|provider| &provider.id);
        all.filter(|provider| self.covers(provider, person, day)).collect()
    }

    /// "Every accepted qualification that includes D, of P or else of every covering provider, has a `valid_through`
    /// before D."
    pub fn renewal_not_recorded(&self, providers: &[&ProviderId], day: Day) -> bool {
        providers.iter().all(|provider| {
            let accepted = self.accepted_qualifications(provider, day);
            accepted.iter().all(|one| one.valid_through.is_some_and(|date| date < day))
        })
    }

    /// The coverage of S by P on D.
    pub fn coverage_by(&self, provider: &ProviderId, person: &ModelPerson, day: Day) -> Coverage {
        if !self.covers(provider, person, day) {
            Coverage::NotCovered
        } else if self.renewal_not_recorded(&[provider], day) {
            Coverage::NotKnown
        } else {
            Coverage::Covered
        }
    }

    /// The coverage of S by all providers on D.
    pub fn coverage(&self, person: &ModelPerson, day: Day) -> Coverage {
        let covering = self.covering(person, day);
        if covering.is_empty() {
            Coverage::NotCovered
        } else if self.renewal_not_recorded(&covering, day) {
            Coverage::NotKnown
        } else {
            Coverage::Covered
        }
    }

    /// "When a `PeerServiceSuspended` of P includes D, or D is in no `PeerServiceCertified` period of P and after one
    /// that ended. Before the first, or with none on record: `SERVICE_HISTORY_UNKNOWN`. (A provider not on file has
    /// neither.)"
    pub fn service(&self, provider: &ProviderId, day: Day) -> ServiceStatus {
        let Some(provider) = self.provider(provider) else { return ServiceStatus::NotKnown };
        let certified = provider.service_certifications.iter().any(|one| one.days.include(day));
        let one_ended = provider.service_certifications.iter().any(|one| one.days.last.is_some_and(|last| last < day));
        if provider.service_suspensions.iter().any(|days| days.include(day)) || (!certified && one_ended) {
            ServiceStatus::NotCertified
        } else if certified {
            ServiceStatus::Certified
        } else {
            ServiceStatus::NotKnown
        }
    }
}
