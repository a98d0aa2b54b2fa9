//! Lists in pages. A page continues after the last entry of the page before it, and examines a bounded number of index
//! entries, so that its cost does not depend on the length of the list.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use super::errors::ReadError;
use super::filters::{CredentialFilter, EmploymentFilter, ProviderFilter};
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::domain::day::Day;
use crate::domain::id::{ProviderId, SpecialistId};
use crate::domain::name::FoldedName;
use crate::domain::prior_number::PriorNumber;
use crate::domain::provider::ProviderFile;
use crate::domain::specialist::{Job, Specialist};
use crate::domain::timeline::Timeline;
use crate::store::index::View as _;

/// The number of index entries that a page examines. It ends there, even if it has found few entries.
pub const MAX_EXAMINED: usize = 20_000;

/// The number of candidates that are read from the index at once.
const CANDIDATES: usize = 512;

/// Where a page begins, and its maximum number of entries.
#[derive(Clone, Debug)]
pub struct Window<K> {
    /// The position of the last entry of the page before; `None` for the first page.
    pub after: Option<K>,
    /// The maximum number of entries.
    pub size: usize,
}

/// A page of a list.
#[derive(Debug)]
pub struct Found<K, T> {
    /// The entries, each with its position in the list.
    pub entries: Vec<(K, T)>,
    /// The position after which the next page begins; `None` if the list ends here.
    pub next: Option<K>,
    /// The number of index entries that were examined.
    pub examined: usize,
}

/// A position in a list that has several entries per person or credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the person or credential.
    pub of: u64,
    /// The index among its entries.
    pub at: u32,
}

impl Place {
    /// Returns the position after all entries of `number`.
    pub(super) fn end_of(number: u64) -> Place {
        Place { of: number, at: u32::MAX }
    }
}

/// The list entries of one candidate.
pub(super) struct Candidate<K, T> {
    pub(super) entries: Vec<(K, T)>,
    /// The position after all entries that it could have.
    pub(super) end: K,
    /// The number of index entries that were examined, in addition to the candidate itself.
    pub(super) examined: usize,
}

impl<K, T> Found<K, T> {
    fn nothing() -> Found<K, T> {
        Found { entries: Vec::new(), next: None, examined: 0 }
    }
}

/// Examines candidates in order until the page is full, the list ends, or the limit is reached. `candidates` returns
/// candidates at or after a position: as many as asked for, or all that are left.
pub(super) fn page<C, K: Ord + Clone, T>(
    window: Window<K>,
    candidates: impl Fn(Option<&K>, usize) -> Result<Vec<C>, ReadError>,
    mut look: impl FnMut(C) -> Result<Candidate<K, T>, ReadError>,
) -> Result<Found<K, T>, ReadError> {
    let Window { after: mut last, size } = window;
    let mut found = Found::nothing();
    loop {
        let wanted = (size - found.entries.len()).saturating_add(1).min(CANDIDATES);
        let some = candidates(last.as_ref(), wanted)?;
        let are_all = some.len() < wanted;
        for candidate in some {
            if found.entries.len() == size || found.examined >= MAX_EXAMINED {
                return Ok(Found { next: last, ..found });
            }
            let Candidate { entries, end, examined } = look(candidate)?;
            found.examined += examined + 1;
            for (place, entry) in entries {
                if last.as_ref().is_some_and(|last| place <= *last) {
                    continue;
                }
                if found.entries.len() == size {
                    return Ok(Found { next: last, ..found });
                }
                last = Some(place.clone());
                found.entries.push((place, entry));
            }
            last = Some(end);
        }
        if are_all {
            return Ok(found);
        }
    }
}

/// People that the index can find, in the order of ids.
pub(super) enum People {
    One(SpecialistId),
    Named(FoldedName),
    BornOn(Day),
    WithPriorNumber(PriorNumber),
    StaffOf(ProviderId),
}

impl People {
    /// Returns the people whose id is at least `id`, at most `most` of them.
    fn from(&self, shared: &Shared, id: u64, most: usize) -> Result<Vec<SpecialistId>, ReadError> {
        match self {
            People::One(one) => Ok((one.number() >= id).then_some(*one).into_iter().collect()),
            People::Named(name) => Ok(shared.index.specialists_named_from(name, id, most)?),
            People::BornOn(day) => Ok(shared.index.specialists_born_from(*day, id, most)?),
            People::WithPriorNumber(prior) => {
                let bearing = shared.index.credentials_with_prior(prior)?;
                let holders: BTreeSet<_> = bearing.into_iter().map(|(_, holder)| holder).collect();
                Ok(holders.into_iter().filter(|holder| holder.number() >= id).take(most).collect())
            }
            People::StaffOf(provider) => Ok(shared.index.staff_from(provider, id, most)?),
        }
    }
}

impl CredentialFilter {
    /// Returns a set of people that includes the holders, if the index can find it.
    fn people(&self) -> Option<People> {
        let name = self.given_name.clone().zip(self.family_name.clone());
        let named = name.map(|(given, family)| People::Named(FoldedName { given, family }));
        let staff = || self.provider.clone().map(People::StaffOf);
        self.specialist.map(People::One).or(named).or_else(staff)
    }
}

impl Snapshot {
    /// Returns the credentials that match a filter, in the order of numbers; if the filter names a person, a full name
    /// or a provider, in the order of the holders' ids.
    pub fn credentials(
        &self,
        filter: &CredentialFilter,
        as_of: Day,
        window: Window<Place>,
    ) -> Result<Found<Place, Arc<Timeline>>, ReadError> {
        if let Some(people) = filter.people() {
            return self.of_people(&people, None, window, |known| {
                if filter.birth_date.is_some_and(|asked| known.birth_date != Some(asked)) {
                    return Ok(Vec::new());
                }
                let timelines = known.credentials.iter().map(|credential| self.read_timeline(credential.number));
                let timelines = timelines.map(|read| Ok(read?.filter(|it| filter.matches(it, as_of))));
                timelines.collect()
            });
        }
        let candidates = |last: Option<&Place>, most: usize| {
            Ok(self.shared.index.credentials_from(last.map_or(0, |last| last.of + 1), most)?)
        };
        page(window, candidates, |(number, holder)| {
            let place = Place::end_of(number.number());
            let mut candidate = Candidate { entries: Vec::new(), end: place, examined: 0 };
            let timeline = self.read_timeline(number)?.filter(|it| filter.matches(it, as_of));
            let Some(timeline) = timeline else { return Ok(candidate) };
            if let Some(asked) = filter.birth_date {
                let Some(file) = self.file(holder)? else { return Ok(candidate) };
                candidate.examined += file.facts().len();
                if file.known_now().birth_date != Some(asked) {
                    return Ok(candidate);
                }
            }
            candidate.entries.push((place, timeline));
            Ok(candidate)
        })
    }

    /// Returns the jobs that match a filter, each with its person, in the order of the people's ids. The jobs of one
    /// person are in the order in which they were reported.
    pub fn employments(
        &self,
        filter: &EmploymentFilter,
        window: Window<Place>,
    ) -> Result<Found<Place, (Arc<Specialist>, Job)>, ReadError> {
        let people = match (filter.specialist, filter.credential, &filter.provider) {
            (Some(specialist), _, _) => Some(People::One(specialist)),
            (None, Some(credential), _) => self.shared.index.specialist_of_credential(credential)?.map(People::One),
            (None, None, provider) => provider.clone().map(People::StaffOf),
        };
        let Some(people) = people else { return Ok(Found::nothing()) };
        self.of_people(&people, filter.own_staff_of.as_ref(), window, |known| {
            if filter.credential.is_some_and(|number| known.credential(number).is_none()) {
                return Ok(Vec::new());
            }
            let matches = |job: &&Job| {
                filter.provider.as_ref().is_none_or(|provider| job.provider == *provider)
                    && filter.as_of.is_none_or(|day| job.days.includes(day))
            };
            Ok(known
                .jobs
                .iter()
                .map(|job| Some(job).filter(matches).map(|job| (Arc::clone(known), job.clone())))
                .collect())
        })
    }

    /// Returns all jobs that match a filter.
    pub fn all_employments(&self, filter: &EmploymentFilter) -> Result<Vec<(Arc<Specialist>, Job)>, ReadError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let found = self.employments(filter, Window { after, size: usize::MAX })?;
            all.extend(found.entries.into_iter().map(|(_, job)| job));
            if found.next.is_none() {
                return Ok(all);
            }
            after = found.next;
        }
    }

    /// Returns what `each` finds for each of some people, in order. With `own`, only for this provider's own staff, as
    /// known at the head.
    pub(super) fn of_people<T>(
        &self,
        people: &People,
        own: Option<&ProviderId>,
        window: Window<Place>,
        each: impl Fn(&Arc<Specialist>) -> Result<Vec<Option<T>>, ReadError>,
    ) -> Result<Found<Place, T>, ReadError> {
        let candidates = |last: Option<&Place>, most: usize| {
            let from = last.map_or(0, |last| if last.at == u32::MAX { last.of + 1 } else { last.of });
            people.from(&self.shared, from, most)
        };
        page(window, candidates, |id| {
            let mut candidate = Candidate { entries: Vec::new(), end: Place::end_of(id.number()), examined: 0 };
            if let Some(own) = own
                && !self.has_on_staff(own, id)?
            {
                return Ok(candidate);
            }
            let Some(file) = self.file(id)? else { return Ok(candidate) };
            candidate.examined += file.facts().len();
            let places = (0..).map(|at| Place { of: id.number(), at });
            let entries = places.zip(each(file.known_now())?);
            candidate.entries.extend(entries.filter_map(|(place, entry)| Some((place, entry?))));
            Ok(candidate)
        })
    }

    /// Returns the providers on file that match a filter, in the order of ids.
    pub fn providers_matching(
        &self,
        filter: &ProviderFilter,
        window: Window<ProviderId>,
    ) -> Result<Found<ProviderId, Arc<ProviderFile>>, ReadError> {
        let bearers = filter.identifier.as_ref().map(|identifier| {
            let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
            BTreeSet::from_iter(bearers)
        });
        let candidates = |last: Option<&ProviderId>, most: usize| {
            let behind = |ids: &BTreeSet<ProviderId>| {
                let from = last.map_or(Bound::Unbounded, Bound::Excluded);
                ids.range::<ProviderId, _>((from, Bound::Unbounded)).take(most).cloned().collect()
            };
            Ok(match &bearers {
                Some(bearers) => behind(bearers),
                None => behind(&self.shared.provider_ids.read().unwrap_or_else(PoisonError::into_inner)),
            })
        };
        page(window, candidates, |id: ProviderId| {
            let file = self.provider(id.as_str());
            let file = file.filter(|file| file.state.row.as_ref().is_some_and(|row| filter.matches(row)));
            Ok(Candidate { entries: file.map(|file| (id.clone(), file)).into_iter().collect(), end: id, examined: 0 })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the even numbers below a limit; the candidates are all numbers below it.
    fn evens(limit: u64, window: Window<Place>) -> Found<Place, u64> {
        let most_wanted = CANDIDATES.min(window.size + 1);
        let candidates = |last: Option<&Place>, most: usize| {
            assert!(most <= most_wanted, "{most} candidates are taken from the index at once");
            let from = last.map_or(0, |last| last.of + 1);
            Ok((from..limit).take(most).collect())
        };
        let look = |number: u64| {
            let place = Place::end_of(number);
            let entries = (number.is_multiple_of(2)).then_some((place, number)).into_iter().collect();
            Ok(Candidate { entries, end: place, examined: 0 })
        };
        page(window, candidates, look).unwrap()
    }

    #[test]
    fn pages_together_are_the_list_whatever_their_size() {
        for (limit, size) in [(0, 10), (1, 1), (2, 1), (100, 1), (100, 7), (1200, 1000), (5000, 1000), (2001, 1000)] {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let found = evens(limit, Window { after, size });
                assert!(found.entries.len() <= size && found.examined <= 2 * size + 1, "{limit} {size}");
                all.extend(found.entries.into_iter().map(|(_, number)| number));
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(
                all,
                (0..limit).filter(|number| number.is_multiple_of(2)).collect::<Vec<_>>(),
                "{limit} by {size}"
            );
        }
    }

    #[test]
    fn a_page_that_finds_nothing_ends_after_a_bounded_number_of_entries_and_the_next_one_goes_on() {
        let nothing = |window: Window<Place>| {
            let candidates = |last: Option<&Place>, most: usize| {
                Ok((last.map_or(0, |last| last.of + 1)..50_000).take(most).collect())
            };
            let look =
                |number| Ok(Candidate::<Place, u64> { entries: Vec::new(), end: Place::end_of(number), examined: 0 });
            page(window, candidates, look).unwrap()
        };
        let mut after = None;
        let mut examined = Vec::new();
        loop {
            let found = nothing(Window { after, size: 10 });
            examined.push(found.examined);
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(examined, [MAX_EXAMINED, MAX_EXAMINED, 10_000]);
    }
}
