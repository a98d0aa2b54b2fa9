//! The review list for registrars, in pages. It is computed from the records, a bounded number of them per page.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::errors::ReadError;
use super::list::{Found, Place, Window};
use super::snapshot::Snapshot;
use crate::domain::fact::{Fact, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, FactId, Revision, SpecialistId};
use crate::domain::name::{FoldedName, Holder, PersonName};
use crate::domain::record::{Change, Record};
use crate::domain::retraction::{Filed, retracted_by};
use crate::domain::review::{self, ReviewReason};
use crate::domain::specialist::Specialist;
use crate::domain::verdict::Known;
use crate::store::record;

/// The number of records that a page examines. It ends there, even if it has found few entries.
const RECORDS: u64 = 100_000;

/// The maximum number of people that an entry names.
const PEOPLE: usize = 10;

/// A fact that a registrar should review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewItem {
    /// The reason for the review.
    pub reason: ReviewReason,
    /// The fact.
    pub fact: FactId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The client that reported it.
    pub client: String,
    /// True if the fact has been retracted since.
    pub retracted: bool,
    /// The people that it concerns, the subject of the fact first; at most ten.
    pub people: Vec<ReviewPerson>,
    /// The number of people that it concerns.
    pub people_count: u32,
}

/// A person whom the entry concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewPerson {
    /// The person's id.
    pub id: SpecialistId,
    /// The person's credential, if there is one.
    pub credential: Option<CredentialNumber>,
    /// The current name, in spoken order.
    pub name: String,
}

impl ReviewPerson {
    fn of(known: &Specialist) -> ReviewPerson {
        ReviewPerson {
            id: known.id,
            credential: known.the_credential().map(|credential| credential.number),
            name: known.names.last().map(PersonName::spoken).unwrap_or_default(),
        }
    }
}

impl Snapshot {
    /// Returns the review entries of the records after one, in order. Reads the log and the index.
    pub fn review_items(&self, after: Revision, window: &Window<Place>) -> Result<Found<Place, ReviewItem>, ReadError> {
        let first = window.after.map_or(after.next(), |place| Revision(place.of));
        let last = Revision(first.0.saturating_add(RECORDS - 1)).min(self.revision);
        let mut found = Found { entries: Vec::new(), next: None, examined: 0 };
        if first > last {
            return Ok(found);
        }
        for read in self.shared.log.read(first, last) {
            let (revision, bytes) = read?;
            let items = self.items_of(&record::decode(revision, &bytes)?)?;
            found.examined += 1;
            for (at, item) in (0..).zip(items) {
                let place = Place { of: revision.0, at };
                if window.after.is_some_and(|after| place <= after) {
                    continue;
                }
                if found.entries.len() == window.size {
                    found.next = found.entries.last().map(|(place, _)| *place);
                    return Ok(found);
                }
                found.entries.push((place, item));
            }
        }
        found.next = (last < self.revision).then(|| Place::end_of(last.0));
        Ok(found)
    }

    fn items_of(&self, record: &Record) -> Result<Vec<ReviewItem>, ReadError> {
        let mut items = Vec::new();
        for (index, fact) in record.facts.iter().enumerate() {
            let id = record.fact_id(index);
            match fact {
                Fact::Specialist(person, start @ SpecialistFact::EmploymentStarted { .. }) => {
                    items.extend(self.doubtful_start(record, id, *person, start)?);
                }
                Fact::Specialist(person, named) => {
                    if let Some(name) = named.name() {
                        items.extend(self.duplicate(record, id, *person, name.folded())?);
                    }
                }
                Fact::Registry(_) | Fact::Provider(..) => {}
            }
        }
        let amendment = record.facts.iter().position(|fact| review::is_amendment(record, fact));
        if let Some(index) = amendment
            && self.changes_settled_days(record)
        {
            items.push(self.correction(record, index)?);
        }
        Ok(items)
    }

    fn changes_settled_days(&self, record: &Record) -> bool {
        let head = self.shared.head.load();
        let rule_sets = head.history.rule_sets(record.revision).map(AsRef::as_ref);
        let today = head.history.today(record.revision);
        review::changes_settled_days(record, Known { rule_sets, today })
    }

    /// Returns an entry if a fact gave a person a new name that another person with the same birth date had already, as
    /// far as these facts are in force.
    fn duplicate(
        &self,
        record: &Record,
        fact: FactId,
        person: SpecialistId,
        name: FoldedName,
    ) -> Result<Option<ReviewItem>, ReadError> {
        let Some(file) = self.file(person)? else { return Ok(None) };
        let now = Some(Arc::clone(file.known_now())).filter(|known| known.is_on_file());
        let known = now.unwrap_or_else(|| Arc::new(file.known_at(record.revision)));
        let Some(birth_date) = known.birth_date.filter(|_| !file.bears(&name, record.revision.previous())) else {
            return Ok(None);
        };
        let others = self.bearers(&Holder { name, birth_date }, record.revision, Some(person), PEOPLE - 1)?;
        if others.is_empty() {
            return Ok(None);
        }
        let people = std::iter::once(&known).chain(&others).map(|person| ReviewPerson::of(person)).collect();
        let retracted = self.is_retracted(file.facts(), fact);
        Ok(Some(item(record, fact, ReviewReason::LikelyDuplicate, people, retracted)))
    }

    fn doubtful_start(
        &self,
        record: &Record,
        fact: FactId,
        person: SpecialistId,
        start: &SpecialistFact,
    ) -> Result<Vec<ReviewItem>, ReadError> {
        let Some(file) = self.file(person)? else { return Ok(Vec::new()) };
        let reasons = review::of_start(record, start, &file.known_at(record.revision.previous()));
        let of = |reason| {
            let people = vec![ReviewPerson::of(&file.known_at(self.revision))];
            item(record, fact, reason, people, self.is_retracted(file.facts(), fact))
        };
        Ok(reasons.into_iter().map(of).collect())
    }

    /// Returns the entry for a record that amends settled days, with the people it changed something for.
    fn correction(&self, record: &Record, index: usize) -> Result<ReviewItem, ReadError> {
        let fact = record.fact_id(index);
        let (mut people, mut retracted) = (Vec::new(), false);
        match record.facts.get(index) {
            Some(Fact::Specialist(person, _)) => {
                if let Some(file) = self.file(*person)? {
                    people.push(ReviewPerson::of(&file.known_at(self.revision)));
                    retracted = self.is_retracted(file.facts(), fact);
                }
            }
            Some(Fact::Provider(id, _)) => {
                retracted = self.provider(id.as_str()).is_some_and(|file| self.is_retracted(&file.facts, fact));
            }
            Some(Fact::Registry(_)) | None => {}
        }
        let changed: BTreeSet<CredentialNumber> = record.changes.iter().filter_map(Change::credential).collect();
        for number in changed {
            if people.len() == PEOPLE {
                break;
            }
            if let Some(timeline) = self.read_timeline(number)?
                && people.iter().all(|person| person.id != timeline.specialist)
            {
                let name = timeline.names.spoken().to_owned();
                people.push(ReviewPerson { id: timeline.specialist, credential: Some(number), name });
            }
        }
        Ok(item(record, fact, ReviewReason::SettledDaysCorrected, people, retracted))
    }

    /// True if a fact of a file has been retracted since.
    fn is_retracted<F: Filed>(&self, facts: &[Recorded<F>], fact: FactId) -> bool {
        retracted_by(facts, self.revision).contains_key(&fact)
    }
}

fn item(record: &Record, fact: FactId, reason: ReviewReason, people: Vec<ReviewPerson>, retracted: bool) -> ReviewItem {
    let named = u32::try_from(people.len()).unwrap_or(u32::MAX);
    ReviewItem {
        reason,
        fact,
        recorded_at: record.recorded_at,
        client: record.reporter.client.clone(),
        retracted,
        people_count: named.max(record.specialist_count),
        people,
    }
}
