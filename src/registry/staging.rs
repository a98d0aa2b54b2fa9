//! Staging: decides commands, computes what their records change, and adds the records to the batch.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::batch::Batch;
use super::decision_context::{BatchContext, Mint};
use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::impact::StateAfter;
use super::receipt::{Affected, Receipt};
use super::registry_history::RegistryHistory;
use super::submission::Submission;
use crate::domain::day::Day;
use crate::domain::decide::decide;
use crate::domain::diff::{PublishedState, differences};
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::record::{Change, Foreseen, Record, RequestKey, instant_after};
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::SpecialistFile;
use crate::store::index::{Entry, Moved};

/// A record to be staged.
pub(super) struct Draft {
    pub(super) reporter: Reporter,
    pub(super) request: Option<RequestKey>,
    pub(super) note: String,
    pub(super) facts: Vec<Fact>,
}

/// The effects of a draft, computed but not staged.
struct Evaluated {
    record: Record,
    history: Arc<RegistryHistory>,
    rule_sets: Arc<RuleSets>,
    affected: Affected,
    /// The published state of the affected subjects, before and after the draft.
    before: PublishedState,
    after: PublishedState,
    /// The files of the affected people, including the draft's facts.
    files: Vec<Arc<SpecialistFile>>,
    receipt: Receipt,
}

impl Batch<'_> {
    /// Returns the instant of the next record.
    fn next_instant(&self) -> Timestamp {
        instant_after(self.head.recorded_at.max(self.not_before), self.shared.clock.now())
    }

    /// Decides a command and stages its record.
    pub(super) fn submit(&mut self, submission: Submission, request: RequestKey) -> Result<Receipt, SubmitError> {
        let (draft, _) = self.decide(submission, Some(request))?;
        self.add(draft)
    }

    /// Decides a command and returns the receipt that its record would have, with at most `kept` of the changes
    /// foreseen. Stages nothing.
    pub(super) fn validate(&self, submission: Submission, kept: usize) -> Result<Receipt, SubmitError> {
        let (draft, unassigned) = self.decide(submission, None)?;
        Ok(self.evaluate(draft, kept)?.receipt.for_validation(self.head.revision, unassigned))
    }

    /// Returns all changes that a record foresaw, if it is the record after the head of this batch. The record itself
    /// keeps only the first of them.
    pub(super) fn foreseen_by(&self, record: &Record) -> Result<Vec<Change>, SubmitError> {
        let draft = Draft {
            reporter: record.reporter.clone(),
            request: record.request.clone(),
            note: String::new(),
            facts: record.facts.clone(),
        };
        Ok(self.evaluate(draft, usize::MAX)?.record.foreseen.first)
    }

    /// Decides a command. Returns the record to stage, and the ids that it would newly assign.
    fn decide(
        &self,
        submission: Submission,
        request: Option<RequestKey>,
    ) -> Result<(Draft, BTreeSet<String>), SubmitError> {
        let Submission { reporter, note, command, numbers, .. } = submission;
        let file = self.file_for(&command, &reporter)?;
        let mut context = BatchContext { batch: self, reporter: &reporter, mint: Mint::new(numbers) };
        let facts = decide(&command, &file, &mut context)?;
        let minted = context.mint.finish()?;
        Ok((Draft { reporter, request, note, facts }, minted))
    }

    /// Computes what a draft changes, and stages it.
    pub(super) fn add(&mut self, draft: Draft) -> Result<Receipt, SubmitError> {
        let Evaluated { record, history, rule_sets, affected, before, after, files, receipt } =
            self.evaluate(draft, Foreseen::KEPT)?;
        let moved = self.moved(&affected, &before, &after)?;
        self.advance(record, history, rule_sets, affected.today, moved)?;
        files.into_iter().for_each(|file| self.specialist_cache.get_mut().put(file));
        self.timelines.extend(affected.timelines);
        self.providers.extend(affected.providers);
        Ok(receipt)
    }

    /// Computes what a draft changes, with at most `kept` of the changes foreseen.
    fn evaluate(&self, draft: Draft, kept: usize) -> Result<Evaluated, SubmitError> {
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
        let history = self.history_after(&record)?;
        let rule_sets = history.rule_sets(revision).map_or_else(|| Arc::clone(&self.head.rule_sets), Arc::clone);
        let rule_sets_changed = !Arc::ptr_eq(&rule_sets, &self.head.rule_sets);
        let today = history.today(revision).unwrap_or(self.head.today);

        let providers = self.providers_after(&record, &rule_sets, rule_sets_changed);
        let touched = self.touched(&record, &providers, rule_sets_changed)?;
        let StateAfter { published: after, files, people, timelines } =
            self.state_after(touched, &providers, &record, &rule_sets);
        let before = self.state_before(&timelines, &providers)?;

        let different = differences(&before, &after);
        record.specialist_count = different.specialist_count();
        (record.changes, record.foreseen) = different.split_keeping(today, kept);
        let affected = Affected { people, timelines, providers, today };
        let receipt = Receipt::new(&record, &affected);
        Ok(Evaluated { record, history, rule_sets, affected, before, after, files, receipt })
    }

    /// Stages the opening of a day, with the changes that are due on it.
    pub(super) fn open_day(&mut self, day: Day, due: Vec<Entry>) -> Result<(), SubmitError> {
        let mut published = PublishedState::default();
        for entry in &due {
            match entry {
                Entry::Credential(number) => {
                    if let Some(timeline) = self.timeline(*number)? {
                        published.add_credential(&timeline, &self.employers_of(&timeline, &HashMap::new()));
                    }
                }
                Entry::Provider(id) => {
                    if let Some(file) = self.provider(id) {
                        published.add_provider(id, &file.state, &file.timeline);
                    }
                }
            }
        }
        let moved = due.into_iter().map(|entry| {
            let next = match &entry {
                Entry::Credential(number) => published.next_change_of_credential(*number, day),
                Entry::Provider(id) => published.next_change_of_provider(id, day),
            };
            self.pending.moved(entry, next)
        });
        let moved = moved.collect::<Result<_, _>>()?;
        self.add_own(RegistryFact::DayOpened { date: day }, published.on_opening(day), 0, moved)
    }

    /// Stages a record of the registry itself whose fact does not change the rule sets.
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
        let history = self.history_after(&record)?;
        let today = history.today(record.revision).unwrap_or(self.head.today);
        let rule_sets = Arc::clone(&self.head.rule_sets);
        self.advance(record, history, rule_sets, today, moved)
    }

    /// Returns the due dates that change: those of the affected subjects whose next change falls on another day than
    /// before.
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

    /// Stages a record and the due dates that it changes. If this fails, nothing is staged and the batch continues
    /// without it.
    fn advance(
        &mut self,
        record: Record,
        history: Arc<RegistryHistory>,
        rule_sets: Arc<RuleSets>,
        today: Day,
        moved: Vec<Moved>,
    ) -> Result<(), SubmitError> {
        self.pending.add_with_due_dates(&record, moved)?;
        let day_ends_at =
            if today == self.head.today { self.head.day_ends_at } else { self.shared.clock.day_ends_at(today) };
        let Record { revision, recorded_at, .. } = record;
        self.head = Head { revision, recorded_at, today, day_ends_at, rule_sets, history, token: None };
        self.records.push(record);
        Ok(())
    }

    fn history_after(&self, record: &Record) -> Result<Arc<RegistryHistory>, SubmitError> {
        let mut history = Arc::clone(&self.head.history);
        for fact in &record.facts {
            if let Fact::Registry(fact) = fact {
                Arc::make_mut(&mut history)
                    .add(record.revision, fact)
                    .map_err(|error| SubmitError::Read(ReadError::Rules(error)))?;
            }
        }
        Ok(history)
    }
}
