//! The timeline of a credential: the result of the walk, with everything else that a question needs.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::day::{Day, Period};
use super::day_runs::{Runs, union};
use super::fact::{CredentialPeriodKind, Designation};
use super::id::{CredentialNumber, ProviderId, SpecialistId};
use super::name::HeldNames;
use super::prior_number::PriorNumber;
use super::provider::{ProviderFile, ProviderTimeline};
use super::rule_sets::RuleSets;
use super::sets::Designations;
use super::specialist::{Credential, Specialist};
use super::walk::{CredentialDay, walk};

/// A compiled credential. The lists are stored in place up to the length that most people need, so that reading all of
/// them costs one memory access instead of one for each list.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The credential number.
    pub number: CredentialNumber,
    /// The holder.
    pub specialist: SpecialistId,
    /// Whether the issuance is retracted.
    pub void: bool,
    /// The first day of the first term.
    pub effective_from: Day,
    /// The last day of the last term.
    pub term_last_day: Option<Day>,
    /// The rule set that the credential was issued under.
    pub rule_set: Arc<str>,
    /// The state on each day.
    pub days: Runs<CredentialDay>,
    /// The days of all terms, merged.
    pub terms: SmallVec<[Period; 2]>,
    /// The holder's jobs.
    pub jobs: SmallVec<[(ProviderId, Period); 2]>,
    /// The designations granted.
    pub designations: SmallVec<[(Designation, Period); 2]>,
    /// The holder's names.
    pub names: HeldNames,
    /// The numbers of earlier certificates, in the order in which they were set.
    pub prior_numbers: Box<[PriorNumber]>,
}

/// The providers of a person's jobs, compiled under the same rule sets.
pub trait Providers {
    /// The timeline of a provider. `None` if the registry has no provider with this id.
    fn timeline(&self, provider: &ProviderId) -> Option<&ProviderTimeline>;

    /// The shared allocation of a provider id, so that a million timelines store it once.
    fn shared_id(&self, provider: &ProviderId) -> ProviderId;
}

/// Providers by id. The key is the allocation of the id that all timelines share.
pub type Employers = HashMap<ProviderId, Arc<ProviderTimeline>, RandomState>;

/// The providers of some jobs. Each is looked up once, however many jobs are with it.
pub fn employers<'p>(
    of_jobs: impl Iterator<Item = &'p ProviderId>,
    file: impl Fn(&ProviderId) -> Option<Arc<ProviderFile>>,
) -> Employers {
    let mut employers = Employers::default();
    for id in of_jobs {
        if !employers.contains_key(id)
            && let Some(file) = file(id)
        {
            employers.insert(file.id.clone(), Arc::clone(&file.timeline));
        }
    }
    employers
}

impl Providers for Employers {
    fn timeline(&self, provider: &ProviderId) -> Option<&ProviderTimeline> {
        self.get(provider).map(Arc::as_ref)
    }

    fn shared_id(&self, provider: &ProviderId) -> ProviderId {
        self.get_key_value(provider).map_or(provider, |(shared, _)| shared).clone()
    }
}

impl Timeline {
    /// Compiles the timeline of one of a person's credentials.
    pub fn compile(
        specialist: &Specialist,
        credential: &Credential,
        providers: &impl Providers,
        rule_sets: &RuleSets,
    ) -> Timeline {
        let jobs = specialist.jobs.iter();
        let employers: Vec<_> = jobs.filter_map(|job| Some((job.days, providers.timeline(&job.provider)?))).collect();
        let designations = credential.periods.iter().filter_map(|(kind, days)| match kind {
            CredentialPeriodKind::Designation(code) => Some((*code, *days)),
            CredentialPeriodKind::Suspended(_) | CredentialPeriodKind::Limited(_) | CredentialPeriodKind::Inactive => {
                None
            }
        });
        Timeline {
            number: credential.number,
            specialist: specialist.id,
            void: credential.void,
            effective_from: credential.effective_from,
            term_last_day: credential.last_term().last_day(),
            rule_set: rule_sets.shared_id(&credential.rule_set),
            days: walk(specialist, credential, &employers, rule_sets),
            terms: union(credential.terms.iter().copied()).into_iter().collect(),
            jobs: specialist.jobs.iter().map(|job| (providers.shared_id(&job.provider), job.days)).collect(),
            designations: designations.collect(),
            names: HeldNames::of(&specialist.names),
            prior_numbers: credential.prior_numbers.as_slice().into(),
        }
    }

    /// Whether a designation is held on a day.
    pub fn holds(&self, code: Designation, day: Day) -> bool {
        self.designations_on(day).contains(code)
    }

    /// The designations that are held on a day.
    pub fn designations_on(&self, day: Day) -> Designations {
        self.designations.iter().filter(|(_, days)| days.includes(day)).map(|(code, _)| *code).collect()
    }

    /// Whether any of the `notice` days after `day` is in no term.
    pub fn term_ends_within(&self, day: Day, notice: u32) -> bool {
        let last = day.plus(i32::try_from(notice).unwrap_or(i32::MAX / 4));
        let term = self.terms.iter().find(|term| term.includes(day.next()));
        notice > 0 && term.is_none_or(|term| term.end <= last)
    }

    /// Whether a job with the provider includes the day.
    pub fn has_job_with(&self, provider: &str, day: Day) -> bool {
        self.jobs.iter().any(|(employer, days)| employer.as_str() == provider && days.includes(day))
    }
}
