//! Facts: what agencies report, in the past tense. Each variant is one row of the specification's table.
//!
//! Every fact belongs to the file of one subject: the registry itself, a provider or a specialist. A file holds
//! everything that the subject's state depends on. A correction or a retraction is in the same file as its target.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::day::{Day, Period};
pub use super::enums::{
    Criterion, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, IdentifierKind, IssuanceBasis,
    QualificationBasis, RevocationBasis, SuspensionBasis,
};
use super::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
pub use super::log_home::{LogHome, LogKind};
use super::name::PersonName;
use super::prior_number::PriorNumber;

/// The subject whose file a fact belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The registry itself.
    Registry,
    /// A provider.
    Provider(ProviderId),
    /// A specialist, with all credentials and jobs.
    Specialist(SpecialistId),
}

/// A fact and its subject.
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
    /// The subject whose file the fact belongs to.
    pub fn subject(&self) -> Subject {
        match self {
            Fact::Registry(_) => Subject::Registry,
            Fact::Provider(id, _) => Subject::Provider(id.clone()),
            Fact::Specialist(id, _) => Subject::Specialist(*id),
        }
    }
}

/// A fact with its id, time and reporter.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<F> {
    /// The id of the fact.
    pub id: FactId,
    /// When the fact was committed.
    pub recorded_at: Timestamp,
    /// The client that reported the fact.
    pub reporter: Reporter,
    /// Whether the fact was imported.
    pub imported: bool,
    /// The reporter's note.
    pub note: String,
    /// The fact itself.
    pub fact: F,
}

impl<F> Recorded<F> {
    /// Copies everything except the fact, which is replaced.
    pub fn with<G>(&self, fact: G) -> Recorded<G> {
        let Recorded { id, recorded_at, reporter, imported, note, .. } = self;
        let (reporter, note) = (reporter.clone(), note.clone());
        Recorded { id: *id, recorded_at: *recorded_at, reporter, imported: *imported, note, fact }
    }
}

/// The client that reports, with what the rules need to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// The client's name in the list of clients.
    pub client: String,
    /// The client's role.
    pub role: Role,
}

impl Reporter {
    /// The registry itself, which opens days and adopts rule sets.
    pub fn registry() -> Reporter {
        Reporter { client: "registry".to_owned(), role: Role::Registry }
    }
}

impl Role {
    /// Whether the role is the registrar's. The registrar may amend every fact.
    pub fn is_registrar(&self) -> bool {
        matches!(self, Role::Registrar | Role::RegistrarAndCertifier)
    }
}

/// The role of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The registry itself.
    Registry,
    /// The DMH credentialing division.
    Registrar,
    /// The DMH Division of Certification.
    Certifier,
    /// Registrar and certifier combined: the default caller of a development server.
    RegistrarAndCertifier,
    /// The HR system of one provider.
    Provider(ProviderId),
    /// A Medicaid system.
    Payer,
    /// Reads everything, writes nothing.
    Auditor,
    /// Runs the service, and sees nobody.
    Operator,
}

/// A fact about the registry itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryFact {
    /// An epoch began: at the first start, after a restore, or when an operator accepted a loss of records.
    EpochBegan {
        /// The epoch.
        epoch: Uuid,
        /// The last revision that this epoch shares with the previous one.
        forked_after: Revision,
        /// The reason, as text.
        why: String,
    },
    /// A civil day began.
    DayOpened {
        /// The day.
        date: Day,
    },
    /// A rule set was adopted.
    RuleSetAdopted {
        /// The id. It is never reused for other content.
        id: String,
        /// SHA-256 of the content, in hexadecimal.
        digest: String,
        /// The rule file, verbatim.
        content: String,
    },
    /// The evaluation logic changed.
    SemanticsAdopted {
        /// The version of the evaluation logic from this record on.
        version: u32,
    },
    /// Employment records are complete only from this day on. The last such fact applies.
    RecordsBegin {
        /// The first day with complete records.
        first_day: Day,
    },
    /// The log goes on in another place, and ends here. A later epoch may begin in any place.
    LogMoved {
        /// The place.
        to: LogHome,
    },
    /// The names, the birth date and the free text of a person were removed from every record before this one. The
    /// reporter is the operator.
    SpecialistRedacted {
        /// The person.
        specialist: SpecialistId,
        /// The reason, as text without a name.
        why: String,
    },
}

/// A fact about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFact {
    /// The provider was registered.
    Registered(ProviderRow),
    /// The provider's data was replaced.
    Updated(ProviderRow),
    /// A certificate or a suspension began.
    PeriodOpened {
        /// The kind of certificate or suspension.
        kind: ProviderPeriodKind,
        /// The days of the period.
        days: Period,
        /// The expiry date on the certificate. The period does not end on it.
        valid_through: Option<Day>,
    },
    /// The last day of a period changed.
    PeriodEnded(PeriodEnd),
    /// A fact was retracted and counts as never reported.
    Retracted(Retraction),
}

/// The registration data of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRow {
    /// The legal name.
    pub legal_name: String,
    /// The kind of facility (source 000).
    pub facility_type: FacilityType,
    /// The county.
    pub county: String,
    /// The provider's numbers in other registries.
    pub identifiers: Vec<Identifier>,
}

/// A number in another registry. It belongs to at most one provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// The registry that issued the number.
    pub kind: IdentifierKind,
    /// The number.
    pub value: String,
}

/// The kind of period that a provider's fact opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderPeriodKind {
    /// The provider is part of the state mental health system, on this basis.
    Qualified(QualificationBasis),
    /// The provider is suspended.
    Suspended,
    /// The provider's peer support service is certified.
    PeerServiceCertified,
    /// The certification of the peer support service is suspended.
    PeerServiceSuspended,
}

/// A fact about a specialist, a credential or a job.
#[derive(Clone, Debug, PartialEq)]
pub enum SpecialistFact {
    /// A person was registered.
    Registered {
        /// The name at that time.
        name: PersonName,
        /// The birth date.
        birth_date: Day,
    },
    /// The person's name changed.
    NameChanged {
        /// The new name.
        name: PersonName,
    },
    /// The person died. A second report corrects the date.
    Died {
        /// The day of death. The credential can still be held on this day.
        death_date: Day,
    },
    /// A credential was issued.
    CredentialIssued(Issuance),
    /// A credential was renewed.
    CredentialRenewed {
        /// The credential.
        number: CredentialNumber,
        /// The days of the new term.
        term: Period,
    },
    /// A designation, suspension, limitation or inactive status began.
    PeriodOpened {
        /// The credential.
        number: CredentialNumber,
        /// The kind of period.
        kind: CredentialPeriodKind,
        /// The days of the period.
        days: Period,
    },
    /// A credential was revoked, given up or reinstated from a day on.
    Acted {
        /// The credential.
        number: CredentialNumber,
        /// The kind of act.
        act: Act,
        /// The first day of its effect.
        effective_from: Day,
    },
    /// A credential bears the number of an earlier certificate.
    PriorNumberSet {
        /// The credential.
        number: CredentialNumber,
        /// The number of the earlier certificate.
        prior: PriorNumber,
    },
    /// A job began.
    EmploymentStarted {
        /// The job.
        employment: EmploymentId,
        /// The employer.
        provider: ProviderId,
        /// The position.
        position: String,
        /// Whether a mental health professional supervises the work.
        supervised: bool,
        /// The days of the job.
        days: Period,
    },
    /// A job ended.
    EmploymentEnded {
        /// The job.
        employment: EmploymentId,
        /// The last day worked.
        last_day: Day,
        /// The reason.
        reason: EmploymentEndReason,
    },
    /// Both days of a job were corrected.
    EmploymentCorrected {
        /// The job.
        employment: EmploymentId,
        /// The correct days.
        days: Period,
    },
    /// The last day of a period changed.
    PeriodEnded(PeriodEnd),
    /// A fact was retracted and counts as never reported.
    Retracted(Retraction),
}

/// The issuance of a credential. The application itself is judged but not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuance {
    /// The assigned number.
    pub number: CredentialNumber,
    /// The days of the first term.
    pub term: Period,
    /// The designations that the applicant was trained for. For information only: the grants recorded with this fact
    /// apply.
    pub designations: Vec<Designation>,
    /// The rule set that the application was judged by.
    pub rule_set: String,
    /// Whether the credential was evaluated here or imported.
    pub basis: IssuanceBasis,
    /// Each criterion with its outcome.
    pub findings: Vec<(Criterion, CriterionOutcome)>,
    /// Why the credential was issued although a criterion was undetermined.
    pub decision_note: String,
}

/// A new last day for a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodEnd {
    /// The fact that opened the period.
    pub target: FactId,
    /// The last day.
    pub last_day: Day,
    /// The reason, as text.
    pub reason: String,
}

/// The retraction of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The fact to retract.
    pub target: FactId,
    /// The reason, as text.
    pub reason: String,
}

/// The kind of period that a credential's fact opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPeriodKind {
    /// A designation is held.
    Designation(Designation),
    /// The credential is suspended.
    Suspended(SuspensionBasis),
    /// The credential is limited. Only registrars and auditors see the text.
    Limited(String),
    /// Inactive status was granted: the credential is held without employment.
    Inactive,
}

/// An act that takes effect on a day. The order is the walk's order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Revoked.
    Revoked(RevocationBasis),
    /// Surrendered.
    Surrendered,
    /// Relinquished.
    Relinquished,
    /// Ended by retirement.
    Retired,
    /// Reinstated.
    Reinstated,
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.index)
    }
}
