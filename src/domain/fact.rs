//! Facts: what agencies report, in the past tense, one Rust variant for each line of the specification's table.
//!
//! Every fact is filed under one subject, the registry itself, a provider or a specialist, and everything that the
//! subject's state depends on is in its own file: a correction or a retraction goes where its target is.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::day::{Day, Period};
pub use super::enums::{
    Criterion, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, IdentifierKind, IssuanceBasis,
    QualificationBasis, RevocationBasis, SuspensionBasis,
};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use super::name::PersonName;

/// Whose file a fact belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The registry itself.
    Registry,
    /// A provider.
    Provider(ProviderId),
    /// A specialist, with credentials and jobs.
    Specialist(SpecialistId),
}

/// A fact, under its subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// About the registry itself.
    Registry(RegistryFact),
    /// About a provider.
    Provider(ProviderId, ProviderFact),
    /// About a specialist, a credential or a job.
    Specialist(SpecialistId, SpecialistFact),
}

impl Fact {
    /// Whose file it belongs to.
    pub fn subject(&self) -> Subject {
        match self {
            Fact::Registry(_) => Subject::Registry,
            Fact::Provider(id, _) => Subject::Provider(id.clone()),
            Fact::Specialist(id, _) => Subject::Specialist(*id),
        }
    }
}

/// A fact with where it stands and who reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<F> {
    /// Its id.
    pub id: FactId,
    /// When the registry learned it.
    pub recorded_at: Timestamp,
    /// Who reported it.
    pub reporter: Reporter,
    /// Whether it came as a row of an import.
    pub imported: bool,
    /// What the reporter added in words.
    pub note: String,
    /// What was reported.
    pub fact: F,
}

impl<F> Recorded<F> {
    /// The same record of another fact.
    pub fn with<G>(&self, fact: G) -> Recorded<G> {
        let Recorded { id, recorded_at, reporter, imported, note, .. } = self;
        let (reporter, note) = (reporter.clone(), note.clone());
        Recorded { id: *id, recorded_at: *recorded_at, reporter, imported: *imported, note, fact }
    }
}

/// Who reports: what the rules need to know of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// The client's name in the list of clients.
    pub client: String,
    /// What it may do.
    pub role: Role,
}

impl Reporter {
    /// The registry itself, which opens days and adopts rule sets.
    pub fn registry() -> Reporter {
        Reporter { client: "registry".to_owned(), role: Role::Registry }
    }
}

impl Role {
    /// Whether it is the registrar's, who may amend every fact.
    pub fn is_registrar(&self) -> bool {
        matches!(self, Role::Registrar | Role::RegistrarAndCertifier)
    }
}

/// The part a caller plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The registry itself.
    Registry,
    /// The DMH credentialing division.
    Registrar,
    /// The DMH Division of Certification.
    Certifier,
    /// Registrar and certifier in one: the default caller of a development server.
    RegistrarAndCertifier,
    /// The HR system of one provider.
    Provider(ProviderId),
    /// A Medicaid system.
    Payer,
    /// Reads everything, writes nothing.
    Auditor,
}

/// About the registry itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryFact {
    /// A line of history begins: the first start, a restore, or a loss that an operator accepted.
    EpochBegan {
        /// The epoch.
        epoch: Uuid,
        /// The last revision it shares with the epoch before.
        forked_after: Revision,
        /// Why, in words.
        why: String,
    },
    /// A civil day began.
    DayOpened {
        /// The day.
        date: Day,
    },
    /// A rule set is known from here on.
    RuleSetAdopted {
        /// Its id, never given to other content.
        id: String,
        /// SHA-256 of the content, in hexadecimal.
        digest: String,
        /// The rule file, to the letter.
        content: String,
    },
    /// The walk itself changed.
    SemanticsAdopted {
        /// The version of the walk from here on.
        version: u32,
    },
    /// Employment is on record from this day on only. The last such fact counts.
    RecordsBegin {
        /// The first day with records.
        first_day: Day,
    },
}

/// About a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFact {
    /// It came on file.
    Registered(ProviderRow),
    /// The whole row, which replaces the one before.
    Updated(ProviderRow),
    /// A certificate or a suspension began.
    PeriodOpened {
        /// Which.
        kind: ProviderPeriodKind,
        /// Its days.
        days: Period,
        /// The date on the certificate. Its passing ends nothing.
        valid_through: Option<Day>,
    },
    /// A period has another last day.
    PeriodEnded(PeriodEnd),
    /// A fact is to be read as if never reported.
    Retracted(Retraction),
}

/// What is on file of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRow {
    /// Its name before the law.
    pub legal_name: String,
    /// The kind of facility (source 000).
    pub facility_type: FacilityType,
    /// The county it is in.
    pub county: String,
    /// Its numbers in other registries.
    pub identifiers: Vec<Identifier>,
}

/// A number in another registry. It belongs to one provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Which registry.
    pub kind: IdentifierKind,
    /// The number.
    pub value: String,
}

/// What kind of period a provider's fact opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderPeriodKind {
    /// Part of the state mental health system, on this basis.
    Qualified(QualificationBasis),
    /// May not deliver peer support for now.
    Suspended,
    /// Its peer support service is certified.
    PeerServiceCertified,
    /// The certification of the service is suspended.
    PeerServiceSuspended,
}

/// About a specialist, a credential or a job.
#[derive(Clone, Debug, PartialEq)]
pub enum SpecialistFact {
    /// A person came on file.
    Registered {
        /// The name then.
        name: PersonName,
        /// The birth date.
        birth_date: Day,
    },
    /// The person has another name.
    NameChanged {
        /// The name from now on.
        name: PersonName,
    },
    /// The person died. Again: the date is corrected.
    Died {
        /// The day of death, which still counts.
        death_date: Day,
    },
    /// A credential was issued.
    CredentialIssued(Issuance),
    /// A credential has another term.
    CredentialRenewed {
        /// Which.
        number: CredentialNumber,
        /// The days of the new term.
        term: Period,
    },
    /// A designation, suspension, limitation or inactive status began.
    PeriodOpened {
        /// Of which credential.
        number: CredentialNumber,
        /// What.
        kind: CredentialPeriodKind,
        /// Its days.
        days: Period,
    },
    /// Something took effect on a day.
    Acted {
        /// On which credential.
        number: CredentialNumber,
        /// What.
        act: Act,
        /// From which day.
        effective_from: Day,
    },
    /// A job began.
    EmploymentStarted {
        /// The job.
        employment: EmploymentId,
        /// With whom.
        provider: ProviderId,
        /// As what.
        position: String,
        /// Under the supervision of a mental health professional.
        supervised: bool,
        /// Its days.
        days: Period,
    },
    /// A job ended.
    EmploymentEnded {
        /// The job.
        employment: EmploymentId,
        /// The last day worked.
        last_day: Day,
        /// Why.
        reason: EmploymentEndReason,
    },
    /// A job had other days all along.
    EmploymentCorrected {
        /// The job.
        employment: EmploymentId,
        /// Its days.
        days: Period,
    },
    /// A period has another last day.
    PeriodEnded(PeriodEnd),
    /// A fact is to be read as if never reported.
    Retracted(Retraction),
}

/// The issuance of a credential. The application itself is judged and not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuance {
    /// The number given.
    pub number: CredentialNumber,
    /// The days of the first term.
    pub term: Period,
    /// What the applicant was found to be trained for; the grants beside this fact are what is read.
    pub designations: Vec<Designation>,
    /// The rule set it was judged by.
    pub rule_set: String,
    /// Judged here, or brought over.
    pub basis: IssuanceBasis,
    /// Each criterion with its outcome.
    pub findings: Vec<(Criterion, CriterionOutcome)>,
    /// Why an open question was decided for the applicant.
    pub decision_note: String,
}

/// A period ends on another day than its fact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodEnd {
    /// The fact that opened the period.
    pub target: FactId,
    /// Its last day.
    pub last_day: Day,
    /// Why, in words.
    pub reason: String,
}

/// A fact is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The fact.
    pub target: FactId,
    /// Why, in words.
    pub reason: String,
}

/// What kind of period a credential's fact opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPeriodKind {
    /// A designation is held.
    Designation(Designation),
    /// The credential is suspended.
    Suspended(SuspensionBasis),
    /// A limitation stands, in words that only the registrar, an auditor and the employer's regulator see.
    Limited(String),
    /// Inactive status was granted: held without employment.
    Inactive,
}

/// What takes effect on a day, in the order in which the walk looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Taken away.
    Revoked(RevocationBasis),
    /// Given up while under question.
    Surrendered,
    /// Given up.
    Relinquished,
    /// Retired from.
    Retired,
    /// Given back.
    Reinstated,
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.index)
    }
}
