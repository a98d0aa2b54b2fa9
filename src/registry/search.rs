//! Searches: lists of what is on file, as known at a snapshot. They read the disk where the past is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::chronicle::Adopted;
use super::errors::ReadError;
use super::snapshot::Snapshot;
use crate::domain::day::Day;
use crate::domain::decide::{Grounds, may_amend, may_amend_providers};
use crate::domain::fact::{FacilityType, Fact, Identifier, ProviderRow, Recorded, Reporter, Role, SpecialistFact};
use crate::domain::history::{Filed, retracted_by};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::law::Law;
use crate::domain::provider::ProviderFile;
use crate::domain::specialist::{Job, Specialist, SpecialistFile};
use crate::domain::standing::Standing;
use crate::domain::timeline::Timeline;
use crate::store::index::View as _;

/// Which credentials are looked for. What is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// The day of the standing and the job; unset: today.
    pub as_of: Option<Day>,
    /// How the credential stands.
    pub standing: Option<Standing>,
    /// A provider with which the holder has a job on the day.
    pub provider: Option<ProviderId>,
    /// The holder.
    pub specialist: Option<SpecialistId>,
    /// A given name that the holder holds or held, folded.
    pub given_name: Option<String>,
    /// A family name, folded; within one name with the given one.
    pub family_name: Option<String>,
    /// The holder's birth date.
    pub birth_date: Option<Day>,
}

impl CredentialFilter {
    fn bears(&self, given_name: &str, family_name: &str) -> bool {
        self.given_name.as_ref().is_none_or(|given| given == given_name)
            && self.family_name.as_ref().is_none_or(|family| family == family_name)
    }
}

/// Which providers are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFilter {
    /// The kind of facility.
    pub facility_type: Option<FacilityType>,
    /// The county, in lower case.
    pub county: Option<String>,
    /// A number in another registry.
    pub identifier: Option<Identifier>,
}

impl ProviderFilter {
    fn lets_through(&self, row: &ProviderRow) -> bool {
        self.facility_type.is_none_or(|asked| row.facility_type == asked)
            && self.county.as_ref().is_none_or(|county| row.county.to_lowercase() == *county)
            && self.identifier.as_ref().is_none_or(|asked| row.identifiers.contains(asked))
    }
}

/// Which jobs are looked for.
#[derive(Clone, Debug, Default)]
pub struct EmploymentFilter {
    /// With whom.
    pub provider: Option<ProviderId>,
    /// The holder of a credential.
    pub credential: Option<CredentialNumber>,
    /// The person.
    pub specialist: Option<SpecialistId>,
    /// A day that the job includes.
    pub as_of: Option<Day>,
    /// Of this provider's own staff alone, as known at the head.
    pub own_staff_of: Option<ProviderId>,
}

/// Whose facts are looked for.
#[derive(Clone, Debug)]
pub enum FactsOf {
    /// Of a credential, and of its holder.
    Credential(CredentialNumber),
    /// Of a person.
    Specialist(SpecialistId),
    /// Of a provider.
    Provider(ProviderId),
    /// Of a job.
    Employment(EmploymentId),
}

/// A fact with what is on file around it.
#[derive(Clone, Debug)]
pub struct FiledFact {
    /// The fact.
    pub recorded: Recorded<Fact>,
    /// The retraction in force, if it is retracted.
    pub retracted_by: Option<FactId>,
    /// Of a job's end or correction: the fact that started the job, and the employer.
    pub job: Option<(FactId, ProviderId)>,
}

/// A row of the program's statistics (the table of source 000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FacilityCount {
    /// Providers on file.
    pub providers: u32,
    /// Those with at least one specialist who may practice there.
    pub with_specialist: u32,
}

/// What an application is judged by, at a snapshot.
#[derive(Debug)]
pub struct SnapshotGrounds<'a> {
    snapshot: &'a Snapshot,
    law: &'a Law,
}

impl Grounds for SnapshotGrounds<'_> {
    fn law(&self) -> &Law {
        self.law
    }

    fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        self.snapshot.provider(id.as_str())
    }
}

impl Snapshot {
    /// What an application is judged by; none in the empty registry.
    pub fn grounds(&self) -> Option<SnapshotGrounds<'_>> {
        Some(SnapshotGrounds { snapshot: self, law: self.law()? })
    }

    /// The rule sets known, in the order of adoption.
    pub fn adopted_rules(&self) -> Vec<Adopted> {
        self.shared.head.load().chronicle.adopted(self.revision).cloned().collect()
    }

    /// Every credential's timeline, in the order of their numbers.
    fn timelines(&self) -> Result<Vec<Arc<Timeline>>, ReadError> {
        let residents = &self.shared.residents;
        let numbers = if residents.are_all_here() {
            residents.numbers()
        } else {
            self.shared.index.credentials()?.into_iter().map(|(number, _)| number).collect()
        };
        let mut timelines = Vec::with_capacity(numbers.len());
        for number in numbers {
            timelines.extend(self.read_timeline(number)?);
        }
        Ok(timelines)
    }

    /// The credentials that a filter lets through, in the order of their numbers.
    pub fn credentials(&self, filter: &CredentialFilter, as_of: Day) -> Result<Vec<Arc<Timeline>>, ReadError> {
        let mut found = self.timelines()?;
        found.retain(|timeline| {
            filter.specialist.is_none_or(|specialist| timeline.specialist == specialist)
                && filter.standing.is_none_or(|standing| timeline.days.at(as_of).standing == standing)
                && filter.provider.as_ref().is_none_or(|provider| timeline.has_job_with(provider.as_str(), as_of))
                && timeline.names.folded().any(|(given, family)| filter.bears(given, family))
        });
        if let Some(birth_date) = filter.birth_date {
            let mut born_then = Vec::new();
            for timeline in found {
                let file = self.file(timeline.specialist)?;
                if file.is_some_and(|file| file.known_now().birth_date == Some(birth_date)) {
                    born_then.push(timeline);
                }
            }
            found = born_then;
        }
        Ok(found)
    }

    /// The jobs that a filter lets through, each with whose it is.
    pub fn employments(&self, filter: &EmploymentFilter) -> Result<Vec<(Specialist, Job)>, ReadError> {
        let ids: Vec<SpecialistId> = if let Some(specialist) = filter.specialist {
            vec![specialist]
        } else if let Some(credential) = filter.credential {
            self.shared.index.specialist_of_credential(credential)?.into_iter().collect()
        } else {
            filter.provider.as_ref().map(|provider| self.shared.index.staff(provider)).transpose()?.unwrap_or_default()
        };
        let mut found = Vec::new();
        for id in ids {
            if let Some(own) = &filter.own_staff_of
                && !self.has_on_staff(own, id)?
            {
                continue;
            }
            let Some(known) = self.file(id)?.map(|file| file.known_now()) else { continue };
            if filter.credential.is_some_and(|number| known.credential(number).is_none()) {
                continue;
            }
            let matches = |job: &&Job| {
                filter.provider.as_ref().is_none_or(|provider| job.provider == *provider)
                    && filter.as_of.is_none_or(|day| job.days.includes(day))
            };
            found.extend(known.jobs.iter().filter(matches).map(|job| (known.clone(), job.clone())));
        }
        Ok(found)
    }

    /// The providers on file that a filter lets through, in the order of their ids.
    pub fn providers_matching(&self, filter: &ProviderFilter) -> Vec<Arc<ProviderFile>> {
        let mut found = self.providers();
        found.retain(|file| file.state.row.as_ref().is_some_and(|row| filter.lets_through(row)));
        found
    }

    /// Per facility type: providers, and those with at least one specialist who may practice there on the day.
    pub fn program_statistics(&self, day: Day) -> Result<Vec<(FacilityType, FacilityCount)>, ReadError> {
        let files = self.providers();
        let by_id: BTreeMap<&str, &Arc<ProviderFile>> = files.iter().map(|file| (file.id.as_str(), file)).collect();
        let mut served: BTreeSet<&str> = BTreeSet::new();
        for timeline in self.timelines()? {
            if !timeline.days.at(day).standing.allows_practice() {
                continue;
            }
            for (provider, _) in timeline.jobs.iter().filter(|(_, days)| days.includes(day)) {
                if let Some((id, file)) = by_id.get_key_value(provider.as_str()) {
                    let on = file.timeline.days.at(day);
                    if on.qualifies && !on.suspended {
                        served.insert(*id);
                    }
                }
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

    /// The request that each of some records answers.
    pub fn request_ids(&self, revisions: &BTreeSet<Revision>) -> Result<BTreeMap<Revision, Uuid>, ReadError> {
        let mut ids = BTreeMap::new();
        for revision in revisions {
            let request = self.shared.record(*revision)?.and_then(|record| record.request);
            ids.extend(request.map(|request| (*revision, request.request_id)));
        }
        Ok(ids)
    }

    /// The facts on file under a subject: all of them, or those that a caller may amend. None where the subject is not on
    /// file, or nothing of it is the caller's.
    pub fn facts(&self, of: &FactsOf, only: Option<&Reporter>) -> Result<Option<Vec<FiledFact>>, ReadError> {
        if let Some(caller) = only
            && !self.may_amend_some(caller, of)?
        {
            return Ok(None);
        }
        let of_person = |file: &SpecialistFile, is_about: &dyn Fn(&SpecialistFact) -> bool| {
            let mut facts = facts_of_person(file, is_about);
            facts.retain(|filed| only.is_none_or(|caller| may_amend(&caller.role, file, filed.recorded.id)));
            facts
        };
        let facts = match of {
            FactsOf::Provider(id) => match self.provider(id.as_str()) {
                None => return Ok(None),
                Some(file) => filed(&file.facts, |fact| Fact::Provider(id.clone(), fact), |_| None),
            },
            FactsOf::Specialist(id) => match self.file(*id)? {
                None => return Ok(None),
                Some(file) => of_person(&file, &|_| true),
            },
            FactsOf::Credential(number) => {
                let id = self.shared.index.specialist_of_credential(*number)?;
                match id.map(|id| self.file(id)).transpose()?.flatten() {
                    Some(file) if file.known_now().credential(*number).is_some() => {
                        of_person(&file, &|fact| is_about_credential(fact, *number))
                    }
                    _ => return Ok(None),
                }
            }
            FactsOf::Employment(employment) => {
                let id = self.shared.index.specialist_of_employment(*employment)?;
                match id.map(|id| self.file(id)).transpose()?.flatten() {
                    None => return Ok(None),
                    Some(file) => of_person(&file, &|fact| employment_of(fact) == Some(*employment)),
                }
            }
        };
        Ok((!facts.is_empty()).then_some(facts))
    }

    /// Whether anything under a subject can be a caller's to amend: known without reading the subject's file.
    fn may_amend_some(&self, caller: &Reporter, of: &FactsOf) -> Result<bool, ReadError> {
        let index = &self.shared.index;
        let person = match of {
            FactsOf::Provider(_) => return Ok(may_amend_providers(&caller.role)),
            FactsOf::Specialist(id) => Some(*id),
            FactsOf::Credential(number) => index.specialist_of_credential(*number)?,
            FactsOf::Employment(employment) => index.specialist_of_employment(*employment)?,
        };
        match (&caller.role, person) {
            (Role::Provider(own), Some(id)) => Ok(index.was_staff(own, id)?),
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

/// The facts of a person that are about something, with what amends them.
fn facts_of_person(file: &SpecialistFile, is_about: &dyn Fn(&SpecialistFact) -> bool) -> Vec<FiledFact> {
    let mut chosen: BTreeSet<FactId> = BTreeSet::new();
    for recorded in &file.facts {
        let target = recorded.fact.retracts().or(recorded.fact.ends_period().map(|(target, _)| target));
        if is_about(&recorded.fact) || target.is_some_and(|target| chosen.contains(&target)) {
            chosen.insert(recorded.id);
        }
    }
    let started = |job| file.start_of(job).map(|(fact, employer)| (fact, employer.clone()));
    let job = |fact: &SpecialistFact| employment_of(fact).and_then(started);
    let mut facts = filed(&file.facts, |fact| Fact::Specialist(file.id, fact), job);
    facts.retain(|filed| chosen.contains(&filed.recorded.id));
    facts
}

fn is_about_credential(fact: &SpecialistFact, asked: CredentialNumber) -> bool {
    match fact {
        SpecialistFact::CredentialIssued(issuance) => issuance.number == asked,
        SpecialistFact::CredentialRenewed { number, .. }
        | SpecialistFact::PeriodOpened { number, .. }
        | SpecialistFact::Acted { number, .. } => *number == asked,
        _ => false,
    }
}

fn employment_of(fact: &SpecialistFact) -> Option<EmploymentId> {
    match fact {
        SpecialistFact::EmploymentStarted { employment, .. }
        | SpecialistFact::EmploymentEnded { employment, .. }
        | SpecialistFact::EmploymentCorrected { employment, .. } => Some(*employment),
        _ => None,
    }
}
