//! The queries of the index, which an [`Overlay`](super::Overlay) answers too.

use std::ops::ControlFlow;

use jiff::Timestamp;
use sled::IVec;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{Fact, ProviderFact, Recorded, RegistryFact, SpecialistFact, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::name::FoldedName;
use crate::domain::prior_number::PriorNumber;
use crate::store::record::{decode_filed, instant};

use super::keys::Entry;
use super::{IndexError, NameKey, keys, names};

/// Whether to continue a scan, or the error that ended it.
pub type ScanResult = Result<ControlFlow<()>, IndexError>;

/// Called with each key and value of a scan. Returns whether to continue.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ScanResult + 'a;

/// Called with each subject and its facts. Returns whether to continue.
pub type VisitFile<'a, Id, F> = dyn FnMut(Id, Vec<Recorded<F>>) -> ControlFlow<()> + 'a;

/// One of several parts of about equal size.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The position of the part, from 0.
    pub at: u64,
    /// The number of parts.
    pub of: u64,
}

/// Continues a scan.
pub(super) const CONTINUE: ScanResult = Ok(ControlFlow::Continue(()));

/// The record that a request led to, and the digest of the request.
pub type Answered = (Revision, [u8; 32]);

/// The queries. An implementation provides the two basic lookups, `get` and `range`; callers use the others.
///
/// Facts are only added. To see an earlier state, ignore facts with a later revision.
pub trait View {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError>;

    /// Visits the entries from `from` up to but not including `before`, in order.
    fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult;

    /// Visits all entries whose keys have this prefix, in order.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), IndexError> {
        self.range(prefix, &keys::prefix_end(prefix), visit).map(drop)
    }

    /// The last record in this view.
    fn applied(&self) -> Result<Revision, IndexError> {
        self.get(keys::APPLIED)?.map_or(Ok(Revision::ZERO), |value| Ok(Revision(number(&value)?)))
    }

    /// When a record was committed. `None` if there is no such record.
    fn recorded_at(&self, revision: Revision) -> Result<Option<Timestamp>, IndexError> {
        if revision == Revision::ZERO {
            return Ok(None);
        }
        let instants = self.get(&keys::instants(revision))?.unwrap_or_default();
        let Some(nanos) = keys::instant_of(revision, &instants) else { return Ok(None) };
        instant(nanos).map(Some).map_err(|_| IndexError::Damaged("an instant out of range"))
    }

    /// The last record committed at or before an instant. Zero if there is none.
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

    /// The stored answer to a request of this client, if there is one.
    fn request(&self, client: &str, method: &str, request_id: Uuid) -> Result<Option<Answered>, IndexError> {
        let Some(value) = self.get(&keys::request(client, method, request_id))? else { return Ok(None) };
        let answered = value
            .split_first_chunk()
            .and_then(|(revision, digest)| Some((Revision(u64::from_be_bytes(*revision)), digest.try_into().ok()?)));
        answered.map(Some).ok_or(IndexError::Damaged("an answer to a request has the wrong length"))
    }

    /// The facts of the registry itself.
    fn registry_facts(&self) -> Result<Vec<Recorded<RegistryFact>>, IndexError> {
        facts(self, &keys::file(&Subject::Registry), registry_fact)
    }

    /// The facts of the registry itself in one record.
    fn registry_facts_of(&self, revision: Revision) -> Result<Vec<Recorded<RegistryFact>>, IndexError> {
        facts(self, &keys::file_in_record(&Subject::Registry, revision), registry_fact)
    }

    /// The facts of a provider. Empty if the provider is not on file.
    fn provider_facts(&self, id: &ProviderId) -> Result<Vec<Recorded<ProviderFact>>, IndexError> {
        facts(self, &keys::file(&Subject::Provider(id.clone())), provider_fact)
    }

    /// The facts of a specialist. Empty if no specialist with this id is on file.
    fn specialist_facts(&self, id: SpecialistId) -> Result<Vec<Recorded<SpecialistFact>>, IndexError> {
        facts(self, &keys::file(&Subject::Specialist(id)), specialist_fact)
    }

    /// Visits the facts of each provider, by id.
    fn every_provider(&self, visit: &mut VisitFile<'_, ProviderId, ProviderFact>) -> Result<(), IndexError> {
        every_file(self, keys::PROVIDERS, &keys::prefix_end(keys::PROVIDERS), provider_fact, &mut |subject, facts| {
            let Subject::Provider(id) = subject else { return ControlFlow::Continue(()) };
            visit(id, facts)
        })
    }

    /// Visits the facts of each specialist, by id.
    fn every_specialist(&self, visit: &mut VisitFile<'_, SpecialistId, SpecialistFact>) -> Result<(), IndexError> {
        self.every_specialist_of_part(Part { at: 0, of: 1 }, visit)
    }

    /// Visits the facts of each specialist in one of several parts of about equal size.
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

    /// The specialist to whom a credential was issued, void or not.
    fn specialist_of_credential(&self, number: CredentialNumber) -> Result<Option<SpecialistId>, IndexError> {
        Ok(self.get(&keys::credential(number))?.as_deref().and_then(names::trailing_specialist))
    }

    /// Visits the first entries of a range, at most `most`.
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

    /// At most `most` credentials and their holders, in the order of their numbers, from a number on.
    fn credentials_from(&self, number: u64, most: usize) -> Result<Vec<(CredentialNumber, SpecialistId)>, IndexError> {
        let mut found = Vec::new();
        let (from, before) = (keys::credentials_from(number), keys::prefix_end(keys::CREDENTIALS));
        self.first(&from, &before, most, &mut |key, value| found.extend(credential(key, value)))?;
        Ok(found)
    }

    /// Every credential ever issued and its holder, in the order of the numbers.
    fn credentials(&self) -> Result<Vec<(CredentialNumber, SpecialistId)>, IndexError> {
        let mut found = Vec::new();
        self.scan(keys::CREDENTIALS, &mut |key, value| {
            found.extend(credential(key, value));
            CONTINUE
        })?;
        Ok(found)
    }

    /// Every credential for which a prior number was ever set, and its holder. The caller must check that the
    /// credential bears it.
    fn credentials_with_prior(&self, prior: &PriorNumber) -> Result<Vec<(CredentialNumber, SpecialistId)>, IndexError> {
        let mut found = Vec::new();
        self.scan(&keys::prior_number(prior), &mut |key, value| {
            found.extend(credential(key, value));
            CONTINUE
        })?;
        Ok(found)
    }

    /// The last record that the due dates take into account.
    fn due_dates_as_of(&self) -> Result<Revision, IndexError> {
        self.get(keys::DUE_DATES_APPLIED)?.map_or(Ok(Revision::ZERO), |value| Ok(Revision(number(&value)?)))
    }

    /// The day on which an entry is due, if there is one.
    fn due_on(&self, entry: &Entry) -> Result<Option<Day>, IndexError> {
        let Some(value) = self.get(&keys::due(entry))? else { return Ok(None) };
        let day = value.as_ref().try_into().map_err(|_| IndexError::Damaged("a day has the wrong length"))?;
        Ok(Some(Day::from_number(i32::from_be_bytes(day))))
    }

    /// True if an entry is due on a day.
    fn is_due(&self, day: Day, entry: &Entry) -> Result<bool, IndexError> {
        Ok(self.get(&keys::due_entry(day, entry))?.is_some())
    }

    /// Counts the entries that are due on any day.
    fn count_due(&self) -> Result<u64, IndexError> {
        let mut count = 0;
        self.scan(keys::ALL_DUE_DATES, &mut |_, _| {
            count += 1;
            CONTINUE
        })?;
        Ok(count)
    }

    /// The entries that are due from one day to another, inclusive.
    fn due(&self, first: Day, last: Day) -> Result<Vec<Entry>, IndexError> {
        let mut found = Vec::new();
        self.range(&keys::due_on(first), &keys::due_on(last.next()), &mut |key, _| {
            found.push(keys::entry_due(key).ok_or(IndexError::Damaged("a due date without an entry"))?);
            CONTINUE
        })
        .map(|_| found)
    }

    /// The specialist whose job it is.
    fn specialist_of_employment(&self, id: EmploymentId) -> Result<Option<SpecialistId>, IndexError> {
        Ok(self.get(&keys::employment(id))?.as_deref().and_then(names::trailing_specialist))
    }

    /// All specialists for whom a job with the provider was ever reported.
    fn staff(&self, provider: &ProviderId) -> Result<Vec<SpecialistId>, IndexError> {
        specialists(self, &keys::staff(provider))
    }

    /// Like [`View::staff`], but in the order of the ids, from an id on, at most `most`.
    fn staff_from(&self, provider: &ProviderId, id: u64, most: usize) -> Result<Vec<SpecialistId>, IndexError> {
        specialists_from(self, &keys::staff(provider), id, most)
    }

    /// True if a job of the specialist with the provider was ever reported.
    fn was_staff(&self, provider: &ProviderId, id: SpecialistId) -> Result<bool, IndexError> {
        Ok(self.get(&keys::staff_member(provider, id))?.is_some())
    }

    /// Specialists for whom the name was ever reported, in the order of the ids, from an id on, at most `most`. The
    /// caller must compare the names in full.
    fn specialists_named_from(&self, name: &FoldedName, id: u64, most: usize) -> Result<Vec<SpecialistId>, IndexError> {
        specialists_from(self, &names::name(name), id, most)
    }

    /// Specialists for whom the birth date was ever reported, in the order of the ids, from an id on, at most `most`.
    fn specialists_born_from(&self, birth_date: Day, id: u64, most: usize) -> Result<Vec<SpecialistId>, IndexError> {
        specialists_from(self, &names::born_on(birth_date), id, most)
    }

    /// The names ever reported whose family name begins with `family`, which is folded: in order, after a name, at most
    /// `most`. The caller must compare the names in full.
    fn names_after(&self, family: &str, after: Option<&NameKey>, most: usize) -> Result<Vec<NameKey>, IndexError> {
        let prefix = names::family_names(family);
        let from = after.map_or_else(|| prefix.clone(), |after| keys::successor(after.bytes()));
        let mut found = Vec::new();
        self.first(&from, &keys::prefix_end(&prefix), most, &mut |key, _| found.extend(NameKey::read(key)))?;
        Ok(found)
    }
}

pub(super) fn number(value: &[u8]) -> Result<u64, IndexError> {
    let bytes = value.try_into().map_err(|_| IndexError::Damaged("a number has the wrong length"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn specialists<V: View + ?Sized>(view: &V, prefix: &[u8]) -> Result<Vec<SpecialistId>, IndexError> {
    let mut found = Vec::new();
    view.scan(prefix, &mut |key, _| {
        found.extend(names::trailing_specialist(key));
        CONTINUE
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
    view.first(&from, &keys::prefix_end(prefix), most, &mut |key, _| found.extend(names::trailing_specialist(key)))?;
    Ok(found)
}

fn credential(key: &[u8], holder: &[u8]) -> Option<(CredentialNumber, SpecialistId)> {
    let number = key.last_chunk().map(|number| CredentialNumber::from_number(u64::from_be_bytes(*number)));
    number.zip(names::trailing_specialist(holder))
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
    let Recorded { id, recorded_at, reporter, imported, note, fact } = decode_filed(id, value)?;
    let fact = narrow(fact).ok_or(IndexError::Damaged("a fact is stored under the wrong subject"))?;
    Ok(Recorded { id, recorded_at, reporter, imported, note, fact })
}

fn facts<V: View + ?Sized, F>(view: &V, prefix: &[u8], narrow: Narrow<F>) -> Result<Vec<Recorded<F>>, IndexError> {
    let mut found = Vec::new();
    view.scan(prefix, &mut |key, value| {
        let (_, id) = keys::split_filed(key).ok_or(IndexError::Damaged("a fact without an id"))?;
        found.push(recorded(id, value, narrow)?);
        CONTINUE
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
            return CONTINUE;
        }
        let subject = keys::subject_of_file(file).ok_or(IndexError::Damaged("a file without a subject"))?;
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
        CONTINUE
    })?;
    if ended.is_break() { Ok(()) } else { close(&file, facts).map(drop) }
}
