//! The permission table of the contract ("Who may do what"): for each method, the roles that may call it, the rows that
//! they reach, and the fields that they see. A missing entry means denied.
//!
//! Admission looks up the [`Right`] of a call once. The services check nothing else, except that the command in a
//! PreviewImpact needs the right of its own method.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use crate::domain::fact::Role;
use crate::proto::SERVICES;

/// A role as named in the table.
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
    /// An auditor, who reads everything.
    Auditor,
    /// Who runs the service.
    Operator,
}

/// The rows that a call reaches. A row out of reach gets the same answer as one that is not on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All rows.
    Everything,
    /// People with a job at the caller, past or present, not retracted, as known at the head.
    OwnStaff,
    /// Like [`Rows::OwnStaff`], and in addition the verdict, with its reasons, on anyone whose number, or name and
    /// birth date, the caller knows. The caller may not name another provider.
    OwnStaffAndVerdicts,
    /// Facts in the caller's responsibility, including those that others reported: about providers for the certifier,
    /// about jobs at the caller for a provider.
    OwnFacts,
    /// Providers, but no people.
    Providers,
    /// Nobody and nothing on file.
    Nobody,
}

/// The fields that a caller sees of the rows it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// All of them.
    All,
    /// All except other employers, notes, texts of limitations, and birth dates.
    OfAnEmployer,
    /// Verdicts, reasons, standings and dates, but no names, designations or notes.
    OfAPayer,
    /// No people: only how many changes there are, and how many people they affect.
    Counts,
    /// Nothing that is on file.
    Nothing,
}

/// What a role may do with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The rows that it reaches.
    pub rows: Rows,
    /// The fields that it sees of them.
    pub fields: Fields,
}

/// A role with its right.
pub type Grant = (RoleName, Right);

/// A method of the contract, with its grants.
#[derive(Debug)]
pub struct Method {
    /// The service, without its package.
    pub service: &'static str,
    /// The method.
    pub name: &'static str,
    /// Service and method, as in `RecordService/ListFacts`.
    pub qualified_name: &'static str,
    /// True if its requests or its responses are a stream. Such a call may be long-lived.
    pub streams: bool,
    /// True if it lasts until its caller or the server ends it, and can be continued by another call.
    pub watches: bool,
    /// True if it may hold much memory until its response has been read, or reads much: a stream, a batch, a page, or a
    /// method that reads every credential.
    pub is_large: bool,
    /// True if it may record a fact.
    pub writes: bool,
    /// The roles that may call it, with their rights.
    pub grants: &'static [Grant],
}

use Fields::{All, Counts, Nothing, OfAPayer, OfAnEmployer};
use RoleName::{Auditor, Certifier, Operator, Payer, Provider, Registrar};
use Rows::{Everything, Nobody, OwnFacts, OwnStaff, OwnStaffAndVerdicts, Providers};

const fn grant(role: RoleName, rows: Rows, fields: Fields) -> Grant {
    (role, Right { rows, fields })
}

const REGISTRAR: Grant = grant(Registrar, Everything, All);
const AUDITOR: Grant = grant(Auditor, Everything, All);
const PAYER: Grant = grant(Payer, Everything, OfAPayer);
const CERTIFIER: Grant = grant(Certifier, Providers, Counts);
const OPERATOR: Grant = grant(Operator, Nobody, Nothing);

const QUESTION: &[Grant] = &[REGISTRAR, grant(Provider, OwnStaffAndVerdicts, OfAnEmployer), PAYER, AUDITOR];
const RECORD: &[Grant] = &[REGISTRAR, grant(Provider, OwnStaff, OfAnEmployer), PAYER, AUDITOR];
const REGISTRARS: &[Grant] = &[REGISTRAR];
const REGISTRARS_READ: &[Grant] = &[REGISTRAR, AUDITOR];
const EMPLOYERS: &[Grant] = &[REGISTRAR, grant(Provider, OwnStaff, OfAnEmployer)];
const EMPLOYERS_READ: &[Grant] = &[REGISTRAR, grant(Provider, OwnStaff, OfAnEmployer), AUDITOR];
const OPERATORS: &[Grant] = &[OPERATOR];
const STATUS: &[Grant] = &[REGISTRAR, AUDITOR, OPERATOR];
const ANYONE: &[Grant] = &[
    grant(Registrar, Nobody, Nothing),
    grant(Certifier, Nobody, Nothing),
    grant(Provider, Nobody, Nothing),
    grant(Payer, Nobody, Nothing),
    grant(Auditor, Nobody, Nothing),
    OPERATOR,
];
const CERTIFIERS: &[Grant] = &[CERTIFIER];
const CERTIFIERS_READ: &[Grant] = &[REGISTRAR, CERTIFIER, AUDITOR];
const AMENDMENT: &[Grant] = &[REGISTRAR, grant(Certifier, OwnFacts, Counts), grant(Provider, OwnFacts, OfAnEmployer)];
const FACTS: &[Grant] =
    &[REGISTRAR, grant(Certifier, OwnFacts, Counts), grant(Provider, OwnFacts, OfAnEmployer), AUDITOR];

/// The permission table: service, method, grants.
const TABLE: &[(&str, &str, &[Grant])] = &[
    ("VerificationService", "VerifyCredential", QUESTION),
    ("VerificationService", "BatchVerifyCredentials", QUESTION),
    ("VerificationService", "StreamVerifyCredentials", QUESTION),
    ("VerificationService", "CheckBillingEligibility", QUESTION),
    ("VerificationService", "BatchCheckBillingEligibility", QUESTION),
    ("VerificationService", "StreamCheckBillingEligibility", QUESTION),
    ("VerificationService", "ReviewEligibility", QUESTION),
    ("VerificationService", "BatchReviewEligibility", QUESTION),
    ("VerificationService", "StreamReviewEligibility", QUESTION),
    ("VerificationService", "GetCredential", RECORD),
    ("VerificationService", "ListStandingPeriods", RECORD),
    ("CredentialService", "RegisterSpecialist", REGISTRARS),
    ("CredentialService", "ChangeSpecialistName", REGISTRARS),
    ("CredentialService", "RecordDeath", REGISTRARS),
    ("CredentialService", "EvaluateApplication", REGISTRARS_READ),
    ("CredentialService", "IssueCredential", REGISTRARS),
    ("CredentialService", "RenewCredential", REGISTRARS),
    ("CredentialService", "GrantDesignation", REGISTRARS),
    ("CredentialService", "SuspendCredential", REGISTRARS),
    ("CredentialService", "LimitCredential", REGISTRARS),
    ("CredentialService", "GrantInactiveStatus", REGISTRARS),
    ("CredentialService", "RevokeCredential", REGISTRARS),
    ("CredentialService", "RecordSurrender", REGISTRARS),
    ("CredentialService", "RecordRelinquishment", REGISTRARS),
    ("CredentialService", "RecordRetirement", REGISTRARS),
    ("CredentialService", "ReinstateCredential", REGISTRARS),
    ("CredentialService", "FindSpecialists", REGISTRARS_READ),
    ("CredentialService", "SetPriorNumber", REGISTRARS),
    ("CredentialService", "ListCredentials", REGISTRARS_READ),
    ("CredentialService", "ListRuleSets", REGISTRARS_READ),
    ("EmploymentService", "ReportEmploymentStart", EMPLOYERS),
    ("EmploymentService", "ReportEmploymentEnd", EMPLOYERS),
    ("EmploymentService", "CorrectEmployment", EMPLOYERS),
    ("EmploymentService", "TransferEmployments", REGISTRARS),
    ("EmploymentService", "ListEmployments", EMPLOYERS_READ),
    ("EmploymentService", "ReconcileRoster", EMPLOYERS_READ),
    ("ProviderService", "RegisterProvider", CERTIFIERS),
    ("ProviderService", "UpdateProvider", CERTIFIERS),
    ("ProviderService", "RecordQualification", CERTIFIERS),
    ("ProviderService", "SuspendProvider", CERTIFIERS),
    ("ProviderService", "CertifyPeerService", CERTIFIERS),
    ("ProviderService", "SuspendPeerService", CERTIFIERS),
    ("ProviderService", "GetProvider", CERTIFIERS_READ),
    ("ProviderService", "ListProviders", CERTIFIERS_READ),
    ("ProviderService", "GetProgramStatistics", CERTIFIERS_READ),
    ("RecordService", "EndPeriod", AMENDMENT),
    ("RecordService", "RetractFact", AMENDMENT),
    ("RecordService", "ListFacts", FACTS),
    ("RecordService", "PreviewImpact", FACTS),
    ("RecordService", "ListReads", REGISTRARS_READ),
    ("RecordService", "ListReviewItems", REGISTRARS_READ),
    ("RecordService", "ImportRecords", REGISTRARS),
    ("ChangeService", "WatchChanges", RECORD),
    ("ChangeService", "ListChanges", RECORD),
    ("OperationsService", "StreamBackup", OPERATORS),
    ("OperationsService", "GetStatus", STATUS),
    ("OperationsService", "GetCaller", ANYONE),
    ("LogService", "GetCheckpoint", ANYONE),
    ("LogService", "GetInclusionProof", ANYONE),
    ("LogService", "GetConsistencyProof", ANYONE),
    ("LogService", "GetSigningKeys", ANYONE),
];

/// Methods that read every credential, although the response is short.
const READS_ALL: &[(&str, &str)] = &[("ProviderService", "GetProgramStatistics")];

/// Methods whose calls last until the caller or the server ends them.
const WATCHES: &[(&str, &str)] = &[("ChangeService", "WatchChanges")];

/// The package of the contract's services.
pub const PACKAGE: &str = "ms.dmh.credential.v1";

/// The feed of changes.
pub const FEED: &str = "ChangeService/WatchChanges";

/// Every method of the contract, by its path.
static METHODS: LazyLock<HashMap<&'static str, Method, RandomState>> = LazyLock::new(|| {
    let described = SERVICES.iter().flat_map(|service| service.methods);
    let methods = described.map(|method| {
        let mut rows = TABLE.iter().filter(|(service, name, _)| (*service, *name) == (method.service, method.name));
        let row = Method {
            service: method.service,
            name: method.name,
            qualified_name: method.path.rsplit('.').next().unwrap_or_default(),
            streams: method.streams,
            watches: WATCHES.contains(&(method.service, method.name)),
            is_large: method.streams || method.takes_many || READS_ALL.contains(&(method.service, method.name)),
            writes: method.writes,
            grants: rows.next().map_or(&[], |(.., grants)| grants),
        };
        (method.path, row)
    });
    methods.collect()
});

/// Every method of the contract with the roles that may call it, in no particular order.
pub fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.values()
}

/// Returns the method at a path (`/package.Service/Method`). None if the contract has no such method.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path)
}

impl Method {
    /// Returns what a role may do with this method. None if it may not call it.
    pub fn right(&self, role: &Role) -> Option<Right> {
        let of = |asked: RoleName| self.grants.iter().find(|(role, _)| *role == asked).map(|(_, right)| *right);
        match role {
            Role::Registry => None,
            Role::Registrar => of(Registrar),
            Role::Certifier => of(Certifier),
            // Everything that either role may do, with the registrar's rows and fields.
            Role::RegistrarAndCertifier => {
                of(Registrar).or(of(Certifier)).map(|_| Right { rows: Everything, fields: All })
            }
            Role::Provider(_) => of(Provider),
            Role::Payer => of(Payer),
            Role::Auditor => of(Auditor),
            Role::Operator => of(Operator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_method_of_the_contract_once() {
        let mut in_table: Vec<_> = TABLE.iter().map(|(service, name, _)| (*service, *name)).collect();
        let mut in_contract: Vec<_> = methods().map(|method| (method.service, method.name)).collect();
        in_table.sort_unstable();
        in_contract.sort_unstable();
        assert_eq!(in_table, in_contract, "a method that is not in the table is denied to everyone");
    }
}
