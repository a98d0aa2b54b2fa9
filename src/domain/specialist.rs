//! A specialist: from the facts of a file to a person with credentials and jobs.

use std::sync::Arc;

use super::day::{Day, Period};
use super::fact::{Act, CredentialPeriodKind, Issuance, IssuanceBasis, SpecialistFact};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use super::name::PersonName;
use super::prior_number::PriorNumber;
use super::retraction::{Amendment, Facts, Filed, in_force, last_days, retracted_by};

/// The subject of a fact within a person's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The person.
    Person,
    /// A credential.
    Credential(CredentialNumber),
    /// A job.
    Job(EmploymentId),
    /// Another fact.
    Fact(FactId),
}

impl SpecialistFact {
    /// The subject of the fact.
    pub fn about(&self) -> About {
        match self {
            SpecialistFact::Registered { .. } | SpecialistFact::NameChanged { .. } | SpecialistFact::Died { .. } => {
                About::Person
            }
            SpecialistFact::CredentialIssued(issuance) => About::Credential(issuance.number),
            SpecialistFact::CredentialRenewed { number, .. }
            | SpecialistFact::PeriodOpened { number, .. }
            | SpecialistFact::Acted { number, .. }
            | SpecialistFact::PriorNumberSet { number, .. } => About::Credential(*number),
            SpecialistFact::EmploymentStarted { employment, .. }
            | SpecialistFact::EmploymentEnded { employment, .. }
            | SpecialistFact::EmploymentCorrected { employment, .. } => About::Job(*employment),
            SpecialistFact::PeriodEnded(end) => About::Fact(end.target),
            SpecialistFact::Retracted(retraction) => About::Fact(retraction.target),
        }
    }

    /// The name that the fact reports.
    pub fn name(&self) -> Option<&PersonName> {
        match self {
            SpecialistFact::Registered { name, .. } | SpecialistFact::NameChanged { name } => Some(name),
            SpecialistFact::Died { .. }
            | SpecialistFact::CredentialIssued(_)
            | SpecialistFact::CredentialRenewed { .. }
            | SpecialistFact::PeriodOpened { .. }
            | SpecialistFact::Acted { .. }
            | SpecialistFact::PriorNumberSet { .. }
            | SpecialistFact::EmploymentStarted { .. }
            | SpecialistFact::EmploymentEnded { .. }
            | SpecialistFact::EmploymentCorrected { .. }
            | SpecialistFact::PeriodEnded(_)
            | SpecialistFact::Retracted(_) => None,
        }
    }

    /// If the fact starts a job: the job and the employer.
    pub fn starts_job(&self) -> Option<(EmploymentId, &ProviderId)> {
        match self {
            SpecialistFact::EmploymentStarted { employment, provider, .. } => Some((*employment, provider)),
            SpecialistFact::Registered { .. }
            | SpecialistFact::NameChanged { .. }
            | SpecialistFact::Died { .. }
            | SpecialistFact::CredentialIssued(_)
            | SpecialistFact::CredentialRenewed { .. }
            | SpecialistFact::PeriodOpened { .. }
            | SpecialistFact::Acted { .. }
            | SpecialistFact::PriorNumberSet { .. }
            | SpecialistFact::EmploymentEnded { .. }
            | SpecialistFact::EmploymentCorrected { .. }
            | SpecialistFact::PeriodEnded(_)
            | SpecialistFact::Retracted(_) => None,
        }
    }
}

/// The birth date of a person whose birth date was redacted: 1899-12-31, the day before the first that a report or a
/// question may name. So no question finds the person by it.
pub const REDACTED_BIRTH_DATE: Day = Day::from_number(-25_568);

/// A person as known at a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Specialist {
    /// The person's id.
    pub id: SpecialistId,
    /// All names, the current one last. Empty if the person is not on file.
    pub names: Vec<PersonName>,
    /// The birth date.
    pub birth_date: Option<Day>,
    /// The day of death.
    pub death_date: Option<Day>,
    /// Credentials in the order of issuance, including void ones.
    pub credentials: Vec<Credential>,
    /// Jobs in the order in which they were reported.
    pub jobs: Vec<Job>,
}

/// A credential as known at a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The credential number.
    pub number: CredentialNumber,
    /// The fact that issued it.
    pub fact: FactId,
    /// Whether the issuance is retracted.
    pub void: bool,
    /// The first day of the first term.
    pub effective_from: Day,
    /// The rule set that the credential was issued under.
    pub rule_set: String,
    /// Whether the credential was evaluated here or imported.
    pub basis: IssuanceBasis,
    /// The terms, starting with that of the issuance.
    pub terms: Vec<Period>,
    /// Acts with the first day of their effect.
    pub acts: Vec<(Day, Act)>,
    /// Designations, suspensions, limitations and inactive status.
    pub periods: Vec<(CredentialPeriodKind, Period)>,
    /// The numbers of earlier certificates, each once, in the order in which they were set.
    pub prior_numbers: Vec<PriorNumber>,
}

/// A job as known at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The id of the job.
    pub employment: EmploymentId,
    /// The fact that started it.
    pub fact: FactId,
    /// The employer.
    pub provider: ProviderId,
    /// The position.
    pub position: Arc<str>,
    /// Whether a mental health professional supervises the work.
    pub supervised: bool,
    /// The days of the job.
    pub days: Period,
    /// The first day as it was first reported.
    pub first_reported: Day,
}

impl Filed for SpecialistFact {
    fn amendment(&self) -> Option<Amendment> {
        match self {
            SpecialistFact::EmploymentEnded { .. } | SpecialistFact::EmploymentCorrected { .. } => {
                Some(Amendment::OfJob)
            }
            SpecialistFact::PeriodEnded(end) => Some(Amendment::PeriodEnd(end.target, end.last_day)),
            SpecialistFact::Retracted(retraction) => Some(Amendment::Retraction(retraction.target)),
            SpecialistFact::Registered { .. }
            | SpecialistFact::NameChanged { .. }
            | SpecialistFact::Died { .. }
            | SpecialistFact::CredentialIssued(_)
            | SpecialistFact::CredentialRenewed { .. }
            | SpecialistFact::PeriodOpened { .. }
            | SpecialistFact::Acted { .. }
            | SpecialistFact::PriorNumberSet { .. }
            | SpecialistFact::EmploymentStarted { .. } => None,
        }
    }
}

impl Specialist {
    /// The jobs with a provider that are not retracted.
    pub fn jobs_with(&self, provider: &ProviderId) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(move |job| job.provider == *provider)
    }

    /// The person according to the facts up to a revision.
    pub fn known_at<'a>(id: SpecialistId, facts: impl Facts<'a, SpecialistFact>, known_at: Revision) -> Specialist {
        let mut specialist = Specialist {
            id,
            names: Vec::new(),
            birth_date: None,
            death_date: None,
            credentials: issuances(facts.clone(), known_at),
            jobs: Vec::new(),
        };
        let ends = last_days(facts.clone(), known_at);
        for recorded in in_force(facts, known_at) {
            specialist.apply(recorded.id, &recorded.fact, ends.get(&recorded.id).copied());
        }
        if specialist.birth_date.is_none() {
            specialist.names.clear();
        }
        specialist
    }

    /// Adds a fact that was recorded after all others. Returns false, and changes nothing, if the fact may change what
    /// earlier ones say: then the person must be read from all facts.
    pub(super) fn append(&mut self, id: FactId, fact: &SpecialistFact) -> bool {
        match fact {
            _ if !self.is_on_file() => return false,
            SpecialistFact::CredentialIssued(_) | SpecialistFact::PeriodEnded(_) | SpecialistFact::Retracted(_) => {
                return false;
            }
            _ => self.apply(id, fact, None),
        }
        true
    }

    /// Applies a fact in force. `ended_on` is the last day of the period that it opened, if another fact sets it.
    fn apply(&mut self, id: FactId, fact: &SpecialistFact, ended_on: Option<Day>) {
        match fact {
            SpecialistFact::Registered { name, birth_date } => {
                self.names.push(name.clone());
                self.birth_date = Some(*birth_date);
            }
            SpecialistFact::NameChanged { name } => self.names.push(name.clone()),
            SpecialistFact::Died { death_date } => self.death_date = Some(*death_date),
            SpecialistFact::CredentialRenewed { number, term } => {
                self.on_credential(*number, |credential| credential.terms.push(*term));
            }
            SpecialistFact::PeriodOpened { number, kind, days } => {
                let days = ended_on.map_or(*days, |last_day| days.ending(Some(last_day)));
                self.on_credential(*number, |credential| credential.periods.push((kind.clone(), days)));
            }
            SpecialistFact::Acted { number, act, effective_from } => {
                self.on_credential(*number, |credential| credential.acts.push((*effective_from, *act)));
            }
            SpecialistFact::PriorNumberSet { number, prior } => {
                self.on_credential(*number, |credential| {
                    if !credential.prior_numbers.contains(prior) {
                        credential.prior_numbers.push(prior.clone());
                    }
                });
            }
            SpecialistFact::EmploymentStarted { employment, provider, position, supervised, days } => {
                // Of many jobs in a row these are the same, and kept once.
                let last = self.jobs.last();
                let same_provider = last.map(|job| &job.provider).filter(|last| *last == provider);
                let same_position = last.map(|job| &job.position).filter(|last| ***last == **position);
                self.jobs.push(Job {
                    employment: *employment,
                    fact: id,
                    provider: same_provider.unwrap_or(provider).clone(),
                    position: same_position.map_or_else(|| position.as_str().into(), Arc::clone),
                    supervised: *supervised,
                    days: *days,
                    first_reported: days.start,
                });
            }
            SpecialistFact::EmploymentEnded { employment, last_day, .. } => {
                self.on_job(*employment, |job| job.days = job.days.ending(Some(*last_day)));
            }
            SpecialistFact::EmploymentCorrected { employment, days } => {
                self.on_job(*employment, |job| job.days = *days);
            }
            SpecialistFact::CredentialIssued(_) | SpecialistFact::PeriodEnded(_) | SpecialistFact::Retracted(_) => {}
        }
    }

    fn on_credential(&mut self, number: CredentialNumber, change: impl FnOnce(&mut Credential)) {
        if let Some(credential) = self.credentials.iter_mut().find(|credential| credential.number == number) {
            change(credential);
        }
    }

    fn on_job(&mut self, employment: EmploymentId, change: impl FnOnce(&mut Job)) {
        // Most amendments are about one of the last jobs.
        if let Some(job) = self.jobs.iter_mut().rfind(|job| job.employment == employment) {
            change(job);
        }
    }

    /// Whether the person is on file.
    pub fn is_on_file(&self) -> bool {
        self.birth_date.is_some()
    }

    /// The credential with a given number.
    pub fn credential(&self, number: CredentialNumber) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.number == number)
    }

    /// The holder's credential: the one that is not void, or otherwise the last one issued.
    pub fn the_credential(&self) -> Option<&Credential> {
        self.credentials.iter().find(|credential| !credential.void).or(self.credentials.last())
    }

    /// The job with a given id.
    pub fn job(&self, employment: EmploymentId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.employment == employment)
    }

    /// Whether the person has or had a job with a provider that is not retracted.
    pub fn is_staff_of(&self, provider: &ProviderId) -> bool {
        self.jobs_with(provider).next().is_some()
    }
}

impl Credential {
    /// The term that ends last.
    pub fn last_term(&self) -> Period {
        let first = Period { start: self.effective_from, end: self.effective_from };
        self.terms.iter().copied().fold(first, |last, term| if term.end >= last.end { term } else { last })
    }
}

/// The known credentials, including those whose issuance was retracted.
fn issuances<'a>(facts: impl Facts<'a, SpecialistFact>, known_at: Revision) -> Vec<Credential> {
    let retracted = retracted_by(facts.clone(), known_at);
    let known = facts.into_iter().filter(|recorded| recorded.id.revision <= known_at);
    known
        .filter_map(|recorded| match &recorded.fact {
            SpecialistFact::CredentialIssued(issuance) => {
                Some(issued(issuance, recorded.id, retracted.contains_key(&recorded.id)))
            }
            _ => None,
        })
        .collect()
}

fn issued(issuance: &Issuance, fact: FactId, void: bool) -> Credential {
    Credential {
        number: issuance.number,
        fact,
        void,
        effective_from: issuance.term.start,
        rule_set: issuance.rule_set.clone(),
        basis: issuance.basis,
        terms: vec![issuance.term],
        acts: Vec::new(),
        periods: Vec::new(),
        prior_numbers: Vec::new(),
    }
}
