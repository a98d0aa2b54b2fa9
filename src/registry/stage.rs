//! The stage: records that are decided and not durable yet.
//!
//! A batch is decided command by command, each seeing the commands before it. What a record changes, in the files of
//! providers and in timelines, stays on the stage until the log has the batch; if the log refuses, the stage is dropped
//! and nothing has happened.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::Shared;
use super::chronicle::Chronicle;
use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::receipt::{Affected, Receipt};
use crate::domain::day::Day;
use crate::domain::difference::{Told, differences};
use crate::domain::fact::{Fact, Identifier, ProviderFact, Recorded, RegistryFact, Reporter, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::law::Law;
use crate::domain::provider::{ProviderFile, ProviderTimeline};
use crate::domain::record::{Change, Foreseen, Record, RequestKey};
use crate::domain::specialist::{Specialist, SpecialistFile};
use crate::domain::timeline::Timeline;
use crate::store::index::{Entry, Pending, View as _};

/// Records decided on top of a head.
pub(super) struct Stage<'a> {
    pub(super) shared: &'a Shared,
    /// The index with the staged records on top, and their agenda.
    pub(super) pending: Pending<'a>,
    /// The files of people that were asked for, staged facts included. Each is read once.
    files: RefCell<HashMap<SpecialistId, Arc<SpecialistFile>>>,
    /// The records, in order.
    pub(super) records: Vec<Record>,
    /// The head once they are durable.
    pub(super) head: Head,
    /// Files of providers that changed.
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    /// Timelines that changed.
    pub(super) timelines: HashMap<CredentialNumber, Arc<Timeline>>,
    /// No record is dated at or before this instant.
    pub(super) not_before: Timestamp,
}

/// A record to be staged.
pub(super) struct Draft {
    pub(super) reporter: Reporter,
    pub(super) request: Option<RequestKey>,
    pub(super) note: String,
    pub(super) facts: Vec<Fact>,
}

type People = BTreeMap<SpecialistId, Arc<SpecialistFile>>;

impl<'a> Stage<'a> {
    /// An empty stage on top of the head. No record is dated at or before `not_before`.
    pub(super) fn new(shared: &'a Shared, head: Head, not_before: Timestamp) -> Result<Stage<'a>, ReadError> {
        Ok(Stage {
            shared,
            pending: shared.index.pending()?,
            files: RefCell::default(),
            records: Vec::new(),
            head,
            providers: HashMap::new(),
            timelines: HashMap::new(),
            not_before,
        })
    }

    /// A provider's file, as the staged records leave it.
    pub(super) fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        let staged = self.providers.get(id).cloned();
        staged.or_else(|| self.shared.providers.pin().get(id.as_str()).map(|resident| Arc::clone(&resident.file)))
    }

    /// A credential's timeline, as the staged records leave it.
    pub(super) fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        if let Some(staged) = self.timelines.get(&number) {
            return Ok(Some(Arc::clone(staged)));
        }
        Ok(self.shared.resident(number)?.map(|resident| Arc::clone(&resident.timeline)))
    }

    /// Everything on file of a person, staged facts included.
    pub(super) fn file(&self, id: SpecialistId) -> Result<Option<Arc<SpecialistFile>>, ReadError> {
        if let Some(file) = self.files.borrow().get(&id) {
            return Ok(Some(Arc::clone(file)));
        }
        let facts = self.pending.specialist_facts(id)?;
        if facts.is_empty() {
            return Ok(None);
        }
        let file = Arc::new(SpecialistFile { id, facts });
        self.files.borrow_mut().insert(id, Arc::clone(&file));
        Ok(Some(file))
    }

    /// The provider that an identifier belongs to, as the staged records leave it.
    pub(super) fn owner_of(&self, identifier: &Identifier) -> Option<ProviderId> {
        let bears =
            |file: &ProviderFile| file.state.row.as_ref().is_some_and(|row| row.identifiers.contains(identifier));
        let staged = self.providers.values().find(|file| bears(file)).map(|file| file.id.clone());
        staged.or_else(|| {
            let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
            bearers.iter().find(|id| self.provider(id).is_some_and(|file| bears(&file))).cloned()
        })
    }

    /// Everyone who has, or had, a job with a provider.
    pub(super) fn staff(&self, provider: &ProviderId) -> Result<Vec<Arc<SpecialistFile>>, ReadError> {
        let ids = self.pending.staff(provider)?;
        let files = ids.into_iter().map(|id| self.file(id));
        files.filter_map(Result::transpose).collect()
    }

    /// The providers of every resident or staged file.
    pub(super) fn provider_ids(&self) -> BTreeSet<ProviderId> {
        self.shared.providers.pin().keys().chain(self.providers.keys()).cloned().collect()
    }

    /// The instant of the next record: strictly after the last one's.
    fn next_instant(&self) -> Timestamp {
        let after = self.head.recorded_at.max(self.not_before);
        let next = after.saturating_add(jiff::SignedDuration::from_micros(1)).unwrap_or(after);
        self.shared.clock.now().max(next)
    }

    /// Works out what a draft changes, and stages it. Nothing is kept of a draft that is only validated.
    pub(super) fn add(&mut self, draft: Draft, validate_only: bool) -> Result<Receipt, SubmitError> {
        let revision = self.head.revision.next();
        let mut record = Record {
            revision,
            recorded_at: self.next_instant(),
            reporter: draft.reporter,
            request: draft.request,
            note: draft.note,
            facts: draft.facts,
            changes: Vec::new(),
            foreseen: Foreseen::default(),
            specialist_count: 0,
        };
        let chronicle = self.chronicle_after(&record)?;
        let law = chronicle.law(revision).map_or_else(|| Arc::clone(&self.head.law), Arc::clone);
        let law_changed = !Arc::ptr_eq(&law, &self.head.law);
        let today = chronicle.today(revision).unwrap_or(self.head.today);

        let changed_providers = self.providers_after(&record, &law, law_changed);
        let touched = self.touched(&record, &changed_providers, law_changed)?;
        let after = self.told_after(touched, &changed_providers, &record, &law);
        let before = self.told_before(&after, &changed_providers)?;

        let different = differences(&before, &after.told);
        record.specialist_count = different.specialist_count();
        (record.changes, record.foreseen) = different.split(today);
        let affected =
            Affected { people: after.people, timelines: after.timelines, providers: changed_providers, today };
        let receipt = Receipt::new(&record, &affected);
        if validate_only {
            return Ok(receipt.for_validation(self.head.revision));
        }
        self.files.get_mut().extend(after.files);
        self.keep(record, chronicle, law, today, affected, &after.told)?;
        Ok(receipt)
    }

    /// Stages the opening of a day, with what is due.
    pub(super) fn open_day(&mut self, day: Day, due: Vec<Entry>) -> Result<(), SubmitError> {
        let mut told = Told::default();
        for entry in &due {
            match entry {
                Entry::Credential(number) => {
                    if let Some(timeline) = self.timeline(*number)? {
                        told.add_credential(&timeline, &self.employers_of(&timeline, &HashMap::new()));
                    }
                }
                Entry::Provider(id) => {
                    if let Some(file) = self.provider(id) {
                        told.add_provider(id, &file.state, &file.timeline);
                    }
                }
            }
        }
        for entry in due {
            let next = match &entry {
                Entry::Credential(number) => told.next_change_of_credential(*number, day),
                Entry::Provider(id) => told.next_change_of_provider(id, day),
            };
            self.pending.schedule(&entry, next)?;
        }
        self.add_own(RegistryFact::DayOpened { date: day }, told.on_opening(day), 0)
    }

    /// Stages a record of the registry itself, whose fact leaves the law as it is.
    pub(super) fn add_own(&mut self, fact: RegistryFact, changes: Vec<Change>, people: u32) -> Result<(), SubmitError> {
        let record = Record {
            revision: self.head.revision.next(),
            recorded_at: self.next_instant(),
            reporter: Reporter::registry(),
            request: None,
            note: String::new(),
            facts: vec![Fact::Registry(fact)],
            changes,
            foreseen: Foreseen::default(),
            specialist_count: people,
        };
        let chronicle = self.chronicle_after(&record)?;
        let today = chronicle.today(record.revision).unwrap_or(self.head.today);
        let law = Arc::clone(&self.head.law);
        self.advance(record, chronicle, law, today)
    }

    fn keep(
        &mut self,
        record: Record,
        chronicle: Arc<Chronicle>,
        law: Arc<Law>,
        today: Day,
        affected: Affected,
        told: &Told,
    ) -> Result<(), SubmitError> {
        for number in affected.timelines.keys() {
            let due = told.next_change_of_credential(*number, today);
            self.pending.schedule(&Entry::Credential(*number), due)?;
        }
        for id in affected.providers.keys() {
            self.pending.schedule(&Entry::Provider(id.clone()), told.next_change_of_provider(id, today))?;
        }
        self.timelines.extend(affected.timelines);
        self.providers.extend(affected.providers);
        self.advance(record, chronicle, law, today)
    }

    fn advance(
        &mut self,
        record: Record,
        chronicle: Arc<Chronicle>,
        law: Arc<Law>,
        today: Day,
    ) -> Result<(), SubmitError> {
        self.pending.add(&record)?;
        self.pending.agenda_is_right();
        let day_ends_at =
            if today == self.head.today { self.head.day_ends_at } else { self.shared.clock.day_ends_at(today) };
        self.head =
            Head { revision: record.revision, recorded_at: record.recorded_at, today, day_ends_at, law, chronicle };
        self.records.push(record);
        Ok(())
    }

    fn chronicle_after(&self, record: &Record) -> Result<Arc<Chronicle>, SubmitError> {
        let mut chronicle = Arc::clone(&self.head.chronicle);
        for fact in &record.facts {
            if let Fact::Registry(fact) = fact {
                Arc::make_mut(&mut chronicle)
                    .add(record.revision, fact)
                    .map_err(|error| SubmitError::Read(ReadError::Rules(error)))?;
            }
        }
        Ok(chronicle)
    }

    /// The files of the providers that a record touches, as it leaves them; of every provider, when the law changes.
    fn providers_after(&self, record: &Record, law: &Law, law_changed: bool) -> HashMap<ProviderId, Arc<ProviderFile>> {
        let mut new_facts: BTreeMap<ProviderId, Vec<Recorded<ProviderFact>>> = BTreeMap::new();
        if law_changed {
            new_facts.extend(self.provider_ids().into_iter().map(|id| (id, Vec::new())));
        }
        for recorded in record.recorded_facts() {
            if let Fact::Provider(id, fact) = recorded.fact {
                new_facts.entry(id.clone()).or_default().push(recorded.with(fact.clone()));
            }
        }
        new_facts
            .into_iter()
            .map(|(id, new)| {
                let mut facts = self.provider(&id).map(|file| file.facts.clone()).unwrap_or_default();
                facts.extend(new);
                (id.clone(), Arc::new(ProviderFile::new(id, facts, law)))
            })
            .collect()
    }

    /// The files of the people whose answers a record may change, as they are before it.
    fn touched(
        &self,
        record: &Record,
        changed_providers: &HashMap<ProviderId, Arc<ProviderFile>>,
        law_changed: bool,
    ) -> Result<People, ReadError> {
        let mut people: BTreeSet<SpecialistId> = BTreeSet::new();
        for fact in &record.facts {
            if let Fact::Specialist(id, _) = fact {
                people.insert(*id);
            }
        }
        if law_changed {
            people.extend(self.pending.credentials()?.into_iter().map(|(_, specialist)| specialist));
        } else {
            for (id, after) in changed_providers {
                let unchanged = self.provider(id).is_some_and(|before| before.timeline.employs_like(&after.timeline));
                if !unchanged {
                    people.extend(self.pending.staff(id)?);
                }
            }
        }
        let nothing = |id| Arc::new(SpecialistFile { id, facts: Vec::new() });
        people.into_iter().map(|id| Ok((id, self.file(id)?.unwrap_or_else(|| nothing(id))))).collect()
    }

    /// What is told of what is touched, once the record counts.
    fn told_after(
        &self,
        touched: People,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
        record: &Record,
        law: &Arc<Law>,
    ) -> ToldAfter {
        let mut after = ToldAfter::default();
        after.told.records_begin = law.records_begin();
        let mut reported = reported_of_people(record);
        for (id, mut file) in touched {
            if let Some(more) = reported.remove(&id) {
                Arc::make_mut(&mut file).facts.extend(more);
            }
            let known = file.known_now();
            let employers = self.employers(known.jobs.iter().map(|job| &job.provider), replaced);
            for credential in &known.credentials {
                let timeline = Arc::new(Timeline::compile(&known, credential, &employers, law));
                after.told.add_credential(&timeline, &employers);
                after.timelines.insert(credential.number, timeline);
            }
            after.people.insert(id, known);
            after.files.push((id, file));
        }
        for (id, file) in replaced {
            after.told.add_provider(id, &file.state, &file.timeline);
        }
        after
    }

    /// What was told of the same before the record: what is resident, or staged, is compiled already.
    fn told_before(
        &self,
        after: &ToldAfter,
        files: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> Result<Told, ReadError> {
        let mut told = Told::default();
        told.records_begin = self.head.law.records_begin();
        for timeline in after.timelines.keys().map(|number| self.timeline(*number)).filter_map(Result::transpose) {
            let timeline = timeline?;
            told.add_credential(&timeline, &self.employers_of(&timeline, &HashMap::new()));
        }
        for file in files.keys().filter_map(|id| self.provider(id)) {
            told.add_provider(&file.id, &file.state, &file.timeline);
        }
        Ok(told)
    }

    fn employers_of(
        &self,
        timeline: &Timeline,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> HashMap<ProviderId, Arc<ProviderTimeline>> {
        self.employers(timeline.jobs.iter().map(|(provider, _)| provider), replaced)
    }

    fn employers<'p>(
        &self,
        ids: impl Iterator<Item = &'p ProviderId>,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> HashMap<ProviderId, Arc<ProviderTimeline>> {
        ids.filter_map(|id| {
            let file = replaced.get(id).cloned().or_else(|| self.provider(id))?;
            Some((file.id.clone(), Arc::clone(&file.timeline)))
        })
        .collect()
    }
}

/// What is told of what is touched, with the states that it was told of.
#[derive(Default)]
struct ToldAfter {
    told: Told,
    files: Vec<(SpecialistId, Arc<SpecialistFile>)>,
    people: BTreeMap<SpecialistId, Specialist>,
    timelines: BTreeMap<CredentialNumber, Arc<Timeline>>,
}

fn reported_of_people(record: &Record) -> HashMap<SpecialistId, Vec<Recorded<SpecialistFact>>> {
    let mut reported: HashMap<_, Vec<_>> = HashMap::new();
    for recorded in record.recorded_facts() {
        if let Fact::Specialist(id, fact) = recorded.fact {
            reported.entry(*id).or_default().push(recorded.with(fact.clone()));
        }
    }
    reported
}
