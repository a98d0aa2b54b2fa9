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
use super::walk::{Basis, CredentialDay, Events, walk};

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
    pub jobs: Jobs,
    /// The designations granted.
    pub designations: SmallVec<[(Designation, Period); 2]>,
    /// The holder's names.
    pub names: HeldNames,
    /// `None` if there is nothing of it.
    rarities: Option<Box<Rarities>>,
}

/// What few credentials have.
#[derive(Clone, Debug, PartialEq)]
struct Rarities {
    /// The numbers of earlier certificates, in the order in which they were set.
    prior_numbers: Vec<PriorNumber>,
    events: Events,
}

/// What most credentials have.
static NO_RARITIES: Rarities = Rarities { prior_numbers: Vec::new(), events: Events::NONE };

/// Employers and the days of the jobs with them.
pub type Jobs = SmallVec<[(ProviderId, Period); 2]>;

/// Jobs with the shared allocations of the employers' ids.
fn shared_jobs<'j>(jobs: impl Iterator<Item = (&'j ProviderId, Period)>, providers: &impl Providers) -> Jobs {
    let mut shared_id = once_in_a_row(|provider| providers.shared_id(provider));
    jobs.map(|(provider, days)| (shared_id(provider), days)).collect()
}

/// The days of jobs with the employers that are on file.
fn employers_in<'p>(
    jobs: &'p Jobs,
    providers: &'p impl Providers,
) -> impl Iterator<Item = (Period, &'p ProviderTimeline)> {
    let mut timeline = once_in_a_row(|provider| providers.timeline(provider));
    jobs.iter().filter_map(move |(provider, days)| Some((*days, timeline(provider)?)))
}

/// Looks up an id once in a row of the same: many jobs one after the other are with one provider.
fn once_in_a_row<'p, T: Clone>(look_up: impl Fn(&ProviderId) -> T) -> impl FnMut(&'p ProviderId) -> T {
    let mut last: Option<(&ProviderId, T)> = None;
    move |id| match &last {
        Some((same, found)) if *same == id => found.clone(),
        _ => last.insert((id, look_up(id))).1.clone(),
    }
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

/// Adds the providers of some jobs. Each is looked up once, however many jobs are with it.
pub fn add_employers<'p>(
    employers: &mut Employers,
    of_jobs: impl Iterator<Item = &'p ProviderId>,
    file: impl Fn(&ProviderId) -> Option<Arc<ProviderFile>>,
) {
    let mut last = None;
    for id in of_jobs {
        if last.replace(id) != Some(id)
            && !employers.contains_key(id)
            && let Some(file) = file(id)
        {
            employers.insert(file.id.clone(), Arc::clone(&file.timeline));
        }
    }
}

/// The providers of some jobs.
pub fn employers<'p>(
    of_jobs: impl Iterator<Item = &'p ProviderId>,
    file: impl Fn(&ProviderId) -> Option<Arc<ProviderFile>>,
) -> Employers {
    let mut employers = Employers::default();
    add_employers(&mut employers, of_jobs, file);
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
        let designations = credential.periods.iter().filter_map(|(kind, days)| match kind {
            CredentialPeriodKind::Designation(code) => Some((*code, *days)),
            CredentialPeriodKind::Suspended(_) | CredentialPeriodKind::Limited(_) | CredentialPeriodKind::Inactive => {
                None
            }
        });
        let prior_numbers = credential.prior_numbers.clone();
        let rarities = Rarities { prior_numbers, events: Events::of(specialist, credential) };
        let terms: SmallVec<[Period; 2]> = union(credential.terms.iter().copied()).into_iter().collect();
        let jobs = shared_jobs(specialist.jobs.iter().map(|job| (&job.provider, job.days)), providers);
        let basis = Basis {
            void: credential.void,
            effective_from: credential.effective_from,
            terms: &terms,
            events: &rarities.events,
        };
        Timeline {
            days: walk(basis, employers_in(&jobs, providers), rule_sets),
            number: credential.number,
            specialist: specialist.id,
            void: credential.void,
            effective_from: credential.effective_from,
            term_last_day: credential.last_term().last_day(),
            rule_set: rule_sets.shared_id(&credential.rule_set),
            terms,
            jobs,
            designations: designations.collect(),
            names: HeldNames::of(&specialist.names),
            rarities: (rarities != NO_RARITIES).then(|| Box::new(rarities)),
        }
    }

    /// The timeline with other jobs, providers or rule sets. It is the one that is compiled from a person who differs
    /// from the holder in nothing but the jobs, without the facts.
    #[must_use]
    pub fn with_jobs<'j>(
        &self,
        jobs: impl Iterator<Item = (&'j ProviderId, Period)>,
        providers: &impl Providers,
        rule_sets: &RuleSets,
    ) -> Timeline {
        let jobs = shared_jobs(jobs, providers);
        let basis = Basis {
            void: self.void,
            effective_from: self.effective_from,
            terms: &self.terms,
            events: &self.rarities().events,
        };
        Timeline {
            days: walk(basis, employers_in(&jobs, providers), rule_sets),
            number: self.number,
            specialist: self.specialist,
            void: self.void,
            effective_from: self.effective_from,
            term_last_day: self.term_last_day,
            rule_set: rule_sets.shared_id(&self.rule_set),
            terms: self.terms.clone(),
            jobs,
            designations: self.designations.clone(),
            names: self.names.clone(),
            rarities: self.rarities.clone(),
        }
    }

    fn rarities(&self) -> &Rarities {
        self.rarities.as_deref().unwrap_or(&NO_RARITIES)
    }

    /// The numbers of earlier certificates, in the order in which they were set.
    pub fn prior_numbers(&self) -> &[PriorNumber] {
        &self.rarities().prior_numbers
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

    /// Whether the holder has or had a job with the provider.
    pub fn is_of_staff(&self, provider: &ProviderId) -> bool {
        self.jobs.iter().any(|(employer, _)| employer == provider)
    }

    /// The employers that are not in an earlier timeline. One may occur several times.
    pub fn employers_since<'t>(&'t self, earlier: Option<&'t Timeline>) -> impl Iterator<Item = &'t ProviderId> {
        let jobs = self.jobs.iter().map(|(provider, _)| provider);
        let before = earlier.into_iter().flat_map(|earlier| &earlier.jobs).map(|(provider, _)| provider);
        // Mostly the jobs are the same, or there is one more.
        let same = jobs.clone().zip(before).take_while(|(one, other)| one == other).count();
        jobs.skip(same).filter(move |provider| earlier.is_none_or(|earlier| !earlier.is_of_staff(provider)))
    }

    /// Whether a job with the provider includes the day.
    pub fn has_job_with(&self, provider: &str, day: Day) -> bool {
        self.jobs.iter().any(|(employer, days)| employer.as_str() == provider && days.includes(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_with_its_two_counts_fits_a_block_of_the_allocator() {
        assert!(size_of::<Timeline>() + 2 * size_of::<usize>() <= 320, "{}", size_of::<Timeline>());
    }
}
