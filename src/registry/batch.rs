//! The stage: records that are decided and not durable yet.
//!
//! A batch is decided command by command, each seeing the commands before it. What a record changes, in the files of
//! providers and in timelines, stays on the stage until the log has the batch; if the log refuses, the stage is dropped
//! and nothing has happened.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::decision_context::{BatchContext, Mint};
use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::impact::StateAfter;
use super::receipt::{Affected, Receipt};
use super::registry_history::RegistryHistory;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::specialist_cache::SpecialistCache;
use super::submission::Submission;
use crate::domain::day::Day;
use crate::domain::decide::decide;
use crate::domain::diff::{PublishedState, differences};
use crate::domain::fact::{Fact, Identifier, RegistryFact, Reporter};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::record::{Change, Foreseen, Record, RequestKey, instant_after};
use crate::domain::rule_sets::Law;
use crate::domain::specialist::SpecialistFile;
use crate::domain::timeline::Timeline;
use crate::store::index::{Entry, Moved, Overlay, View as _};

/// Records decided on top of a head.
pub(super) struct Batch<'a> {
    pub(super) shared: &'a Shared,
    /// What is known at the head that the records go on top of. The writer may publish later ones meanwhile, unless the
    /// stage is the writer's own.
    pinned: Snapshot,
    /// The index with the staged records on top, and their agenda.
    pub(super) pending: Overlay<'a>,
    /// The files of people that were asked for, staged facts included.
    pub(super) lately: RefCell<SpecialistCache>,
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

/// What a draft would change.
struct Weighed {
    record: Record,
    chronicle: Arc<RegistryHistory>,
    law: Arc<Law>,
    affected: Affected,
    /// What was told of what is affected, and what would be.
    before: PublishedState,
    told: PublishedState,
    /// The files of the people affected, the draft's facts included.
    files: Vec<Arc<SpecialistFile>>,
    receipt: Receipt,
}

impl<'a> Batch<'a> {
    /// An empty stage on top of the head. No record is dated at or before `not_before`. The files seen lately are those
    /// of the head.
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        head: Head,
        not_before: Timestamp,
        lately: SpecialistCache,
    ) -> Result<Batch<'a>, ReadError> {
        Ok(Batch {
            shared,
            pinned: shared.snapshot(&head, head.revision, Some(head.recorded_at)),
            pending: shared.index.pending()?,
            lately: RefCell::new(lately),
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
        staged.or_else(|| self.pinned.provider(id.as_str()))
    }

    /// A credential's timeline, as the staged records leave it.
    pub(super) fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        if let Some(staged) = self.timelines.get(&number) {
            return Ok(Some(Arc::clone(staged)));
        }
        self.pinned.read_timeline(number)
    }

    /// Everything on file of a person, staged facts included.
    pub(super) fn file(&self, id: SpecialistId) -> Result<Option<Arc<SpecialistFile>>, ReadError> {
        if let Some(file) = self.lately.borrow_mut().get(id) {
            return Ok(Some(file));
        }
        let mut facts = self.pending.specialist_facts(id)?;
        // The index may be ahead of what is pinned.
        facts.retain(|recorded| recorded.id.revision <= self.head.revision);
        if facts.is_empty() {
            return Ok(None);
        }
        let file = Arc::new(SpecialistFile { id, facts });
        self.lately.borrow_mut().put(Arc::clone(&file));
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

    /// The providers on file, as the staged records leave them.
    pub(super) fn provider_ids(&self) -> BTreeSet<ProviderId> {
        let on_file = self.pinned.providers().into_iter().map(|file| file.id.clone());
        on_file.chain(self.providers.keys().cloned()).collect()
    }

    /// The instant of the next record.
    fn next_instant(&self) -> Timestamp {
        instant_after(self.head.recorded_at.max(self.not_before), self.shared.clock.now())
    }

    /// Decides a command and stages its record.
    pub(super) fn submit(&mut self, submission: Submission, request: RequestKey) -> Result<Receipt, SubmitError> {
        let (draft, _) = self.decide(submission, Some(request))?;
        self.add(draft)
    }

    /// Decides a command and says what its record would change. Nothing is staged.
    pub(super) fn validate(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        let (draft, unassigned) = self.decide(submission, None)?;
        Ok(self.weigh(draft)?.receipt.for_validation(self.head.revision, unassigned))
    }

    /// The record that a command asks for, with the ids that are new in it.
    fn decide(
        &self,
        submission: Submission,
        request: Option<RequestKey>,
    ) -> Result<(Draft, BTreeSet<String>), SubmitError> {
        let Submission { reporter, note, command, numbers, .. } = submission;
        let file = self.file_for(&command, &reporter)?;
        let mut desk = BatchContext { stage: self, reporter: &reporter, mint: Mint::new(numbers) };
        let facts = decide(&command, &file, &mut desk)?;
        let minted = desk.mint.finish()?;
        Ok((Draft { reporter, request, note, facts }, minted))
    }

    /// Works out what a draft changes, and stages it.
    pub(super) fn add(&mut self, draft: Draft) -> Result<Receipt, SubmitError> {
        let Weighed { record, chronicle, law, affected, before, told, files, receipt } = self.weigh(draft)?;
        let moved = self.moved(&affected, &before, &told)?;
        self.advance(record, chronicle, law, affected.today, moved)?;
        files.into_iter().for_each(|file| self.lately.get_mut().put(file));
        self.timelines.extend(affected.timelines);
        self.providers.extend(affected.providers);
        Ok(receipt)
    }

    /// Works out what a draft changes.
    fn weigh(&self, draft: Draft) -> Result<Weighed, SubmitError> {
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

        let providers = self.providers_after(&record, &law, law_changed);
        let touched = self.touched(&record, &providers, law_changed)?;
        let StateAfter { told, files, people, timelines } = self.state_after(touched, &providers, &record, &law);
        let before = self.state_before(&timelines, &providers)?;

        let different = differences(&before, &told);
        record.specialist_count = different.specialist_count();
        (record.changes, record.foreseen) = different.split(today);
        let affected = Affected { people, timelines, providers, today };
        let receipt = Receipt::new(&record, &affected);
        Ok(Weighed { record, chronicle, law, affected, before, told, files, receipt })
    }

    /// Stages the opening of a day, with what is due.
    pub(super) fn open_day(&mut self, day: Day, due: Vec<Entry>) -> Result<(), SubmitError> {
        let mut told = PublishedState::default();
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
        let moved = due.into_iter().map(|entry| {
            let next = match &entry {
                Entry::Credential(number) => told.next_change_of_credential(*number, day),
                Entry::Provider(id) => told.next_change_of_provider(id, day),
            };
            self.pending.moved(entry, next)
        });
        let moved = moved.collect::<Result<_, _>>()?;
        self.add_own(RegistryFact::DayOpened { date: day }, told.on_opening(day), 0, moved)
    }

    /// Stages a record of the registry itself, whose fact leaves the law as it is.
    pub(super) fn add_own(
        &mut self,
        fact: RegistryFact,
        changes: Vec<Change>,
        people: u32,
        moved: Vec<Moved>,
    ) -> Result<(), SubmitError> {
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
        self.advance(record, chronicle, law, today, moved)
    }

    /// What is next different on another day than before comes on the agenda of that day.
    fn moved(
        &self,
        affected: &Affected,
        before: &PublishedState,
        after: &PublishedState,
    ) -> Result<Vec<Moved>, SubmitError> {
        let (was, today) = (self.head.today, affected.today);
        let mut moved = Vec::new();
        for number in affected.timelines.keys() {
            let due = after.next_change_of_credential(*number, today);
            if before.next_change_of_credential(*number, was) != due {
                moved.push(self.pending.moved(Entry::Credential(*number), due)?);
            }
        }
        for id in affected.providers.keys() {
            let due = after.next_change_of_provider(id, today);
            if before.next_change_of_provider(id, was) != due {
                moved.push(self.pending.moved(Entry::Provider(id.clone()), due)?);
            }
        }
        Ok(moved)
    }

    /// Stages a record, with what moves on the agenda. Where that fails nothing of it is staged: the batch goes on.
    fn advance(
        &mut self,
        record: Record,
        chronicle: Arc<RegistryHistory>,
        law: Arc<Law>,
        today: Day,
        moved: Vec<Moved>,
    ) -> Result<(), SubmitError> {
        self.pending.add_with_agenda(&record, moved)?;
        let day_ends_at =
            if today == self.head.today { self.head.day_ends_at } else { self.shared.clock.day_ends_at(today) };
        self.head =
            Head { revision: record.revision, recorded_at: record.recorded_at, today, day_ends_at, law, chronicle };
        self.records.push(record);
        Ok(())
    }

    fn chronicle_after(&self, record: &Record) -> Result<Arc<RegistryHistory>, SubmitError> {
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
}
