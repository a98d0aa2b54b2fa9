//! The impact of a record: whose answers it may change, and how their published state differs before and after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::batch::Batch;
use super::errors::ReadError;
use super::in_parts::in_parts;
use crate::domain::day::{Day, Period};
use crate::domain::diff::{Differences, PublishedState, differences};
use crate::domain::fact::{Fact, ProviderFact, Recorded, SpecialistFact};
use crate::domain::id::{ProviderId, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::record::Record;
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::Specialist;
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::{self, Employers, Timeline};
use crate::store::index::{Entry, Moved, View as _};

impl Batch<'_> {
    /// Returns the provider files that a record changes, as they are after it. If it changes the rule sets, returns all
    /// of them.
    pub(super) fn providers_after(
        &self,
        record: &Record,
        rule_sets: &RuleSets,
        rule_sets_changed: bool,
    ) -> HashMap<ProviderId, Arc<ProviderFile>> {
        let mut new_facts: BTreeMap<ProviderId, Vec<Recorded<ProviderFact>>> = BTreeMap::new();
        if rule_sets_changed {
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
                (id.clone(), Arc::new(ProviderFile::new(id, facts, rule_sets)))
            })
            .collect()
    }

    /// Returns what a record changes about people.
    pub(super) fn impact(&self, cause: &Cause<'_>) -> Result<Impact, ReadError> {
        let mut people: BTreeSet<SpecialistId> = cause.reported.keys().copied().collect();
        if cause.rule_sets_changed {
            people.extend(self.pending.credentials()?.into_iter().map(|(_, specialist)| specialist));
        }
        for (provider, _) in &cause.unlike {
            people.extend(self.pending.staff(provider)?);
        }
        let people: Vec<_> = people.into_iter().collect();
        let parts = in_parts(&people, |people| {
            let mut impact = Impact::default();
            people.iter().try_for_each(|id| self.add_impact_on(*id, cause, &mut impact)).map(|()| impact)
        })?;
        Ok(parts.into_iter().reduce(Impact::with).unwrap_or_default())
    }

    /// Adds what a record changes about a person.
    fn add_impact_on(&self, id: SpecialistId, cause: &Cause<'_>, impact: &mut Impact) -> Result<(), ReadError> {
        let mut file = self.file(id)?.unwrap_or_else(|| Arc::new(SpecialistFile::new(id, Vec::new())));
        if let Some(reported) = cause.reported.get(&id) {
            // Without the cache the file is not shared, and the facts are added without copying it.
            self.files().remove(id);
            Arc::make_mut(&mut file).add(reported.iter().filter_map(|at| cause.fact_of_person(*at)).collect());
            impact.people.insert(id, Arc::clone(file.known_now()));
        } else if !cause.concerns(file.known_now()) {
            return Ok(());
        }
        let known = file.known_now();
        let employers = self.employers(known.jobs.iter().map(|job| &job.provider), cause.providers);
        let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
        for credential in &known.credentials {
            let number = credential.number;
            let timeline = Arc::new(Timeline::compile(known, credential, &employers, cause.rule_sets));
            after.add_credential(&timeline, &employers);
            // The earlier timeline is resident, staged or read from the index.
            if let Some(earlier) = self.timeline(number)? {
                before.add_credential(&earlier, &self.employers_of(&earlier));
            }
            let due = after.next_change_of_credential(number, cause.today);
            if before.next_change_of_credential(number, self.head.today) != due {
                impact.moved.push(self.pending.moved(Entry::Credential(number), due)?);
            }
            impact.timelines.push(timeline);
        }
        impact.differences.extend(differences(&before, &after));
        if cause.reported.contains_key(&id) {
            impact.files.push(file);
        }
        Ok(())
    }

    /// Adds what a record changes about providers, and about the first day of complete records.
    pub(super) fn add_impact_on_providers(&self, cause: &Cause<'_>, impact: &mut Impact) -> Result<(), ReadError> {
        let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
        before.records_begin = self.head.rule_sets.records_begin();
        after.records_begin = cause.rule_sets.records_begin();
        for (id, file) in cause.providers {
            after.add_provider(id, &file.state, &file.timeline);
            if let Some(file) = self.provider(id) {
                before.add_provider(id, &file.state, &file.timeline);
            }
            let due = after.next_change_of_provider(id, cause.today);
            if before.next_change_of_provider(id, self.head.today) != due {
                impact.moved.push(self.pending.moved(Entry::Provider(id.clone()), due)?);
            }
        }
        impact.differences.extend(differences(&before, &after));
        Ok(())
    }

    /// Returns the employers of a credential's holder.
    pub(super) fn employers_of(&self, timeline: &Timeline) -> Employers {
        self.employers(timeline.jobs.iter().map(|(provider, _)| provider), &HashMap::new())
    }

    fn employers<'p>(
        &self,
        ids: impl Iterator<Item = &'p ProviderId>,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> Employers {
        timeline::employers(ids, |id| replaced.get(id).cloned().or_else(|| self.provider(id)))
    }
}

/// A record, and whom it may concern.
pub(super) struct Cause<'r> {
    record: &'r Record,
    /// The facts about each person, by their places in the record.
    reported: HashMap<SpecialistId, Vec<usize>>,
    /// The files of providers that the record changes, as they are after it.
    providers: &'r HashMap<ProviderId, Arc<ProviderFile>>,
    /// The providers whose effect on their staff it changes, and the days on which it does.
    unlike: Vec<(ProviderId, Period)>,
    /// The rule sets after the record.
    rule_sets: &'r RuleSets,
    rule_sets_changed: bool,
    /// The open day after the record.
    today: Day,
}

impl<'r> Cause<'r> {
    /// Returns what a record may change on top of a batch. `providers` are the files that it changes, as they are after
    /// it, and `rule_sets` those in force after it.
    pub(super) fn of(
        record: &'r Record,
        batch: &Batch<'_>,
        providers: &'r HashMap<ProviderId, Arc<ProviderFile>>,
        rule_sets: &'r RuleSets,
        today: Day,
    ) -> Cause<'r> {
        let rule_sets_changed = !std::ptr::eq(rule_sets, &*batch.head.rule_sets);
        let mut reported: HashMap<_, Vec<_>> = HashMap::new();
        for (at, fact) in record.facts.iter().enumerate() {
            if let Fact::Specialist(id, _) = fact {
                reported.entry(*id).or_default().push(at);
            }
        }
        // If the rule sets change, everybody is concerned.
        let changed = providers.iter().filter(|_| !rule_sets_changed);
        let unlike = changed.filter_map(|(id, after)| {
            let before = batch.provider(id);
            let days = before.map_or(Some(Period::ALWAYS), |file| file.timeline.days_unlike_for_staff(&after.timeline));
            Some((id.clone(), days?))
        });
        Cause { record, reported, providers, unlike: unlike.collect(), rule_sets, rule_sets_changed, today }
    }

    /// True if the record may change answers about a person of whom it has no facts: the person has a job on days on
    /// which the effect of the employer changes.
    fn concerns(&self, person: &Specialist) -> bool {
        self.rule_sets_changed || self.unlike.iter().any(|(provider, days)| person.works_for(provider, *days))
    }

    /// Returns the fact about a person at a place in the record.
    fn fact_of_person(&self, at: usize) -> Option<Recorded<SpecialistFact>> {
        match self.record.facts.get(at) {
            Some(Fact::Specialist(_, fact)) => Some(self.record.recorded(at, fact.clone())),
            Some(Fact::Registry(_) | Fact::Provider(..)) | None => None,
        }
    }
}

/// What a record changes.
#[derive(Default)]
pub(super) struct Impact {
    pub(super) differences: Differences,
    /// The due dates that change: those of subjects whose next change falls on another day than before.
    pub(super) moved: Vec<Moved>,
    /// The timelines of everyone whose answers it may change.
    pub(super) timelines: Vec<Arc<Timeline>>,
    /// The people of whom it has facts, and their files, with these facts.
    pub(super) people: BTreeMap<SpecialistId, Arc<Specialist>>,
    pub(super) files: Vec<Arc<SpecialistFile>>,
}

impl Impact {
    /// Adds what it changes about others.
    fn with(mut self, other: Impact) -> Impact {
        let Impact { differences, moved, timelines, people, files } = other;
        self.differences.extend(differences);
        self.moved.extend(moved);
        self.timelines.extend(timelines);
        self.people.extend(people);
        self.files.extend(files);
        self
    }
}
