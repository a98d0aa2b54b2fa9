//! Commands: what callers ask the registry to record, in the imperative, already checked for form.

use super::day::{Day, Period};
use super::evaluation::Application;
use super::fact::{Act, CredentialPeriodKind, Designation, EmploymentEndReason, ProviderPeriodKind, ProviderRow};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, SpecialistId};
use super::name::PersonName;

/// What a caller asks the registry to record.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Put a provider on file.
    RegisterProvider {
        /// The id the certifier proposes, if any.
        id: Option<ProviderId>,
        /// What is to be on file.
        row: ProviderRow,
    },
    /// Replace what is on file of a provider.
    UpdateProvider {
        /// Which.
        id: ProviderId,
        /// The whole row.
        row: ProviderRow,
    },
    /// Record a provider's certificate or suspension.
    OpenProviderPeriod {
        /// Whose.
        provider: ProviderId,
        /// Which.
        kind: ProviderPeriodKind,
        /// Its days.
        days: Period,
        /// The date on the certificate.
        valid_through: Option<Day>,
    },
    /// Put a person on file.
    RegisterSpecialist {
        /// The name.
        name: PersonName,
        /// The birth date.
        birth_date: Day,
    },
    /// Give a person another name.
    ChangeSpecialistName {
        /// Who.
        specialist: SpecialistId,
        /// The name from now on.
        name: PersonName,
    },
    /// Record a death.
    RecordDeath {
        /// Who.
        specialist: SpecialistId,
        /// When.
        death_date: Day,
    },
    /// Issue a credential.
    IssueCredential(IssueCredential),
    /// Bring a credential over from an agency's earlier records.
    TransferCredential(TransferCredential),
    /// Give a credential another term.
    RenewCredential {
        /// Which.
        credential: CredentialNumber,
        /// The first day of the new term; unset: the day after the last term.
        effective_from: Option<Day>,
        /// The last day of the new term; unset: as the rules have it.
        term_last_day: Option<Day>,
        /// Hours of continuing education over the term that is renewed.
        continuing_education_hours: f64,
    },
    /// Grant a designation or inactive status, suspend or limit.
    OpenCredentialPeriod {
        /// Which credential.
        credential: CredentialNumber,
        /// What.
        kind: CredentialPeriodKind,
        /// Its days.
        days: Period,
    },
    /// Revoke, reinstate, or record that a credential was given up.
    Act {
        /// On which credential.
        credential: CredentialNumber,
        /// What.
        act: Act,
        /// From which day.
        effective_from: Day,
    },
    /// Report that a job began.
    StartEmployment {
        /// Whose.
        who: Who,
        /// The person's birth date, which must agree with the one on record.
        birth_date: Option<Day>,
        /// With whom.
        provider: ProviderId,
        /// As what.
        position: String,
        /// Under the supervision of a mental health professional.
        supervised: bool,
        /// Its days.
        days: Period,
    },
    /// Report that a job ended.
    EndEmployment {
        /// Which.
        job: WhichJob,
        /// The last day worked.
        last_day: Day,
        /// Why.
        reason: EmploymentEndReason,
    },
    /// Report that a job had other days all along.
    CorrectEmployment {
        /// Which.
        employment: EmploymentId,
        /// The whole new spell.
        days: Period,
    },
    /// End all open jobs at one provider, and begin them at another the next day.
    TransferEmployments {
        /// From whom.
        from: ProviderId,
        /// To whom.
        to: ProviderId,
        /// The last day with the first.
        last_day: Day,
    },
    /// Give a period another last day.
    EndPeriod {
        /// The fact that opened it.
        fact: FactId,
        /// Its last day.
        last_day: Day,
        /// Why.
        reason: String,
    },
    /// Read a fact as if it had never been reported.
    RetractFact {
        /// The fact.
        fact: FactId,
        /// Why.
        reason: String,
    },
    /// Say from which day on employment is on record.
    BeginRecords {
        /// That day.
        first_day: Day,
    },
}

/// The issuance of a credential.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueCredential {
    /// To whom.
    pub specialist: SpecialistId,
    /// The application.
    pub application: Application,
    /// The first day.
    pub effective_from: Day,
    /// What for.
    pub designations: Vec<Designation>,
    /// Why open questions are decided for the applicant.
    pub decision_note: String,
    /// Whether an unfulfilled criterion is no reason to refuse: of an agency's earlier records.
    pub waives_criteria: bool,
}

/// A credential as an agency's earlier records have it.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferCredential {
    /// Whose.
    pub specialist: SpecialistId,
    /// The days of its first term.
    pub term: Period,
    /// What for.
    pub designations: Vec<Designation>,
    /// The rule set it was issued under; unset: the one in force on the first day.
    pub rule_set: Option<String>,
}

/// A person whose job begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By id.
    Specialist(SpecialistId),
    /// By number, with a family name that must be the holder's (folded).
    Holder(CredentialNumber, String),
}

/// A job that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichJob {
    /// By id.
    Employment(EmploymentId),
    /// The holder's one open job with the caller; with anyone, where the caller is no provider.
    OpenJobOf(CredentialNumber),
}

/// How the file that a command is judged by is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing that is on file yet.
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
    /// Everyone who has a job with a provider.
    Staff(ProviderId),
}

impl Command {
    /// How the file that it is judged by is found.
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
            | Command::Act { credential, .. } => Target::Credential(*credential),
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
