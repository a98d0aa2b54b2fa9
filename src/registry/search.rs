//! Searches: lists of what is on file, as known at a snapshot. Searches of the past read the disk.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::errors::ReadError;
use super::list::{Found, Window};
use super::registry_history::Adopted;
use super::snapshot::Snapshot;
use crate::domain::day::Day;
use crate::domain::decide::{Grounds, may_amend, may_amend_providers};
use crate::domain::fact::{FacilityType, Fact, Recorded, Reporter, Role, SpecialistFact};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::retraction::{Filed, retracted_by};
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::About;
use crate::domain::specialist_file::SpecialistFile;
use crate::store::index::View as _;

/// The subject whose facts are searched.
#[derive(Clone, Debug)]
pub enum FactsOf {
    /// A credential.
    Credential(CredentialNumber),
    /// A person.
    Specialist(SpecialistId),
    /// A provider.
    Provider(ProviderId),
    /// A job.
    Employment(EmploymentId),
}

/// A fact with related facts.
#[derive(Clone, Debug)]
pub struct FiledFact {
    /// The fact.
    pub recorded: Recorded<Fact>,
    /// The retraction in force, if the fact is retracted.
    pub retracted_by: Option<FactId>,
    /// For a job's end or correction: the fact that started the job, and the employer.
    pub job: Option<(FactId, ProviderId)>,
}

/// A row of the program's statistics (the table of source 000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FacilityCount {
    /// The number of providers on file.
    pub providers: u32,
    /// The number of those with at least one specialist who may practice there.
    pub with_specialist: u32,
}

/// The grounds on which an application is decided, as known at a snapshot.
#[derive(Debug)]
pub struct SnapshotGrounds<'a> {
    snapshot: &'a Snapshot,
    rule_sets: &'a RuleSets,
}

impl Grounds for SnapshotGrounds<'_> {
    fn rule_sets(&self) -> &RuleSets {
        self.rule_sets
    }

    fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        self.snapshot.provider(id.as_str())
    }
}

impl Snapshot {
    /// Returns the grounds on which an application is decided; `None` for the empty registry.
    pub fn grounds(&self) -> Option<SnapshotGrounds<'_>> {
        Some(SnapshotGrounds { snapshot: self, rule_sets: self.rule_sets()? })
    }

    /// Returns the known rule sets, in the order of adoption.
    pub fn adopted_rules(&self) -> Vec<Adopted> {
        self.shared.head.load().history.adopted(self.revision).cloned().collect()
    }

    /// Returns, per facility type, the number of providers, and of those with at least one specialist who may practice
    /// there on the day.
    pub fn program_statistics(&self, day: Day) -> Result<Vec<(FacilityType, FacilityCount)>, ReadError> {
        let files = self.providers();
        let takes_part = |file: &&Arc<ProviderFile>| {
            let on = file.timeline.days.at(day);
            file.state.row.is_some() && on.qualifies && !on.suspended
        };
        let mut unserved: HashSet<&str> = files.iter().filter(takes_part).map(|file| file.id.as_str()).collect();
        let mut served: HashSet<&str> = HashSet::new();
        for number in self.shared.credential_numbers()? {
            if unserved.is_empty() {
                break;
            }
            let Some(timeline) = self.read_timeline(number)? else { continue };
            if timeline.days.at(day).standing.allows_practice() {
                let here = timeline.jobs.iter().filter(|(_, days)| days.includes(day));
                served.extend(here.filter_map(|(provider, _)| unserved.take(provider.as_str())));
            }
        }
        let mut counts: BTreeMap<FacilityType, FacilityCount> =
            FacilityType::ALL.iter().map(|kind| (*kind, FacilityCount::default())).collect();
        for file in &files {
            if let Some(count) = file.state.row.as_ref().and_then(|row| counts.get_mut(&row.facility_type)) {
                count.providers += 1;
                count.with_specialist += u32::from(served.contains(file.id.as_str()));
            }
        }
        Ok(counts.into_iter().collect())
    }

    /// Returns the request id of each of some records, if it has one.
    pub fn request_ids(&self, revisions: &BTreeSet<Revision>) -> Result<BTreeMap<Revision, Uuid>, ReadError> {
        let mut ids = BTreeMap::new();
        for revision in revisions {
            let request = self.shared.record(*revision)?.and_then(|record| record.request);
            ids.extend(request.map(|request| (*revision, request.request_id)));
        }
        Ok(ids)
    }

    /// Returns the facts about a subject in the order in which they were recorded: all of them, or with `only`, those
    /// that the caller may amend. Returns `None` if the subject is not on file or the caller may amend nothing of it.
    pub fn facts(
        &self,
        of: &FactsOf,
        only: Option<&Reporter>,
        window: &Window<FactId>,
    ) -> Result<Option<Found<FactId, FiledFact>>, ReadError> {
        if let Some(caller) = only
            && !self.may_amend_some(caller, of)?
        {
            return Ok(None);
        }
        let of_person = |file: &SpecialistFile, is_about: &dyn Fn(About) -> bool| {
            let mut facts = facts_of_person(file, is_about);
            facts.retain(|filed| only.is_none_or(|caller| may_amend(&caller.role, file, filed.recorded.id)));
            facts
        };
        let facts = match of {
            FactsOf::Provider(id) => match self.provider(id.as_str()) {
                None => return Ok(None),
                Some(file) => filed(&file.facts, |fact| Fact::Provider(id.clone(), fact), |_| None),
            },
            FactsOf::Specialist(id) => match self.file_of(of)? {
                None => return Ok(None),
                Some(file) => self.with_redactions(of_person(&file, &|_| true), *id, only)?,
            },
            FactsOf::Credential(number) => match self.file_of(of)? {
                Some(file) if file.known_now().credential(*number).is_some() => {
                    let facts = of_person(&file, &|about| about == About::Credential(*number));
                    self.with_redactions(facts, file.id, only)?
                }
                _ => return Ok(None),
            },
            FactsOf::Employment(employment) => match self.file_of(of)? {
                None => return Ok(None),
                Some(file) => of_person(&file, &|about| about == About::Job(*employment)),
            },
        };
        if facts.is_empty() {
            return Ok(None);
        }
        let examined = facts.len();
        let mut entries: Vec<(FactId, FiledFact)> = facts
            .into_iter()
            .map(|filed| (filed.recorded.id, filed))
            .filter(|(id, _)| Some(*id) > window.after)
            .collect();
        let is_more = entries.len() > window.size;
        entries.truncate(window.size);
        let next = entries.last().map(|(id, _)| *id).filter(|_| is_more);
        Ok(Some(Found { entries, next, examined }))
    }

    /// Adds the redactions of a person to its facts, unless only those are asked for that the caller may amend.
    fn with_redactions(
        &self,
        mut facts: Vec<FiledFact>,
        person: SpecialistId,
        only: Option<&Reporter>,
    ) -> Result<Vec<FiledFact>, ReadError> {
        if only.is_some() {
            return Ok(facts);
        }
        let history = Arc::clone(&self.shared.head.load().history);
        for revision in history.redactions_of(person, self.revision) {
            for recorded in self.shared.index.registry_facts_of(revision)? {
                let recorded = recorded.with(Fact::Registry(recorded.fact.clone()));
                facts.push(FiledFact { recorded, retracted_by: None, job: None });
            }
        }
        facts.sort_by_key(|filed| filed.recorded.id);
        Ok(facts)
    }

    /// Returns the person that a subject is or is about; `None` for a provider, and if the subject is not on file.
    fn person_of(&self, of: &FactsOf) -> Result<Option<SpecialistId>, ReadError> {
        let index = &self.shared.index;
        Ok(match of {
            FactsOf::Provider(_) => None,
            FactsOf::Specialist(id) => Some(*id),
            FactsOf::Credential(number) => index.specialist_of_credential(*number)?,
            FactsOf::Employment(employment) => index.specialist_of_employment(*employment)?,
        })
    }

    /// Returns the file of the person that a subject is or is about.
    pub fn file_of(&self, of: &FactsOf) -> Result<Option<SpecialistFile>, ReadError> {
        Ok(self.person_of(of)?.map(|id| self.file(id)).transpose()?.flatten())
    }

    /// Returns the credential of the person that a subject is or is about.
    pub fn credential_of(&self, of: &FactsOf) -> Result<Option<CredentialNumber>, ReadError> {
        if let FactsOf::Credential(number) = of {
            return Ok(Some(*number));
        }
        let file = self.file_of(of)?;
        Ok(file.and_then(|file| file.known_now().the_credential().map(|credential| credential.number)))
    }

    /// True if the caller could amend anything about the subject. Does not read the subject's file.
    fn may_amend_some(&self, caller: &Reporter, of: &FactsOf) -> Result<bool, ReadError> {
        if let FactsOf::Provider(_) = of {
            return Ok(may_amend_providers(&caller.role));
        }
        match (&caller.role, self.person_of(of)?) {
            (Role::Provider(own), Some(id)) => Ok(self.shared.index.was_staff(own, id)?),
            (role, _) => Ok(role.is_registrar()),
        }
    }
}

fn filed<F: Filed + Clone>(
    facts: &[Recorded<F>],
    whole: impl Fn(F) -> Fact,
    job: impl Fn(&F) -> Option<(FactId, ProviderId)>,
) -> Vec<FiledFact> {
    let retracted_by = retracted_by(facts, Revision::LATEST);
    let facts = facts.iter();
    facts
        .map(|recorded| FiledFact {
            recorded: recorded.with(whole(recorded.fact.clone())),
            retracted_by: retracted_by.get(&recorded.id).copied(),
            job: job(&recorded.fact),
        })
        .collect()
}

/// Returns the facts of a person that are about something, with the facts that amend them.
fn facts_of_person(file: &SpecialistFile, is_about: &dyn Fn(About) -> bool) -> Vec<FiledFact> {
    let mut chosen: BTreeSet<FactId> = BTreeSet::new();
    for recorded in file.facts() {
        let about = recorded.fact.about();
        if is_about(about) || matches!(about, About::Fact(target) if chosen.contains(&target)) {
            chosen.insert(recorded.id);
        }
    }
    let job = |fact: &SpecialistFact| match fact.about() {
        About::Job(job) => file.start_of(job).map(|(started, employer)| (started, employer.clone())),
        About::Person | About::Credential(_) | About::Fact(_) => None,
    };
    let mut facts = filed(file.facts(), |fact| Fact::Specialist(file.id, fact), job);
    facts.retain(|filed| chosen.contains(&filed.recorded.id));
    facts
}
