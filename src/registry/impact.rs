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
    /// Returns what a record changes.
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
        let mut impact = parts.into_iter().reduce(Impact::with).unwrap_or_default();
        self.add_impact_on_providers(cause, &mut impact)?;
        Ok(impact)
    }

    /// Adds what a record changes about a person.
    fn add_impact_on(&self, id: SpecialistId, cause: &Cause<'_>, impact: &mut Impact) -> Result<(), ReadError> {
        let mut file = self.file(id)?.unwrap_or_else(|| Arc::new(SpecialistFile::new(id, Vec::new())));
        let reported = cause.reported.get(&id);
        if let Some(reported) = reported {
            // Without the cache the file is not shared, and the facts are added without copying it.
            self.files().remove(id);
            let facts = reported.iter().map(|(at, fact)| cause.record.recorded(*at, SpecialistFact::clone(fact)));
            Arc::make_mut(&mut file).add(facts.collect());
        } else if !cause.concerns(file.known_now()) {
            return Ok(());
        }
        let known = file.known_now();
        let employers = self.employers(known.jobs.iter().map(|job| &job.provider), &cause.providers);
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
        if reported.is_some() {
            impact.people.insert(id, Arc::clone(known));
            impact.files.push(file);
        }
        Ok(())
    }

    /// Adds what a record changes about providers, and about the first day of complete records.
    fn add_impact_on_providers(&self, cause: &Cause<'_>, impact: &mut Impact) -> Result<(), ReadError> {
        let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
        before.records_begin = self.head.rule_sets.records_begin();
        after.records_begin = cause.rule_sets.records_begin();
        for (id, file) in &cause.providers {
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
    /// The facts about each person, with their places in the record.
    reported: HashMap<SpecialistId, Vec<(usize, &'r SpecialistFact)>>,
    /// The files of providers that the record changes, as they are after it. If it changes the rule sets, all of them.
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    /// The providers whose effect on their staff it changes, and the days on which it does.
    unlike: Vec<(ProviderId, Period)>,
    /// The rule sets after the record.
    rule_sets: &'r RuleSets,
    rule_sets_changed: bool,
    /// The open day after the record.
    today: Day,
}

impl<'r> Cause<'r> {
    /// Returns what a record may change on top of a batch. `rule_sets` are those in force after it.
    pub(super) fn of(record: &'r Record, batch: &Batch<'_>, rule_sets: &'r Arc<RuleSets>, today: Day) -> Cause<'r> {
        let rule_sets_changed = !Arc::ptr_eq(rule_sets, &batch.head.rule_sets);
        let mut reported: HashMap<_, Vec<_>> = HashMap::new();
        let mut of_providers: HashMap<_, Vec<Recorded<ProviderFact>>> = HashMap::new();
        if rule_sets_changed {
            of_providers.extend(batch.provider_ids().into_iter().map(|id| (id, Vec::new())));
        }
        for (at, fact) in record.facts.iter().enumerate() {
            match fact {
                Fact::Specialist(id, fact) => reported.entry(*id).or_default().push((at, fact)),
                Fact::Provider(id, fact) => {
                    of_providers.entry(id.clone()).or_default().push(record.recorded(at, fact.clone()));
                }
                Fact::Registry(_) => {}
            }
        }
        let (mut providers, mut unlike) = (HashMap::new(), Vec::new());
        for (id, new) in of_providers {
            let before = batch.provider(&id);
            let mut facts = before.as_ref().map(|file| file.facts.clone()).unwrap_or_default();
            facts.extend(new);
            let after = Arc::new(ProviderFile::new(id.clone(), facts, rule_sets));
            let days = before.map_or(Some(Period::ALWAYS), |file| file.timeline.days_unlike_for_staff(&after.timeline));
            // If the rule sets change, everybody is concerned.
            unlike.extend(days.filter(|_| !rule_sets_changed).map(|days| (id.clone(), days)));
            providers.insert(id, after);
        }
        Cause { record, reported, providers, unlike, rule_sets, rule_sets_changed, today }
    }

    /// True if the record may change answers about a person of whom it has no facts: the person has a job on days on
    /// which the effect of the employer changes.
    fn concerns(&self, person: &Specialist) -> bool {
        self.rule_sets_changed || self.unlike.iter().any(|(provider, days)| person.works_for(provider, *days))
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
