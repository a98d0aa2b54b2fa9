//! Prefetches the timelines of several questions into the cache of the processor.
//!
//! Most of the time of an answer is the time of memory accesses: a timeline can be anywhere in memory. So the questions
//! of a batch or a stream are read up to 16 at a time, and this module touches all of their timelines first. The
//! processor then fetches them at the same time instead of one after another, which takes 21 to 37 % off the CPU of a
//! batch (`deploy/docs/performance.md`). No answer depends on it.

use std::hint::black_box;

use smallvec::SmallVec;

use super::question::Ask;
use super::snapshot::Snapshot;
use super::timeline_cache::Looked;
use crate::domain::day_runs::Runs;
use crate::domain::provider::ProviderFile;
use crate::domain::timeline::Timeline;

/// Sized for the questions that are read together.
type Several<T> = SmallVec<[T; 16]>;

impl Snapshot {
    /// Touches what the answers to some questions are computed from, as far as it is in memory.
    pub fn prefetch<'q>(&self, asks: impl Iterator<Item = &'q Ask<'q>> + Clone) {
        let (seen, providers) = (self.shared.timeline_cache.see(), self.shared.providers.pin());
        let here = |number| match seen.look(number) {
            Looked::Here(resident) => Some(resident.timeline.as_ref()),
            Looked::Unknown | Looked::NotHere => None,
        };
        let timelines: Several<&Timeline> = asks.clone().filter_map(Ask::number).filter_map(here).collect();
        let files: Several<&ProviderFile> =
            asks.filter_map(Ask::provider_id).filter_map(|id| Some(providers.get(id)?.file.as_ref())).collect();
        // In this order: where the lists are is known once the structs are in the cache.
        black_box(timelines.iter().fold(0, |seen, timeline| touch(timeline) ^ seen));
        black_box(files.iter().fold(0, |seen, file| touch_provider(file) ^ seen));
        black_box(timelines.iter().fold(0, |seen, timeline| touch_lists(timeline) ^ seen));
        black_box(files.iter().fold(0, |seen, file| touch_runs(&file.timeline.days) ^ seen));
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
