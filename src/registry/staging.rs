//! Staging: decides commands, computes what their records change, and adds the records to the batch.
//!
//! A record that another replica appended is staged by the same code. What it changes is computed again, and compared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use super::batch::Batch;
use super::decision_context::{BatchContext, Mint, NewId};
use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::impact::{Cause, Impact};
use super::receipt::{Affected, Receipt};
use super::registry_history::RegistryHistory;
use super::semantics_upgrade;
use super::submission::Submission;
use super::timeline_cache::{Staff, merge_staff};
use crate::domain::day::Day;
use crate::domain::decide::{File, StaffMember, decide};
use crate::domain::diff::PublishedState;
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::id::Revision;
use crate::domain::record::{Change, Foreseen, Record, RequestKey, instant_after};
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist_file::SpecialistFile;
use crate::store::index::{Entry, Moved, View as _};

/// A record to be staged.
pub(super) struct Draft {
    pub(super) reporter: Reporter,
    pub(super) request: Option<RequestKey>,
    pub(super) note: String,
    pub(super) facts: Vec<Fact>,
    /// The files that were read for the decision, of people who may be reported on.
    pub(super) files: Vec<Arc<SpecialistFile>>,
}

impl Draft {
    /// Returns a draft of the registry itself.
    pub(super) fn own(facts: Vec<Fact>) -> Draft {
        Draft { reporter: Reporter::registry(), request: None, note: String::new(), facts, files: Vec::new() }
    }

    /// Returns the draft that a record was made from.
    fn of(record: &Record) -> Draft {
        let Record { reporter, request, note, facts, .. } = record;
        Draft {
            reporter: reporter.clone(),
            request: request.clone(),
            note: note.clone(),
            facts: facts.clone(),
            files: Vec::new(),
        }
    }

    /// Returns the record of a draft, without what it changes.
    fn into_record(self, revision: Revision, recorded_at: Timestamp) -> Record {
        let Draft { reporter, request, note, facts, files: _ } = self;
        let (changes, foreseen) = (Vec::new(), Foreseen::default());
        Record { revision, recorded_at, reporter, request, note, facts, changes, foreseen, specialist_count: 0 }
    }
}

/// A draft's record and what follows from it, computed but not staged.
struct Effect {
    record: Record,
    history: Arc<RegistryHistory>,
    rule_sets: Arc<RuleSets>,
    affected: Affected,
    /// The files of the people that the record has facts of, including these facts.
    files: Vec<Arc<SpecialistFile>>,
    /// The due dates that change.
    moved: Vec<Moved>,
    /// The credentials of those who begin to work for a provider.
    joined: Staff,
}

/// True if a record adopts a semantics version.
fn adopts(record: &Record, version: u32) -> bool {
    record.facts.contains(&Fact::Registry(RegistryFact::SemanticsAdopted { version }))
}

impl Batch<'_> {
    /// Returns the instant of the next record.
    fn next_instant(&self) -> Timestamp {
        let now = self.shared.clock.now();
        let now = now.saturating_sub(self.clock_ahead).unwrap_or(now);
        instant_after(self.head.recorded_at.max(self.not_before), now)
    }

    /// Decides a command and stages its record.
    pub(super) fn submit(&mut self, submission: &Submission, request: RequestKey) -> Result<Receipt, SubmitError> {
        let (draft, _) = self.decide(submission, Some(request))?;
        Ok(self.add(draft)?)
    }

    /// Decides a command and returns the receipt that its record would have, with at most `kept` of the changes
    /// foreseen. Stages nothing.
    pub(super) fn validate(&self, submission: &Submission, kept: usize) -> Result<Receipt, SubmitError> {
        let (draft, unassigned) = self.decide(submission, None)?;
        let effect = self.evaluate(draft, self.next_instant(), kept)?;
        Ok(Receipt::new(&effect.record, &effect.affected)
            .for_validation(self.head.revision, unassigned.iter().map(NewId::to_string).collect()))
    }

    /// Returns all changes that a record foresaw, if it is the record after the head of this batch. The record itself
    /// keeps only the first of them.
    pub(super) fn foreseen_by(&self, record: &Record) -> Result<Vec<Change>, ReadError> {
        let draft = Draft { note: String::new(), ..Draft::of(record) };
        Ok(self.evaluate(draft, record.recorded_at, usize::MAX)?.record.foreseen.first)
    }

    /// Decides a command. Returns the record to stage, and the ids that it would newly assign.
    fn decide(
        &self,
        submission: &Submission,
        request: Option<RequestKey>,
    ) -> Result<(Draft, HashSet<NewId, RandomState>), SubmitError> {
        let Submission { reporter, note, command, numbers, .. } = submission;
        let file = self.file_for(command, reporter)?;
        let mut context = BatchContext { batch: self, reporter, mint: Mint::new(*numbers) };
        let facts = decide(command, &file, &mut context)?;
        let minted = context.mint.finish()?;
        let staff = if let File::Staff(staff) = file { staff } else { Vec::new() };
        let files = staff.into_iter().map(StaffMember::into_file).collect();
        Ok((Draft { reporter: reporter.clone(), request, note: note.clone(), facts, files }, minted))
    }

    /// Computes what a draft changes, and stages it.
    pub(super) fn add(&mut self, draft: Draft) -> Result<Receipt, ReadError> {
        let effect = self.effect_of(draft, self.next_instant())?;
        let receipt = Receipt::new(&effect.record, &effect.affected);
        self.stage(effect)?;
        Ok(receipt)
    }

    /// Stages a fact of the registry itself.
    pub(super) fn add_own(&mut self, fact: RegistryFact) -> Result<(), ReadError> {
        let effect = self.effect_of(Draft::own(vec![Fact::Registry(fact)]), self.next_instant())?;
        self.stage(effect)
    }

    /// Stages a record that another replica appended. Returns false, and stages nothing, if the record would change
    /// something else here than it changed there. Before this program's semantics are adopted, other programs decide
    /// what a record changes.
    pub(super) fn follow(&mut self, record: &Record, semantics_version: u32) -> Result<bool, ReadError> {
        let is_of_other_semantics = self.head.history.semantics_version() != semantics_version;
        let effect = self.effect_of(Draft::of(record), record.recorded_at)?;
        let is_same = effect.record == *record;
        if is_same {
            self.stage(effect)?;
            self.foreign = self.records.len();
        } else if is_of_other_semantics && !adopts(record, semantics_version) {
            self.stage(Effect { record: record.clone(), ..effect })?;
            self.foreign = self.records.len();
            return Ok(true);
        }
        Ok(is_same)
    }

    /// Computes what a draft changes.
    fn effect_of(&self, draft: Draft, at: Timestamp) -> Result<Effect, ReadError> {
        match *draft.facts.as_slice() {
            [Fact::Registry(RegistryFact::DayOpened { date })] => self.effect_of_opening(date, draft, at),
            [Fact::Registry(RegistryFact::SemanticsAdopted { version })] => {
                let record = draft.into_record(self.head.revision.next(), at);
                let (changes, specialist_count) = semantics_upgrade::changes(self.shared, &self.head, version)?;
                self.effect_of_own(Record { changes, specialist_count, ..record }, Vec::new())
            }
            _ => self.evaluate(draft, at, Foreseen::KEPT),
        }
    }

    /// Computes what a draft changes, with at most `kept` of the changes foreseen.
    fn evaluate(&self, mut draft: Draft, at: Timestamp, kept: usize) -> Result<Effect, ReadError> {
        let files = mem::take(&mut draft.files);
        let mut record = draft.into_record(self.head.revision.next(), at);
        let revision = record.revision;
        let history = self.history_after(&record)?;
        let rule_sets = history.rule_sets(revision).map_or_else(|| Arc::clone(&self.head.rule_sets), Arc::clone);
        let today = history.today(revision).unwrap_or(self.head.today);

        let mut cause = Cause::of(&record, files, self, &rule_sets, today);
        let Impact { differences, moved, timelines, joined, people, files } = self.impact(&cause)?;
        let providers = mem::take(&mut cause.providers);
        drop(cause);
        record.specialist_count = differences.specialist_count();
        (record.changes, record.foreseen) = differences.split_keeping(today, kept);
        let timelines = timelines.into_iter().map(|timeline| (timeline.number, timeline)).collect();
        let people = people.into_iter().map(|person| (person.id, person)).collect();
        let affected = Affected { people, timelines, providers, today };
        Ok(Effect { record, history, rule_sets, affected, files, moved, joined })
    }

    /// Computes the changes that are due on a day that is opened. Those of earlier days are already recorded.
    fn effect_of_opening(&self, day: Day, draft: Draft, at: Timestamp) -> Result<Effect, ReadError> {
        let due = self.pending.due(day, day)?;
        let mut published = PublishedState::default();
        for entry in &due {
            match entry {
                Entry::Credential(number) => {
                    if let Some(timeline) = self.timeline(*number)? {
                        published.add_credential(&timeline, &self.employers_of(&timeline));
                    }
                }
                Entry::Provider(id) => {
                    if let Some(file) = self.provider(id) {
                        published.add_provider(id, &file.state, &file.timeline);
                    }
                }
            }
        }
        let next = due.into_iter().map(|entry| {
            let next = match &entry {
                Entry::Credential(number) => published.next_change_of_credential(*number, day),
                Entry::Provider(id) => published.next_change_of_provider(id, day),
            };
            (entry, next)
        });
        let (next, record) = (next.collect(), draft.into_record(self.head.revision.next(), at));
        self.effect_of_own(Record { changes: published.on_opening(day), ..record }, next)
    }

    /// Returns the effect of a record of the registry itself that changes neither a file nor the rule sets.
    fn effect_of_own(&self, record: Record, due: Vec<(Entry, Option<Day>)>) -> Result<Effect, ReadError> {
        let history = self.history_after(&record)?;
        let today = history.today(record.revision).unwrap_or(self.head.today);
        let affected =
            Affected { people: BTreeMap::new(), timelines: BTreeMap::new(), providers: HashMap::new(), today };
        let moved = due.into_iter().map(|(entry, due)| self.pending.moved(&entry, due)).collect::<Result<_, _>>()?;
        let rule_sets = Arc::clone(&self.head.rule_sets);
        Ok(Effect { record, history, rule_sets, affected, files: Vec::new(), moved, joined: Staff::default() })
    }

    /// Stages a record with everything that follows from it. If this fails, nothing is staged and the batch continues
    /// without it.
    fn stage(&mut self, effect: Effect) -> Result<(), ReadError> {
        let Effect { record, history, rule_sets, affected, files, moved, joined } = effect;
        self.pending.add_with_due_dates(&record, moved)?;
        let Record { revision, recorded_at, .. } = record;
        let (was, today) = (self.head.today, affected.today);
        let day_ends_at = if today == was { self.head.day_ends_at } else { self.shared.clock.day_ends_at(today) };
        self.head = Head { revision, recorded_at, today, day_ends_at, rule_sets, history, token: None };
        self.records.push(record);
        files.into_iter().for_each(|file| self.files().put(file));
        self.timelines.extend(affected.timelines);
        merge_staff(&mut self.joined, joined);
        self.providers.extend(affected.providers);
        Ok(())
    }

    fn history_after(&self, record: &Record) -> Result<Arc<RegistryHistory>, ReadError> {
        let mut history = Arc::clone(&self.head.history);
        for fact in &record.facts {
            if let Fact::Registry(fact) = fact {
                Arc::make_mut(&mut history).add(record.revision, fact)?;
            }
        }
        Ok(history)
    }
}
