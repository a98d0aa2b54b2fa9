//! Prefetches the timelines of several questions into the cache of the processor, and what a cascade reads of some
//! people.
//!
//! Most of the time of an answer is the time of memory accesses: a timeline can be anywhere in memory. So the questions
//! of a batch or a stream are read up to 16 at a time, and this module touches all of their timelines first. The
//! processor then fetches them at the same time instead of one after another, which takes 21 to 37 % off the CPU of a
//! batch (`deploy/docs/performance.md`). No answer depends on it.

use std::hint::black_box;
use std::sync::Arc;

use smallvec::SmallVec;

use super::question::Ask;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::timeline_cache::{Looked, Seen};
use crate::domain::day_runs::Runs;
use crate::domain::id::CredentialNumber;
use crate::domain::provider::ProviderFile;
use crate::domain::specialist::Specialist;
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::Timeline;

/// Sized for the questions that are read together.
type Several<T> = SmallVec<[T; 16]>;

impl Snapshot {
    /// Touches what the answers to some questions are computed from, as far as it is in memory.
    pub fn prefetch<'q>(&self, asks: impl Iterator<Item = &'q Ask<'q>> + Clone) {
        let (seen, providers) = (self.shared.timeline_cache.see(), self.shared.providers.pin());
        let numbers = asks.clone().filter_map(Ask::number);
        let timelines: Several<&Timeline> = numbers.filter_map(|number| here(&seen, number)).collect();
        let files: Several<&ProviderFile> =
            asks.filter_map(Ask::provider_id).filter_map(|id| Some(providers.get(id)?.file.as_ref())).collect();
        // In this order: where the lists are is known once the structs are in the cache.
        black_box(timelines.iter().fold(0, |seen, timeline| touch(timeline) ^ seen));
        black_box(files.iter().fold(0, |seen, file| touch_provider(file) ^ seen));
        black_box(timelines.iter().fold(0, |seen, timeline| touch_lists(timeline) ^ seen));
        black_box(files.iter().fold(0, |seen, file| touch_runs(&file.timeline.days) ^ seen));
    }
}

impl Shared {
    /// Touches the timelines of some credentials, as far as they are in memory.
    pub(super) fn prefetch_timelines(&self, numbers: impl Iterator<Item = CredentialNumber>) {
        let seen = self.timeline_cache.see();
        let timelines: Vec<&Timeline> = numbers.filter_map(|number| here(&seen, number)).collect();
        black_box(timelines.iter().fold(0, |seen, timeline| touch(timeline) ^ seen));
        black_box(timelines.iter().fold(0, |seen, timeline| touch_lists(timeline) ^ seen));
    }
}

/// Touches the people of some files: their credentials and jobs.
pub(super) fn prefetch_files<'f>(files: impl Iterator<Item = &'f Arc<SpecialistFile>>) {
    let people: Vec<&Specialist> = files.map(|file| file.known_now().as_ref()).collect();
    black_box(people.iter().fold(0, |seen, person| person.jobs.len() ^ person.credentials.len() ^ seen));
    let last_jobs = people.iter().filter_map(|person| person.jobs.last());
    black_box(last_jobs.clone().fold(0, |seen, job| job.employment.number() ^ seen));
    let credentials = people.iter().filter_map(|person| person.credentials.last());
    black_box(credentials.fold(0, |seen, credential| credential.number.number() ^ seen));
    black_box(last_jobs.fold(0, |seen, job| job.provider.as_str().len() ^ job.position.len() ^ seen));
}

/// The timeline of a credential, if it is in memory.
fn here<'s>(seen: &'s Seen<'_>, number: CredentialNumber) -> Option<&'s Timeline> {
    match seen.look(number) {
        Looked::Here(resident) => Some(&resident.timeline),
        Looked::Unknown | Looked::NotHere => None,
    }
}

/// Reads a little of each part of a timeline. The result has no meaning: it keeps the compiler from removing the reads.
fn touch(timeline: &Timeline) -> usize {
    let lists = timeline.days.count() ^ timeline.terms.len() ^ timeline.jobs.len() ^ timeline.designations.len();
    lists ^ timeline.rule_set.len() ^ usize::from(timeline.void)
}

/// Like [`touch`], for the content of the lists.
fn touch_lists(timeline: &Timeline) -> i32 {
    let jobs = [timeline.jobs.first(), timeline.jobs.last()].into_iter().flatten();
    let name = timeline.names.spoken().as_bytes().first().copied().map_or(0, i32::from);
    jobs.fold(touch_runs(&timeline.days) ^ name, |seen, (_, days)| seen ^ days.start.number())
}

/// Like [`touch`], for a provider.
fn touch_provider(file: &ProviderFile) -> usize {
    usize::from(file.state.row.is_some()) ^ file.timeline.days.count() ^ file.id.as_str().len()
}

/// Like [`touch`], for the ends of a list of runs.
fn touch_runs<T: PartialEq>(days: &Runs<T>) -> i32 {
    let [first, last] = days.ends();
    first.number() ^ last.number()
}
