//! Finding people: by a name and a birth date, by the beginning of a name, and by a prior number.

use std::sync::Arc;

use super::errors::ReadError;
use super::filters::PeopleFilter;
use super::list::{Candidate, Found, People, Place, Window, page};
use super::snapshot::Snapshot;
use crate::domain::id::{Revision, SpecialistId};
use crate::domain::name::{FoldedName, Holder, PersonName};
use crate::domain::specialist::Specialist;
use crate::domain::timeline::Timeline;
use crate::domain::verdict::NameMatch;
use crate::store::index::{NameKey, View as _};

/// The maximum number of credentials that are shown for a person: the last ones issued.
const MOST_CREDENTIALS: usize = 100;

/// The maximum number of people that a registration returns as possible duplicates.
const MOST_DUPLICATES: usize = 10;

/// A person on file.
#[derive(Clone, Debug)]
pub struct FoundPerson {
    /// The person.
    pub person: Arc<Specialist>,
    /// The person's credentials, void or not, in the order of issuance.
    pub credentials: Vec<Arc<Timeline>>,
}

/// The result of a lookup by name and birth date.
#[derive(Debug)]
pub enum FoundHolder {
    /// Nobody matches.
    Nobody,
    /// Several people match.
    Several,
    /// One person matches: the timeline of the credential, if there is one, and how the name compares.
    One(Option<Arc<Timeline>>, NameMatch),
}

impl Snapshot {
    /// Finds the person with a name and a birth date.
    pub async fn holder(&self, holder: Holder) -> Result<FoundHolder, ReadError> {
        self.off_thread(move |snapshot| snapshot.find_holder(&holder)).await
    }

    fn find_holder(&self, holder: &Holder) -> Result<FoundHolder, ReadError> {
        match self.bearers(holder, self.revision, None, 2)?.as_slice() {
            [] => Ok(FoundHolder::Nobody),
            [known] => {
                let is_current = known.names.last().is_some_and(|name| name.folded() == holder.name);
                let name = if is_current { NameMatch::Current } else { NameMatch::Former };
                let number = known.the_credential().map(|credential| credential.number);
                Ok(FoundHolder::One(number.and_then(|number| self.compile_of(known, number)), name))
            }
            _ => Ok(FoundHolder::Several),
        }
    }

    /// Returns people on file with a birth date who bear or bore a name according to a fact recorded up to a revision:
    /// the first `most` of them, in the order of ids, without `except`. Reads the disk.
    pub(super) fn bearers(
        &self,
        holder: &Holder,
        recorded_up_to: Revision,
        except: Option<SpecialistId>,
        most: usize,
    ) -> Result<Vec<Arc<Specialist>>, ReadError> {
        let index = &self.shared.index;
        let (mut found, mut from) = (Vec::new(), 0);
        // Either set may be large, so each lookup in one skips to the next person found in the other.
        while found.len() < most
            && let Some(named) = index.specialists_named_from(&holder.name, from, 1)?.first().copied()
        {
            from = named.number() + 1;
            if Some(named) == except {
                continue;
            }
            let born = index.specialists_born_from(holder.birth_date, named.number(), 1)?;
            let Some(born) = born.first().copied() else { break };
            if born != named {
                from = born.number();
                continue;
            }
            let Some(file) = self.file(named)? else { continue };
            let known = file.known_now();
            if known.birth_date == Some(holder.birth_date) && file.bears(&holder.name, recorded_up_to) {
                found.push(Arc::clone(known));
            }
        }
        Ok(found)
    }

    /// Returns the first other people on file with a name and birth date of a person: likely the same person. Reads the
    /// disk.
    pub fn possible_duplicates(&self, person: &Specialist) -> Result<Vec<FoundPerson>, ReadError> {
        let (Some(name), Some(birth_date)) = (person.names.last(), person.birth_date) else { return Ok(Vec::new()) };
        let holder = Holder { name: name.folded(), birth_date };
        let found = self.bearers(&holder, self.revision, Some(person.id), MOST_DUPLICATES)?;
        found.into_iter().map(|person| self.with_credentials(person)).collect()
    }

    /// Returns the people on file that match a filter. They are in the order of ids if the filter has a birth date or a
    /// prior number, else of names: each person once, at the first name that matches. Reads the disk.
    pub fn people(&self, filter: &PeopleFilter, window: Window<Place>) -> Result<Found<Place, FoundPerson>, ReadError> {
        let bearers = filter.prior_number.clone().map(People::WithPriorNumber);
        let Some(candidates) = bearers.or_else(|| filter.birth_date.map(People::BornOn)) else {
            return self.people_by_name(filter, &window);
        };
        self.of_people(&candidates, None, window, |known| {
            let found = filter.matches(known).then(|| self.with_credentials(Arc::clone(known)));
            Ok(vec![found.transpose()?])
        })
    }

    fn people_by_name(
        &self,
        filter: &PeopleFilter,
        window: &Window<Place>,
    ) -> Result<Found<Place, FoundPerson>, ReadError> {
        let after = window.after.map(|place| self.name_at(place)).transpose()?.flatten();
        let candidates = |after: Option<&NameKey>, most: usize| {
            Ok(self.shared.index.names_after(&filter.name.family, after, most)?)
        };
        let found = page(Window { after, size: window.size }, candidates, |key: NameKey| {
            let mut candidate = Candidate { entries: Vec::new(), end: key.clone(), examined: 0 };
            if !key.may_have_given_name(&filter.name.given) {
                return Ok(candidate);
            }
            let Some(file) = self.file(key.specialist())? else { return Ok(candidate) };
            candidate.examined += file.facts().len();
            let person = file.known_now();
            let first = filter.names_of(person).map(|name| NameKey::of(&name, person.id)).min();
            if first.as_ref() == Some(&key) {
                candidate.entries.push((key, self.with_credentials(Arc::clone(person))?));
            }
            Ok(candidate)
        })?;
        let placed = found.entries.into_iter().map(|(key, person)| Ok((self.place_of(&key)?, person)));
        Ok(Found {
            entries: placed.collect::<Result<_, ReadError>>()?,
            next: found.next.map(|key| self.place_of(&key)).transpose()?,
            examined: found.examined,
        })
    }

    /// Returns the position of a name in the list: the person, and the place of the name among all names ever reported
    /// for the person. Unlike the name itself, it can be sent to the client in a page token.
    fn place_of(&self, key: &NameKey) -> Result<Place, ReadError> {
        let id = key.specialist();
        let names = self.names_reported(id)?;
        let at = names.iter().position(|name| NameKey::of(name, id) == *key).unwrap_or(names.len());
        Ok(Place { of: id.number(), at: u32::try_from(at).unwrap_or(u32::MAX) })
    }

    fn name_at(&self, place: Place) -> Result<Option<NameKey>, ReadError> {
        let id = SpecialistId::from_number(place.of);
        let names = self.names_reported(id)?;
        let at = usize::try_from(place.at).unwrap_or(usize::MAX);
        Ok(names.get(at).map(|name| NameKey::of(name, id)))
    }

    /// Returns all names ever reported for a person, in order, even after this snapshot. Their places never change.
    fn names_reported(&self, id: SpecialistId) -> Result<Vec<FoldedName>, ReadError> {
        let facts = self.shared.index.specialist_facts(id)?;
        Ok(facts.iter().filter_map(|recorded| recorded.fact.name()).map(PersonName::folded).collect())
    }

    fn with_credentials(&self, person: Arc<Specialist>) -> Result<FoundPerson, ReadError> {
        let issued = &person.credentials;
        let last = issued.iter().skip(issued.len().saturating_sub(MOST_CREDENTIALS));
        let timelines = last.map(|credential| self.read_timeline(credential.number));
        let credentials = timelines.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(FoundPerson { person, credentials })
    }
}
