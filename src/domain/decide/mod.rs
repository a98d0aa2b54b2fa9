//! What the registry accepts and what it rejects: section 8 of the specification.
//!
//! [`decide`] takes a command, the file that it is judged by and a [`DecisionContext`]. It returns the facts to record,
//! or the first refusal that applies. It changes nothing itself.

mod amend;
mod credential;
mod employment;
mod issue;
mod prior_number;
mod provider;
mod rejection;
mod retract;
mod specialist;

use std::sync::Arc;

use smallvec::SmallVec;

pub use self::amend::{may_amend, may_amend_providers};
pub use self::employment::birth_date_required;
pub use self::issue::evaluate_application;
pub use self::rejection::{Faults, Refusal, Rejection, Violation};
use super::command::Command;
use super::day::Day;
use super::fact::{Fact, Identifier, Recorded, RegistryFact, Reporter, SpecialistFact};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use super::prior_number::PriorNumber;
use super::provider::ProviderFile;
use super::rule_sets::RuleSets;
use super::specialist::{Credential, Job, Specialist};
use super::specialist_file::SpecialistFile;
use super::timeline::{self, Employers};

/// The state that an application is judged by.
pub trait Grounds {
    /// The rule sets as known at the head.
    fn rule_sets(&self) -> &RuleSets;
    /// A provider's file.
    fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>>;
}

/// The state that a command is judged by, in addition to the file.
pub trait DecisionContext: Grounds {
    /// Today.
    fn today(&self) -> Day;
    /// The revision that the new facts would have.
    fn next_revision(&self) -> Revision;
    /// The caller.
    fn reporter(&self) -> &Reporter;
    /// The provider that has an identifier.
    fn owner_of(&self, identifier: &Identifier) -> Option<ProviderId>;
    /// The credential that is not void and bears a prior number.
    fn bearer_of(&mut self, prior: &PriorNumber) -> Option<CredentialNumber>;
    /// Returns an unused credential number.
    fn mint_credential(&mut self) -> CredentialNumber;
    /// Returns an unused specialist id.
    fn mint_specialist(&mut self) -> SpecialistId;
    /// Returns an unused employment id.
    fn mint_employment(&mut self) -> EmploymentId;
    /// Returns several unused employment ids: those that one call after another would return.
    fn mint_employments(&mut self, count: usize) -> Vec<EmploymentId> {
        (0..count).map(|_| self.mint_employment()).collect()
    }
    /// Returns an unused provider id.
    fn mint_provider(&mut self) -> ProviderId;
}

/// The file that a command is judged by, selected by the target of the command.
#[derive(Debug)]
pub enum File {
    /// Nothing is on file for the target.
    None,
    /// The file of the registry itself.
    Registry,
    /// A provider's file, and whether any job that is not retracted refers to the provider.
    Provider(Arc<ProviderFile>, bool),
    /// A person's file.
    Specialist(Arc<SpecialistFile>),
    /// Everyone who has or had a job with a provider.
    Staff(Staff),
}

/// The people who have or had a job with a provider, by id.
pub type Staff = Vec<StaffMember>;

/// A person who has or had a job with a provider.
#[derive(Debug)]
pub struct StaffMember {
    id: SpecialistId,
    file: Arc<SpecialistFile>,
    /// The jobs with the provider that are not retracted. They are read together with the file, which is not near it in
    /// memory when the command is decided.
    jobs: SmallVec<[Job; 1]>,
}

impl StaffMember {
    /// The person, with the jobs with a provider. `None` if there are none.
    pub fn of(file: Arc<SpecialistFile>, provider: &ProviderId) -> Option<StaffMember> {
        let jobs: SmallVec<[Job; 1]> = file.known_now().jobs_with(provider).cloned().collect();
        (!jobs.is_empty()).then(|| StaffMember { id: file.id, file, jobs })
    }

    /// The person's file.
    pub fn into_file(self) -> Arc<SpecialistFile> {
        self.file
    }
}

/// Returns the facts to record, or the first refusal that applies.
pub fn decide(command: &Command, file: &File, context: &mut dyn DecisionContext) -> Result<Vec<Fact>, Rejection> {
    match command {
        Command::RegisterProvider { id, row } => provider::register(id.as_ref(), row, file, context),
        Command::UpdateProvider { id, row } => provider::update(id, row, context),
        Command::OpenProviderPeriod { provider, kind, days, valid_through } => {
            provider::open_period(provider, *kind, *days, *valid_through, context)
        }
        Command::RegisterSpecialist { name, birth_date } => specialist::register(name, *birth_date, context),
        Command::ChangeSpecialistName { specialist, name } => specialist::rename(person(file, *specialist)?, name),
        Command::RecordDeath { specialist, death_date } => {
            specialist::record_death(person(file, *specialist)?, *death_date, context)
        }
        Command::IssueCredential(issue) => issue::issue(issue, person(file, issue.specialist)?, context),
        Command::TransferCredential(transfer) => issue::transfer(transfer, person(file, transfer.specialist)?, context),
        Command::RenewCredential { credential, effective_from, term_last_day, continuing_education_hours } => {
            let renewal = credential::Renewal {
                effective_from: *effective_from,
                term_last_day: *term_last_day,
                continuing_education_hours: *continuing_education_hours,
            };
            credential::renew(&holder(file, *credential)?, &renewal, context)
        }
        Command::OpenCredentialPeriod { credential, kind, days } => {
            credential::open_period(&holder(file, *credential)?, kind, *days, context)
        }
        Command::Act { credential, act, effective_from } => {
            credential::act(&holder(file, *credential)?, *act, *effective_from, context)
        }
        Command::SetPriorNumber { credential, prior } => prior_number::set(&holder(file, *credential)?, prior, context),
        Command::StartEmployment { who, birth_date, provider, position, supervised, days } => {
            let job = employment::NewJob { provider, position, supervised: *supervised, days: *days };
            employment::start(who, *birth_date, &job, file, context)
        }
        Command::EndEmployment { job, last_day, reason } => employment::end(*job, *last_day, *reason, file, context),
        Command::CorrectEmployment { employment, days } => employment::correct(*employment, *days, file, context),
        Command::TransferEmployments { from, to, last_day } => employment::transfer(from, to, *last_day, file, context),
        Command::EndPeriod { fact, last_day, reason } => retract::end_period(*fact, *last_day, reason, file, context),
        Command::RetractFact { fact, reason } => retract::retract(*fact, reason, file, context),
        Command::BeginRecords { first_day } => {
            Ok(vec![Fact::Registry(RegistryFact::RecordsBegin { first_day: *first_day })])
        }
    }
}

/// The credential in a command, with its holder.
struct Holder<'a> {
    file: &'a SpecialistFile,
    known: &'a Specialist,
    number: CredentialNumber,
}

impl<'a> Holder<'a> {
    /// The holder of a credential that is not void.
    fn of(file: &'a SpecialistFile, number: CredentialNumber) -> Result<Holder<'a>, Rejection> {
        let holder = Holder { file, known: file.known_now(), number };
        if holder.credential()?.void {
            let description = "the issuance of this credential was retracted";
            return Err(Rejection::refused(Refusal::CredentialVoid, number, description));
        }
        Ok(holder)
    }

    fn credential(&self) -> Result<&Credential, Rejection> {
        self.known.credential(self.number).ok_or_else(|| Rejection::not_found("credential", self.number))
    }
}

/// The holder of the credential in a command.
fn holder(file: &File, number: CredentialNumber) -> Result<Holder<'_>, Rejection> {
    match file {
        File::Specialist(file) => Holder::of(file, number),
        _ => Err(Rejection::not_found("credential", number)),
    }
}

/// The file of a person who is registered.
fn person(file: &File, id: SpecialistId) -> Result<&SpecialistFile, Rejection> {
    match file {
        File::Specialist(file) if file.known_now().is_on_file() => Ok(file),
        _ => Err(Rejection::not_found("specialist", id)),
    }
}

/// The file of a provider that is registered.
fn provider_on_file(id: &ProviderId, grounds: &dyn Grounds) -> Result<Arc<ProviderFile>, Rejection> {
    grounds.provider(id).filter(|file| file.state.row.is_some()).ok_or_else(|| Rejection::not_found("provider", id))
}

/// A fact as the next one to be recorded. What follows from it does not depend on when that is.
fn next<F>(fact: F, context: &dyn DecisionContext) -> Recorded<F> {
    Recorded {
        id: FactId { revision: context.next_revision(), index: 0 },
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
        reporter: context.reporter().clone(),
        imported: false,
        note: String::new(),
        fact,
    }
}

/// The person with an additional fact.
fn with_fact(file: &SpecialistFile, fact: &SpecialistFact, context: &dyn DecisionContext) -> Specialist {
    file.known_with(&[next(fact.clone(), context)])
}

/// The compiled providers of a person's jobs.
fn employers(specialist: &Specialist, grounds: &dyn Grounds) -> Employers {
    timeline::employers(specialist.jobs.iter().map(|job| &job.provider), |id| grounds.provider(id))
}
