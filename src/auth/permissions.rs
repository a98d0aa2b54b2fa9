//! The table of the contract, "Who may do what": for each method the roles that may call it, the rows that each of them
//! reaches by it, and the fields that it sees of them. Absent means denied.
//!
//! The entrance looks up the [`Right`] of a call here, once; the services ask nothing but that right.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use crate::domain::fact::Role;

/// A role as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// The DMH credentialing division.
    Registrar,
    /// The DMH Division of Certification.
    Certifier,
    /// A provider's HR system.
    Provider,
    /// A Medicaid system.
    Payer,
    /// Reads everything.
    Auditor,
}

/// The rows that a call reaches. What it does not reach and what is not on file are told alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Everyone and everything.
    Everything,
    /// People with a job with the caller, past or present, not retracted, as known at the head.
    OwnStaff,
    /// The same; and the verdict, with its reasons, on anyone whose number, or whose name and birth date, the caller
    /// knows. No other provider may be named.
    OwnStaffAndVerdicts,
    /// Facts of what is the caller's business, whoever reported them: of providers for the certifier, of jobs with it for
    /// a provider.
    OwnFacts,
    /// Providers. No person.
    Providers,
}

/// The fields that a caller sees of the rows it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// All of them.
    All,
    /// No other employer, no note, no limitation's text, no birth date.
    OfAnEmployer,
    /// Verdicts, reasons, standings and dates: no name, designation or note.
    OfAPayer,
    /// No person: how many changes there are, and of how many people, and not which.
    Counts,
}

/// What a role may do by a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// What it reaches.
    pub rows: Rows,
    /// What it sees of that.
    pub fields: Fields,
}

/// A role with its right.
pub type Grant = (RoleName, Right);

/// A row: a method and who may do what by it.
#[derive(Debug)]
pub struct Method {
    /// The service, without its package.
    pub service: &'static str,
    /// The method.
    pub name: &'static str,
    /// Whether its requests or its answers are a stream: such a call may last.
    pub streams: bool,
    /// Who may call it, and what for.
    pub grants: &'static [Grant],
}

use Fields::{All, Counts, OfAPayer, OfAnEmployer};
use RoleName::{Auditor, Certifier, Payer, Provider, Registrar};
use Rows::{Everything, OwnFacts, OwnStaff, OwnStaffAndVerdicts, Providers};

const fn may(role: RoleName, rows: Rows, fields: Fields) -> Grant {
    (role, Right { rows, fields })
}

const REGISTRAR: Grant = may(Registrar, Everything, All);
const AUDITOR: Grant = may(Auditor, Everything, All);
const PAYER: Grant = may(Payer, Everything, OfAPayer);
const CERTIFIER: Grant = may(Certifier, Providers, Counts);

const QUESTION: &[Grant] = &[REGISTRAR, may(Provider, OwnStaffAndVerdicts, OfAnEmployer), PAYER, AUDITOR];
const RECORD: &[Grant] = &[REGISTRAR, may(Provider, OwnStaff, OfAnEmployer), PAYER, AUDITOR];
const REGISTRARS: &[Grant] = &[REGISTRAR];
const REGISTRARS_READ: &[Grant] = &[REGISTRAR, AUDITOR];
const EMPLOYERS: &[Grant] = &[REGISTRAR, may(Provider, OwnStaff, OfAnEmployer)];
const EMPLOYERS_READ: &[Grant] = &[REGISTRAR, may(Provider, OwnStaff, OfAnEmployer), AUDITOR];
const CERTIFIERS: &[Grant] = &[CERTIFIER];
const CERTIFIERS_READ: &[Grant] = &[REGISTRAR, CERTIFIER, AUDITOR];
const AMENDMENT: &[Grant] = &[REGISTRAR, may(Certifier, OwnFacts, Counts), may(Provider, OwnFacts, OfAnEmployer)];
const FACTS: &[Grant] = &[REGISTRAR, may(Certifier, OwnFacts, Counts), may(Provider, OwnFacts, OfAnEmployer), AUDITOR];

const fn row(service: &'static str, name: &'static str, grants: &'static [Grant]) -> Method {
    Method { service, name, streams: false, grants }
}

const fn stream(service: &'static str, name: &'static str, grants: &'static [Grant]) -> Method {
    Method { service, name, streams: true, grants }
}

/// Every method of the contract.
pub const METHODS: &[Method] = &[
    row("VerificationService", "VerifyCredential", QUESTION),
    row("VerificationService", "BatchVerifyCredentials", QUESTION),
    stream("VerificationService", "StreamVerifyCredentials", QUESTION),
    row("VerificationService", "CheckBillingEligibility", QUESTION),
    row("VerificationService", "BatchCheckBillingEligibility", QUESTION),
    stream("VerificationService", "StreamCheckBillingEligibility", QUESTION),
    row("VerificationService", "GetCredential", RECORD),
    row("VerificationService", "ListStandingPeriods", RECORD),
    row("CredentialService", "RegisterSpecialist", REGISTRARS),
    row("CredentialService", "ChangeSpecialistName", REGISTRARS),
    row("CredentialService", "RecordDeath", REGISTRARS),
    row("CredentialService", "EvaluateApplication", REGISTRARS_READ),
    row("CredentialService", "IssueCredential", REGISTRARS),
    row("CredentialService", "RenewCredential", REGISTRARS),
    row("CredentialService", "GrantDesignation", REGISTRARS),
    row("CredentialService", "SuspendCredential", REGISTRARS),
    row("CredentialService", "LimitCredential", REGISTRARS),
    row("CredentialService", "GrantInactiveStatus", REGISTRARS),
    row("CredentialService", "RevokeCredential", REGISTRARS),
    row("CredentialService", "RecordSurrender", REGISTRARS),
    row("CredentialService", "RecordRelinquishment", REGISTRARS),
    row("CredentialService", "RecordRetirement", REGISTRARS),
    row("CredentialService", "ReinstateCredential", REGISTRARS),
    row("CredentialService", "ListCredentials", REGISTRARS_READ),
    row("CredentialService", "ListRuleSets", REGISTRARS_READ),
    row("EmploymentService", "ReportEmploymentStart", EMPLOYERS),
    row("EmploymentService", "ReportEmploymentEnd", EMPLOYERS),
    row("EmploymentService", "CorrectEmployment", EMPLOYERS),
    row("EmploymentService", "TransferEmployments", REGISTRARS),
    row("EmploymentService", "ListEmployments", EMPLOYERS_READ),
    stream("EmploymentService", "ReconcileRoster", EMPLOYERS_READ),
    row("ProviderService", "RegisterProvider", CERTIFIERS),
    row("ProviderService", "UpdateProvider", CERTIFIERS),
    row("ProviderService", "RecordQualification", CERTIFIERS),
    row("ProviderService", "SuspendProvider", CERTIFIERS),
    row("ProviderService", "CertifyPeerService", CERTIFIERS),
    row("ProviderService", "SuspendPeerService", CERTIFIERS),
    row("ProviderService", "GetProvider", CERTIFIERS_READ),
    row("ProviderService", "ListProviders", CERTIFIERS_READ),
    row("ProviderService", "GetProgramStatistics", CERTIFIERS_READ),
    row("RecordService", "EndPeriod", AMENDMENT),
    row("RecordService", "RetractFact", AMENDMENT),
    row("RecordService", "ListFacts", FACTS),
    stream("RecordService", "ImportRecords", REGISTRARS),
    stream("ChangeService", "WatchChanges", RECORD),
    row("ChangeService", "ListChanges", RECORD),
];

/// The package of the contract's services.
pub const PACKAGE: &str = "ms.dmh.credential.v1";

/// The row of a path (`/package.Service/Method`). None: no method of the contract.
pub fn method(path: &str) -> Option<&'static Method> {
    static BY_PATH: LazyLock<HashMap<String, &'static Method, RandomState>> = LazyLock::new(|| {
        let path = |method: &Method| format!("/{PACKAGE}.{}/{}", method.service, method.name);
        METHODS.iter().map(|method| (path(method), method)).collect()
    });
    BY_PATH.get(path).copied()
}

impl Method {
    /// What a role may do by it. None: nothing.
    pub fn right(&self, role: &Role) -> Option<Right> {
        let of = |asked: RoleName| self.grants.iter().find(|(role, _)| *role == asked).map(|(_, right)| *right);
        match role {
            Role::Registry => None,
            Role::Registrar => of(Registrar),
            Role::Certifier => of(Certifier),
            // What either may do, with a registrar's sight.
            Role::RegistrarAndCertifier => {
                of(Registrar).or(of(Certifier)).map(|_| Right { rows: Everything, fields: All })
            }
            Role::Provider(_) => of(Provider),
            Role::Payer => of(Payer),
            Role::Auditor => of(Auditor),
        }
    }
}
