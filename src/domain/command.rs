//! Commands: requests to record something, in the imperative, already validated for form.

use super::day::{Day, Period};
use super::evaluation::Application;
use super::fact::{Act, CredentialPeriodKind, Designation, EmploymentEndReason, ProviderPeriodKind, ProviderRow};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, SpecialistId};
use super::name::PersonName;
use super::prior_number::PriorNumber;

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Register a provider.
    RegisterProvider {
        /// The id that the certifier proposes, if any.
        id: Option<ProviderId>,
        /// The provider's data.
        row: ProviderRow,
    },
    /// Replace a provider's data.
    UpdateProvider {
        /// The provider.
        id: ProviderId,
        /// The complete new data.
        row: ProviderRow,
    },
    /// Record a provider's certificate or suspension.
    OpenProviderPeriod {
        /// The provider.
        provider: ProviderId,
        /// The kind of period.
        kind: ProviderPeriodKind,
        /// The days of the period.
        days: Period,
        /// The expiry date on the certificate.
        valid_through: Option<Day>,
    },
    /// Register a person.
    RegisterSpecialist {
        /// The name.
        name: PersonName,
        /// The birth date.
        birth_date: Day,
    },
    /// Change a person's name.
    ChangeSpecialistName {
        /// The person.
        specialist: SpecialistId,
        /// The new name.
        name: PersonName,
    },
    /// Record a death.
    RecordDeath {
        /// The person.
        specialist: SpecialistId,
        /// The day of death.
        death_date: Day,
    },
    /// Issue a credential.
    IssueCredential(IssueCredential),
    /// Import a credential from an agency's earlier records.
    TransferCredential(TransferCredential),
    /// Renew a credential for another term.
    RenewCredential {
        /// The credential.
        credential: CredentialNumber,
        /// The first day of the new term. `None`: the day after the last term.
        effective_from: Option<Day>,
        /// The last day of the new term. `None`: computed by the rules.
        term_last_day: Option<Day>,
        /// Hours of continuing education over the term that is being renewed.
        continuing_education_hours: f64,
    },
    /// Grant a designation or inactive status, suspend or limit.
    OpenCredentialPeriod {
        /// The credential.
        credential: CredentialNumber,
        /// The kind of period.
        kind: CredentialPeriodKind,
        /// The days of the period.
        days: Period,
    },
    /// Revoke or reinstate a credential, or record that it was given up.
    Act {
        /// The credential.
        credential: CredentialNumber,
        /// The kind of act.
        act: Act,
        /// The first day of its effect.
        effective_from: Day,
    },
    /// Record the number of an earlier certificate of a credential.
    SetPriorNumber {
        /// The credential.
        credential: CredentialNumber,
        /// The number of the earlier certificate.
        prior: PriorNumber,
    },
    /// Report that a job began.
    StartEmployment {
        /// The employee.
        who: Who,
        /// The person's birth date. It must equal the one on record.
        birth_date: Option<Day>,
        /// The employer.
        provider: ProviderId,
        /// The position.
        position: String,
        /// Whether a mental health professional supervises the work.
        supervised: bool,
        /// The days of the job.
        days: Period,
    },
    /// Report that a job ended.
    EndEmployment {
        /// The job.
        job: WhichJob,
        /// The last day worked.
        last_day: Day,
        /// The reason.
        reason: EmploymentEndReason,
    },
    /// Correct both days of a job.
    CorrectEmployment {
        /// The job.
        employment: EmploymentId,
        /// The correct days.
        days: Period,
    },
    /// End all open jobs with one provider, and start them with another on the next day.
    TransferEmployments {
        /// The provider whose jobs end.
        from: ProviderId,
        /// The provider that the jobs move to.
        to: ProviderId,
        /// The last day with the first provider.
        last_day: Day,
    },
    /// Change the last day of a period.
    EndPeriod {
        /// The fact that opened the period.
        fact: FactId,
        /// The new last day.
        last_day: Day,
        /// The reason.
        reason: String,
    },
    /// Retract a fact, so that it counts as never reported.
    RetractFact {
        /// The fact.
        fact: FactId,
        /// The reason.
        reason: String,
    },
    /// Record the first day for which employment records are complete.
    BeginRecords {
        /// The first day.
        first_day: Day,
    },
}

/// The issuance of a credential.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueCredential {
    /// The applicant.
    pub specialist: SpecialistId,
    /// The application.
    pub application: Application,
    /// The first day.
    pub effective_from: Day,
    /// The requested designations.
    pub designations: Vec<Designation>,
    /// Why the credential is issued although a criterion is undetermined.
    pub decision_note: String,
    /// Whether unmet criteria are accepted. True only for imports of earlier records.
    pub waives_criteria: bool,
}

/// A credential in an agency's earlier records.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferCredential {
    /// The holder.
    pub specialist: SpecialistId,
    /// The days of the first term.
    pub term: Period,
    /// The designations held.
    pub designations: Vec<Designation>,
    /// The rule set that the credential was issued under. `None`: the one in force on the first day.
    pub rule_set: Option<String>,
    /// The numbers of earlier certificates, each once.
    pub prior_numbers: Vec<PriorNumber>,
}

/// How a command names an employee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By id.
    Specialist(SpecialistId),
    /// By credential number, with the holder's family name (folded).
    Holder(CredentialNumber, String),
}

/// How a command names a job that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichJob {
    /// By id.
    Employment(EmploymentId),
    /// By credential: the holder's only open job with the calling provider, or with any provider if the caller is not a
    /// provider.
    OpenJobOf(CredentialNumber),
}

/// The file that is needed to judge a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new file.
    New,
    /// The registry itself.
    Registry,
    /// A provider.
    Provider(ProviderId),
    /// A person.
    Specialist(SpecialistId),
    /// The holder of a credential.
    Credential(CredentialNumber),
    /// The person who has a job.
    Employment(EmploymentId),
    /// The subject of a fact.
    Fact(FactId),
    /// The files of everyone who has a job with a provider.
    Staff(ProviderId),
}

impl Command {
    /// The file that is needed to judge the command.
    pub fn target(&self) -> Target {
        match self {
            Command::RegisterProvider { id, .. } => id.clone().map_or(Target::New, Target::Provider),
            Command::UpdateProvider { id, .. } => Target::Provider(id.clone()),
            Command::OpenProviderPeriod { provider, .. } => Target::Provider(provider.clone()),
            Command::RegisterSpecialist { .. } => Target::New,
            Command::ChangeSpecialistName { specialist, .. } | Command::RecordDeath { specialist, .. } => {
                Target::Specialist(*specialist)
            }
            Command::IssueCredential(issue) => Target::Specialist(issue.specialist),
            Command::TransferCredential(transfer) => Target::Specialist(transfer.specialist),
            Command::RenewCredential { credential, .. }
            | Command::OpenCredentialPeriod { credential, .. }
            | Command::Act { credential, .. }
            | Command::SetPriorNumber { credential, .. } => Target::Credential(*credential),
            Command::StartEmployment { who: Who::Specialist(specialist), .. } => Target::Specialist(*specialist),
            Command::StartEmployment { who: Who::Holder(number, _), .. }
            | Command::EndEmployment { job: WhichJob::OpenJobOf(number), .. } => Target::Credential(*number),
            Command::EndEmployment { job: WhichJob::Employment(employment), .. }
            | Command::CorrectEmployment { employment, .. } => Target::Employment(*employment),
            Command::TransferEmployments { from, .. } => Target::Staff(from.clone()),
            Command::EndPeriod { fact, .. } | Command::RetractFact { fact, .. } => Target::Fact(*fact),
            Command::BeginRecords { .. } => Target::Registry,
        }
    }
}
