//! The published state of a credential.

use std::borrow::Borrow;

use smallvec::SmallVec;

use super::day::{Day, Period};
use super::day_runs::{Runs, RunsBuilder, union};
use super::fact::Designation;
use super::id::{ProviderId, SpecialistId};
use super::provider::ProviderTimeline;
use super::record::Coverage;
use super::standing::{Reason, Standing};
use super::timeline::{Providers, Timeline};

/// A list by key, in order. Almost all have one or two entries.
pub(super) type ByKey<K, V> = SmallVec<[(K, V); 2]>;

/// The published state of a credential on each day. `P` is the id of a provider: while a record's impact is computed,
/// that of the timeline, so that the threads do not count the same references.
#[derive(Debug)]
pub struct PublishedCredential<P = ProviderId> {
    /// The holder. Not part of any change.
    pub(super) specialist: Option<SpecialistId>,
    pub(super) standing: Runs<(Standing, Option<Reason>)>,
    /// The coverage by each employer.
    pub(super) coverage: ByKey<P, Runs<Coverage>>,
    /// The days of each designation that was ever granted.
    pub(super) designations: ByKey<Designation, Runs<bool>>,
}

impl<'t> PublishedCredential<&'t ProviderId> {
    /// The published state of a compiled credential.
    pub fn of(timeline: &'t Timeline, providers: &impl Providers) -> PublishedCredential<&'t ProviderId> {
        let mut jobs: SmallVec<[(&ProviderId, Period); 4]> = timeline.jobs.iter().map(|(id, on)| (id, *on)).collect();
        jobs.sort_by_key(|(provider, _)| *provider);
        let coverage = jobs.chunk_by(|(one, _), (next, _)| one == next).filter_map(|jobs| {
            let (provider, _) = *jobs.first()?;
            let on = providers.timeline(provider)?;
            Some((provider, coverage(timeline, jobs.iter().map(|(_, days)| *days), on)))
        });
        let mut granted: SmallVec<[(Designation, Period); 4]> = timeline.designations.as_slice().into();
        granted.sort_by_key(|(code, _)| *code);
        let designations = granted.chunk_by(|(one, _), (next, _)| one == next).filter_map(|granted| {
            let (code, _) = *granted.first()?;
            Some((code, published_on(timeline, granted.iter().map(|(_, days)| *days))))
        });
        PublishedCredential {
            specialist: Some(timeline.specialist),
            standing: timeline.days.map(|on| (on.standing, on.reason)),
            coverage: coverage.collect(),
            designations: designations.collect(),
        }
    }

    /// The same with ids of its own.
    pub(super) fn into_owned(self) -> PublishedCredential {
        let PublishedCredential { specialist, standing, coverage, designations } = self;
        let coverage = coverage.into_iter().map(|(provider, runs)| (provider.clone(), runs)).collect();
        PublishedCredential { specialist, standing, coverage, designations }
    }
}

impl<P: Borrow<ProviderId>> PublishedCredential<P> {
    /// The coverage by each employer, by id.
    pub(super) fn coverage(&self) -> impl Iterator<Item = (&ProviderId, &Runs<Coverage>)> {
        self.coverage.iter().map(|(provider, runs)| (provider.borrow(), runs))
    }

    /// The days of each designation.
    pub(super) fn designations(&self) -> impl Iterator<Item = (Designation, &Runs<bool>)> {
        self.designations.iter().map(|(code, runs)| (*code, runs))
    }

    /// The next day after `day` that differs from the day before it.
    pub fn next_change(&self, day: Day) -> Option<Day> {
        let coverage = self.coverage.iter().filter_map(|(_, runs)| runs.next_change(day));
        let designations = self.designations.iter().filter_map(|(_, runs)| runs.next_change(day));
        coverage.chain(designations).chain(self.standing.next_change(day)).min()
    }
}

/// The published coverage of a holder by a provider, on the days of jobs with it. None on days before the credential
/// takes effect, or if it is void.
fn coverage(timeline: &Timeline, jobs: impl Iterator<Item = Period>, provider: &ProviderTimeline) -> Runs<Coverage> {
    let mut coverage = RunsBuilder::default();
    for (days, has_job, on) in published_on(timeline, jobs).zip(&provider.days) {
        let on = match *has_job && on.qualifies && !on.suspended {
            true if on.current => Coverage::Covered,
            true => Coverage::NotKnown,
            false => Coverage::NotCovered,
        };
        coverage.push(days.start, on);
    }
    coverage.finish()
}

/// Which days any of the periods includes, of those on which the credential is in effect.
fn published_on(timeline: &Timeline, periods: impl Iterator<Item = Period>) -> Runs<bool> {
    let in_effect = Period { start: timeline.effective_from, end: Day::FOREVER };
    let periods = periods.filter(|_| !timeline.void);
    Runs::on(&union(periods.map(|days| days.intersect(in_effect))))
}
