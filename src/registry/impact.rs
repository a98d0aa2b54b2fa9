//! The impact of a record: the files whose answers it may change, and their published state before and after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::batch::Batch;
use super::errors::ReadError;
use crate::domain::day::Period;
use crate::domain::diff::PublishedState;
use crate::domain::fact::{Fact, ProviderFact, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::record::Record;
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::Specialist;
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::{self, Employers, Timeline};
use crate::store::index::View as _;

type People = BTreeMap<SpecialistId, Arc<SpecialistFile>>;

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

    /// Returns the files of the people whose answers a record may change, as they are before it. For a provider, these
    /// are the people employed on days on which the record changes the provider's effect on its staff.
    pub(super) fn touched(
        &self,
        record: &Record,
        changed_providers: &HashMap<ProviderId, Arc<ProviderFile>>,
        rule_sets_changed: bool,
    ) -> Result<People, ReadError> {
        let mut people: BTreeSet<SpecialistId> = BTreeSet::new();
        for fact in &record.facts {
            if let Fact::Specialist(id, _) = fact {
                people.insert(*id);
            }
        }
        if rule_sets_changed {
            people.extend(self.pending.credentials()?.into_iter().map(|(_, specialist)| specialist));
        } else {
            for (id, after) in changed_providers {
                let before = self.provider(id);
                let unlike = before
                    .map_or(Some(Period::ALWAYS), |before| before.timeline.days_unlike_for_staff(&after.timeline));
                if let Some(days) = unlike {
                    let staff = self.staff(id)?.into_iter();
                    people.extend(staff.filter(|file| file.known_now().works_for(id, days)).map(|file| file.id));
                }
            }
        }
        let nothing = |id| Arc::new(SpecialistFile::new(id, Vec::new()));
        people.into_iter().map(|id| Ok((id, self.file(id)?.unwrap_or_else(|| nothing(id))))).collect()
    }

    /// Returns the published state of the touched subjects after the record.
    pub(super) fn state_after(
        &self,
        touched: People,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
        record: &Record,
        rule_sets: &Arc<RuleSets>,
    ) -> StateAfter {
        let mut after = StateAfter::default();
        after.published.records_begin = rule_sets.records_begin();
        let mut reported = reported_of_people(record);
        for (id, mut file) in touched {
            if let Some(more) = reported.remove(&id) {
                self.specialist_cache.borrow_mut().remove(id);
                Arc::make_mut(&mut file).add(more);
            }
            let known = file.known_now();
            let employers = self.employers(known.jobs.iter().map(|job| &job.provider), replaced);
            for credential in &known.credentials {
                let timeline = Arc::new(Timeline::compile(known, credential, &employers, rule_sets));
                after.published.add_credential(&timeline, &employers);
                after.timelines.insert(credential.number, timeline);
            }
            after.people.insert(id, Arc::clone(known));
            after.files.push(file);
        }
        for (id, file) in replaced {
            after.published.add_provider(id, &file.state, &file.timeline);
        }
        after
    }

    /// Returns the published state of the same subjects before the record, from timelines that are resident, staged or
    /// read from the index.
    pub(super) fn state_before(
        &self,
        timelines: &BTreeMap<CredentialNumber, Arc<Timeline>>,
        files: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> Result<PublishedState, ReadError> {
        let mut published = PublishedState::default();
        published.records_begin = self.head.rule_sets.records_begin();
        for timeline in timelines.keys().map(|number| self.timeline(*number)).filter_map(Result::transpose) {
            let timeline = timeline?;
            published.add_credential(&timeline, &self.employers_of(&timeline, &HashMap::new()));
        }
        for file in files.keys().filter_map(|id| self.provider(id)) {
            published.add_provider(&file.id, &file.state, &file.timeline);
        }
        Ok(published)
    }

    pub(super) fn employers_of(
        &self,
        timeline: &Timeline,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> Employers {
        self.employers(timeline.jobs.iter().map(|(provider, _)| provider), replaced)
    }

    fn employers<'p>(
        &self,
        ids: impl Iterator<Item = &'p ProviderId>,
        replaced: &HashMap<ProviderId, Arc<ProviderFile>>,
    ) -> Employers {
        timeline::employers(ids, |id| replaced.get(id).cloned().or_else(|| self.provider(id)))
    }
}

/// The published state of the touched subjects, and the data it was computed from.
#[derive(Default)]
pub(super) struct StateAfter {
    pub(super) published: PublishedState,
    pub(super) files: Vec<Arc<SpecialistFile>>,
    pub(super) people: BTreeMap<SpecialistId, Arc<Specialist>>,
    pub(super) timelines: BTreeMap<CredentialNumber, Arc<Timeline>>,
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
