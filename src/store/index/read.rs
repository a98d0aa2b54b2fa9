//! What can be asked of the index, and in the same words of the index with records that are not folded yet.

use std::ops::ControlFlow;

use jiff::Timestamp;
use sled::IVec;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{Fact, ProviderFact, Recorded, RegistryFact, SpecialistFact, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::name::FoldedName;
use crate::store::record::{instant, unfiled};

use super::keys::Entry;
use super::{IndexError, keys};

/// Whether to go on, or why it cannot be said.
pub type GoOn = Result<ControlFlow<()>, IndexError>;

/// Takes what a scan comes across, key and value, and says whether it wants more.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> GoOn + 'a;

/// Takes the file of one subject after another, and says whether it wants more.
pub type VisitFile<'a, Id, F> = dyn FnMut(Id, Vec<Recorded<F>>) -> ControlFlow<()> + 'a;

/// One of several parts of like size.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Which, from 0.
    pub at: u64,
    /// How many there are.
    pub of: u64,
}

/// Goes on.
pub(super) const MORE: GoOn = Ok(ControlFlow::Continue(()));

/// The record that answered a request, and the digest of what had been asked.
pub type Answered = (Revision, [u8; 32]);

/// The questions. An implementation gives the two lookups on top, `get` and `range`; the others are for everybody else.
///
/// Facts are only ever added, so whoever wants an earlier state leaves out what has a later revision.
pub trait View {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError>;

    /// Everything under the keys from one up to another, the latter not included, in order.
    fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> GoOn;

    /// Everything under keys that begin so, in order.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), IndexError> {
        self.range(prefix, &keys::after(prefix), visit).map(drop)
    }

    /// The last record that is in here.
    fn applied(&self) -> Result<Revision, IndexError> {
        self.get(keys::APPLIED)?.map_or(Ok(Revision::ZERO), |value| Ok(Revision(number(&value)?)))
    }

    /// When a record was committed.
    fn recorded_at(&self, revision: Revision) -> Result<Option<Timestamp>, IndexError> {
        if revision == Revision::ZERO {
            return Ok(None);
        }
        let instants = self.get(&keys::instants(revision))?.unwrap_or_default();
        let Some(nanos) = keys::instant_of(revision, &instants) else { return Ok(None) };
        instant(nanos).map(Some).map_err(|_| IndexError::Damaged("an instant out of range"))
    }

    /// The last record committed at or before an instant; zero if there is none.
    fn revision_at(&self, at: Timestamp) -> Result<Revision, IndexError> {
        let (mut known, mut beyond) = (0, self.applied()?.0 + 1);
        while beyond - known > 1 {
            let middle = known + (beyond - known) / 2;
            let recorded_at = self.recorded_at(Revision(middle))?;
            if recorded_at.ok_or(IndexError::Damaged("a revision is missing"))? <= at {
                known = middle;
            } else {
                beyond = middle;
            }
        }
        Ok(Revision(known))
    }

    /// The answer that a request of this client already has.
    fn request(&self, client: &str, method: &str, request_id: Uuid) -> Result<Option<Answered>, IndexError> {
        let Some(value) = self.get(&keys::request(client, method, request_id))? else { return Ok(None) };
        let answered = value
            .split_first_chunk()
            .and_then(|(revision, digest)| Some((Revision(u64::from_be_bytes(*revision)), digest.try_into().ok()?)));
        answered.map(Some).ok_or(IndexError::Damaged("an answered request of another length"))
    }

    /// The facts of the registry itself.
    fn registry_facts(&self) -> Result<Vec<Recorded<RegistryFact>>, IndexError> {
        facts(self, &Subject::Registry, registry_fact)
    }

    /// The facts of a provider; none if it is not on file.
    fn provider_facts(&self, id: &ProviderId) -> Result<Vec<Recorded<ProviderFact>>, IndexError> {
        facts(self, &Subject::Provider(id.clone()), provider_fact)
    }

    /// The facts of a specialist; none if nobody with this id is on file.
    fn specialist_facts(&self, id: SpecialistId) -> Result<Vec<Recorded<SpecialistFact>>, IndexError> {
        facts(self, &Subject::Specialist(id), specialist_fact)
    }

    /// The files of all providers, by id.
    fn every_provider(&self, visit: &mut VisitFile<'_, ProviderId, ProviderFact>) -> Result<(), IndexError> {
        every_file(self, keys::PROVIDERS, &keys::after(keys::PROVIDERS), provider_fact, &mut |subject, facts| {
            let Subject::Provider(id) = subject else { return ControlFlow::Continue(()) };
            visit(id, facts)
        })
    }

    /// The files of all specialists, by id.
    fn every_specialist(&self, visit: &mut VisitFile<'_, SpecialistId, SpecialistFact>) -> Result<(), IndexError> {
        self.every_specialist_of_part(Part { at: 0, of: 1 }, visit)
    }

    /// The files of those specialists whose ids are in one of several parts of like size.
    fn every_specialist_of_part(
        &self,
        part: Part,
        visit: &mut VisitFile<'_, SpecialistId, SpecialistFact>,
    ) -> Result<(), IndexError> {
        let (from, before) = keys::specialists_of(part.at, part.of);
        every_file(self, &from, &before, specialist_fact, &mut |subject, facts| {
            let Subject::Specialist(id) = subject else { return ControlFlow::Continue(()) };
            visit(id, facts)
        })
    }

    /// Who was issued a credential, void or not.
    fn specialist_of_credential(&self, number: CredentialNumber) -> Result<Option<SpecialistId>, IndexError> {
        Ok(self.get(&keys::credential(number))?.as_deref().and_then(keys::trailing_specialist))
    }

    /// The first entries of a range, and no more than so many.
    fn first(
        &self,
        from: &[u8],
        before: &[u8],
        most: usize,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), IndexError> {
        let mut left = most;
        if left == 0 {
            return Ok(());
        }
        let ended = self.range(from, before, &mut |key, value| {
            visit(key, value);
            left -= 1;
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        ended.map(drop)
    }

    /// Credentials with their holders in the order of the numbers, from a number on, and no more than so many.
    fn credentials_from(&self, number: u64, most: usize) -> Result<Vec<(CredentialNumber, SpecialistId)>, IndexError> {
        let mut found = Vec::new();
        let (from, before) = (keys::credentials_from(number), keys::after(keys::CREDENTIALS));
        self.first(&from, &before, most, &mut |key, value| found.extend(credential(key, value)))?;
        Ok(found)
    }

    /// Every credential ever issued with its holder, in the order of the numbers.
    fn credentials(&self) -> Result<Vec<(CredentialNumber, SpecialistId)>, IndexError> {
        let mut found = Vec::new();
        self.scan(keys::CREDENTIALS, &mut |key, value| {
            found.extend(credential(key, value));
            MORE
        })?;
        Ok(found)
    }

    /// The last record that the due dates account for.
    fn due_dates_as_of(&self) -> Result<Revision, IndexError> {
        self.get(keys::DUE_DATES_FOLLOW)?.map_or(Ok(Revision::ZERO), |value| Ok(Revision(number(&value)?)))
    }

    /// The day on which an entry is due.
    fn due_on(&self, entry: &Entry) -> Result<Option<Day>, IndexError> {
        let Some(value) = self.get(&keys::due(entry))? else { return Ok(None) };
        let day = value.as_ref().try_into().map_err(|_| IndexError::Damaged("a day of another length"))?;
        Ok(Some(Day::from_number(i32::from_be_bytes(day))))
    }

    /// Whether an entry is due on a day.
    fn is_due(&self, day: Day, entry: &Entry) -> Result<bool, IndexError> {
        Ok(self.get(&keys::due_entry(day, entry))?.is_some())
    }

    /// How many entries are due on any day. Counts them.
    fn count_due(&self) -> Result<u64, IndexError> {
        let mut count = 0;
        self.scan(keys::ALL_DUE_DATES, &mut |_, _| {
            count += 1;
            MORE
        })?;
        Ok(count)
    }

    /// What is due from one day to another, both included.
    fn due(&self, first: Day, last: Day) -> Result<Vec<Entry>, IndexError> {
        let mut found = Vec::new();
        self.range(&keys::due_on(first), &keys::due_on(last.next()), &mut |key, _| {
            found.push(keys::entry_due(key).ok_or(IndexError::Damaged("nothing is due"))?);
            MORE
        })
        .map(|_| found)
    }

    /// Whose job it is.
    fn specialist_of_employment(&self, id: EmploymentId) -> Result<Option<SpecialistId>, IndexError> {
        Ok(self.get(&keys::employment(id))?.as_deref().and_then(keys::trailing_specialist))
    }

    /// Everybody for whom a job with the provider was ever reported.
    fn staff(&self, provider: &ProviderId) -> Result<Vec<SpecialistId>, IndexError> {
        specialists(self, &keys::staff(provider))
    }

    /// The same in the order of the ids, from an id on, and no more than so many.
    fn staff_from(&self, provider: &ProviderId, id: u64, most: usize) -> Result<Vec<SpecialistId>, IndexError> {
        specialists_from(self, &keys::staff(provider), id, most)
    }

    /// Whether a job of the specialist with the provider was ever reported.
    fn was_staff(&self, provider: &ProviderId, id: SpecialistId) -> Result<bool, IndexError> {
        Ok(self.get(&keys::staff_member(provider, id))?.is_some())
    }

    /// Everybody for whom the name was ever reported. Whether it still counts, and the birth date, are for the caller.
    fn specialists_named(&self, name: &FoldedName) -> Result<Vec<SpecialistId>, IndexError> {
        specialists(self, &keys::name(name))
    }

    /// The same in the order of the ids, from an id on, and no more than so many.
    fn specialists_named_from(&self, name: &FoldedName, id: u64, most: usize) -> Result<Vec<SpecialistId>, IndexError> {
        specialists_from(self, &keys::name(name), id, most)
    }
}

fn number(value: &[u8]) -> Result<u64, IndexError> {
    let bytes = value.try_into().map_err(|_| IndexError::Damaged("a number of another length"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn specialists<V: View + ?Sized>(view: &V, prefix: &[u8]) -> Result<Vec<SpecialistId>, IndexError> {
    let mut found = Vec::new();
    view.scan(prefix, &mut |key, _| {
        found.extend(keys::trailing_specialist(key));
        MORE
    })?;
    Ok(found)
}

fn specialists_from<V: View + ?Sized>(
    view: &V,
    prefix: &[u8],
    id: u64,
    most: usize,
) -> Result<Vec<SpecialistId>, IndexError> {
    let mut found = Vec::new();
    let from = [prefix, &id.to_be_bytes()].concat();
    view.first(&from, &keys::after(prefix), most, &mut |key, _| found.extend(keys::trailing_specialist(key)))?;
    Ok(found)
}

fn credential(key: &[u8], holder: &[u8]) -> Option<(CredentialNumber, SpecialistId)> {
    let number = key.last_chunk().map(|number| CredentialNumber::from_number(u64::from_be_bytes(*number)));
    number.zip(keys::trailing_specialist(holder))
}

type Narrow<F> = fn(Fact) -> Option<F>;

fn registry_fact(fact: Fact) -> Option<RegistryFact> {
    if let Fact::Registry(fact) = fact { Some(fact) } else { None }
}

fn provider_fact(fact: Fact) -> Option<ProviderFact> {
    if let Fact::Provider(_, fact) = fact { Some(fact) } else { None }
}

fn specialist_fact(fact: Fact) -> Option<SpecialistFact> {
    if let Fact::Specialist(_, fact) = fact { Some(fact) } else { None }
}

fn recorded<F>(id: FactId, value: &[u8], narrow: Narrow<F>) -> Result<Recorded<F>, IndexError> {
    let Recorded { id, recorded_at, reporter, imported, note, fact } = unfiled(id, value)?;
    let fact = narrow(fact).ok_or(IndexError::Damaged("a fact under another subject than its own"))?;
    Ok(Recorded { id, recorded_at, reporter, imported, note, fact })
}

fn facts<V: View + ?Sized, F>(view: &V, subject: &Subject, narrow: Narrow<F>) -> Result<Vec<Recorded<F>>, IndexError> {
    let mut found = Vec::new();
    view.scan(&keys::file(subject), &mut |key, value| {
        let (_, id) = keys::split_filed(key).ok_or(IndexError::Damaged("a fact without an id"))?;
        found.push(recorded(id, value, narrow)?);
        MORE
    })?;
    Ok(found)
}

fn every_file<V: View + ?Sized, F>(
    view: &V,
    from: &[u8],
    before: &[u8],
    narrow: Narrow<F>,
    visit: &mut dyn FnMut(Subject, Vec<Recorded<F>>) -> ControlFlow<()>,
) -> Result<(), IndexError> {
    let (mut file, mut facts) = (Vec::new(), Vec::new());
    let mut close = |file: &[u8], facts: Vec<Recorded<F>>| {
        if facts.is_empty() {
            return MORE;
        }
        let subject = keys::subject_of_file(file).ok_or(IndexError::Damaged("a file of no subject"))?;
        Ok(visit(subject, facts))
    };
    let mut is_over = false;
    let ended = view.range(from, before, &mut |key, value| {
        let (here, id) = keys::split_filed(key).ok_or(IndexError::Damaged("a fact without an id"))?;
        if here != file {
            is_over = close(&file, std::mem::take(&mut facts))?.is_break();
            here.clone_into(&mut file);
        }
        if is_over {
            return Ok(ControlFlow::Break(()));
        }
        facts.push(recorded(id, value, narrow)?);
        MORE
    })?;
    if ended.is_break() { Ok(()) } else { close(&file, facts).map(drop) }
}
