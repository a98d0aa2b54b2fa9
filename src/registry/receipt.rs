//! Receipts: the answer to a command that was accepted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::errors::ReadError;
use super::snapshot::Snapshot;
use super::token::Token;
use crate::domain::day::Day;
use crate::domain::fact::{Fact, ProviderFact, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::record::{Change, Foreseen, Record};
use crate::domain::specialist::{Job, Specialist};
use crate::domain::timeline::Timeline;

/// The number of jobs that a receipt contains. The rest are only counted.
pub(super) const JOBS_KEPT: usize = Foreseen::KEPT;

/// The answer to an accepted command. A repeated request gets the same receipt.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The record's revision; for a command that was only validated, the head.
    pub revision: Revision,
    /// The record's token; `None` before the record is durable, and for a command that was only validated.
    pub token: Option<Token>,
    /// The ids of the facts; empty for a command that was only validated.
    pub fact_ids: Vec<FactId>,
    /// Today, when the command was accepted.
    pub today: Day,
    /// The differences for days up to today.
    pub changes: Vec<Change>,
    /// The foreseen differences for days after today.
    pub foreseen: Foreseen,
    /// The number of people in either list.
    pub specialist_count: u32,
    /// The resource that the command was about.
    pub resource: Resource,
    /// The number of jobs that the command was about.
    pub employment_count: u32,
    /// The ids in the receipt that are not assigned, in text form: those that a command that was only validated would
    /// have created.
    pub unassigned: BTreeSet<String>,
}

/// The resource that a command was about, as the command left it.
#[derive(Clone, Debug)]
pub enum Resource {
    /// A person.
    Specialist(Arc<Specialist>),
    /// A credential.
    Credential(Arc<Timeline>),
    /// A provider.
    Provider(Arc<ProviderFile>),
    /// Jobs: the first of them, at most `JOBS_KEPT`.
    Employments(Vec<ReportedJob>),
    /// A fact that ends a period or retracts another.
    Fact(Box<Recorded<Fact>>),
    /// The registry itself.
    Registry,
}

/// A job, and what is shown of its person. A receipt does not keep the person, so that the next command changes it
/// without a copy.
#[derive(Clone, Debug)]
pub struct ReportedJob {
    /// The job.
    pub job: Job,
    /// The person.
    pub specialist: SpecialistId,
    /// The person's credential.
    pub credential: Option<CredentialNumber>,
    /// The person's employers, each with the revision of the first job with it.
    pub employers: Vec<(ProviderId, Revision)>,
}

impl ReportedJob {
    fn of(employment: EmploymentId, known: &Specialist) -> Option<ReportedJob> {
        let mut employers: Vec<(ProviderId, Revision)> = Vec::new();
        for job in &known.jobs {
            if !employers.iter().any(|(employer, _)| *employer == job.provider) {
                employers.push((job.provider.clone(), job.fact.revision));
            }
        }
        Some(ReportedJob {
            job: known.job(employment)?.clone(),
            specialist: known.id,
            credential: known.the_credential().map(|credential| credential.number),
            employers,
        })
    }
}

/// The state after a record, for the subjects it touches.
#[derive(Debug)]
pub(super) struct Affected {
    pub(super) people: BTreeMap<SpecialistId, Arc<Specialist>>,
    pub(super) timelines: BTreeMap<CredentialNumber, Arc<Timeline>>,
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    pub(super) today: Day,
}

impl Receipt {
    /// Returns the receipt for a record.
    pub(super) fn new(record: &Record, affected: &Affected) -> Receipt {
        let resource = resource(record, affected);
        let is_about_jobs = matches!(resource, Resource::Employments(_));
        Receipt {
            employment_count: if is_about_jobs { count_of_jobs(record) } else { 0 },
            revision: record.revision,
            token: None,
            fact_ids: (0..record.facts.len()).map(|index| record.fact_id(index)).collect(),
            today: affected.today,
            changes: record.changes.clone(),
            foreseen: record.foreseen.clone(),
            specialist_count: record.specialist_count,
            resource,
            unassigned: BTreeSet::new(),
        }
    }

    /// Returns the receipt of a command that was only validated.
    pub(super) fn for_validation(self, head: Revision, unassigned: BTreeSet<String>) -> Receipt {
        Receipt { revision: head, fact_ids: Vec::new(), unassigned, ..self }
    }
}

fn resource(record: &Record, affected: &Affected) -> Resource {
    let Some(first) = record.recorded_facts().next() else { return Resource::Registry };
    match first.fact {
        Fact::Registry(_) => Resource::Registry,
        Fact::Provider(_, ProviderFact::PeriodEnded(_) | ProviderFact::Retracted(_)) => {
            Resource::Fact(Box::new(first.with(first.fact.clone())))
        }
        Fact::Provider(id, _) => {
            affected.providers.get(id).map_or(Resource::Registry, |file| Resource::Provider(Arc::clone(file)))
        }
        Fact::Specialist(id, fact) => specialist_resource(*id, fact, &first, record, affected),
    }
}

fn specialist_resource(
    id: SpecialistId,
    fact: &SpecialistFact,
    first: &Recorded<&Fact>,
    record: &Record,
    affected: &Affected,
) -> Resource {
    let credential = |number: &CredentialNumber| {
        affected.timelines.get(number).map_or(Resource::Registry, |timeline| Resource::Credential(Arc::clone(timeline)))
    };
    match fact {
        SpecialistFact::Registered { .. } | SpecialistFact::NameChanged { .. } | SpecialistFact::Died { .. } => {
            affected.people.get(&id).map_or(Resource::Registry, |known| Resource::Specialist(Arc::clone(known)))
        }
        SpecialistFact::CredentialIssued(issuance) => credential(&issuance.number),
        SpecialistFact::CredentialRenewed { number, .. }
        | SpecialistFact::PeriodOpened { number, .. }
        | SpecialistFact::Acted { number, .. }
        | SpecialistFact::PriorNumberSet { number, .. } => credential(number),
        SpecialistFact::EmploymentStarted { employment, .. }
        | SpecialistFact::EmploymentEnded { employment, .. }
        | SpecialistFact::EmploymentCorrected { employment, .. } => {
            let mut jobs: Vec<_> = started(record).take(JOBS_KEPT).collect();
            if jobs.is_empty() {
                jobs.push((id, *employment));
            }
            let reported = |(id, job)| ReportedJob::of(job, affected.people.get(&id)?);
            Resource::Employments(jobs.into_iter().filter_map(reported).collect())
        }
        SpecialistFact::PeriodEnded(_) | SpecialistFact::Retracted(_) => {
            Resource::Fact(Box::new(first.with(first.fact.clone())))
        }
    }
}

/// Returns the jobs that a record starts.
fn started(record: &Record) -> impl Iterator<Item = (SpecialistId, EmploymentId)> {
    record.facts.iter().filter_map(|fact| match fact {
        Fact::Specialist(id, fact) => fact.starts_job().map(|(job, _)| (*id, job)),
        Fact::Registry(_) | Fact::Provider(..) => None,
    })
}

/// Returns the number of jobs that a record is about: those that it starts, or the one that it ends or corrects.
fn count_of_jobs(record: &Record) -> u32 {
    u32::try_from(started(record).count().max(1)).unwrap_or(u32::MAX)
}

impl Snapshot {
    /// Rebuilds the receipt of a record, from a snapshot of the record's own revision. Reads the disk.
    pub(super) fn receipt_of(&self, record: &Record) -> Result<Receipt, ReadError> {
        let mut affected = Affected {
            people: BTreeMap::new(),
            timelines: BTreeMap::new(),
            providers: HashMap::new(),
            today: self.today.unwrap_or(Day::BEGINNING),
        };
        for fact in &record.facts {
            match fact {
                Fact::Registry(_) => {}
                Fact::Provider(id, _) => {
                    affected.providers.extend(self.provider(id.as_str()).map(|file| (id.clone(), file)));
                }
                Fact::Specialist(id, _) => {
                    let Some(file) = self.file(*id)? else { continue };
                    let known = file.known_now();
                    let numbers = known.credentials.iter().map(|credential| credential.number);
                    let timelines = numbers.filter_map(|number| Some((number, self.compile_of(known, number)?)));
                    affected.timelines.extend(timelines);
                    affected.people.insert(*id, Arc::clone(known));
                }
            }
        }
        Ok(Receipt::new(record, &affected))
    }
}
