//! The table of the contract, "Who may do what": for each method the roles that may call it, the rows that each of them
//! reaches by it, and the fields that it sees of them. Absent means denied.
//!
//! Admission looks up the [`Right`] of a call here, once; the services ask nothing but that right.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use crate::domain::fact::Role;
use crate::proto::SERVICES;

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

/// The rows that a call reaches. For what it does not reach and what is not on file, the answer is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Everyone and everything.
    Everything,
    /// People with a job with the caller, past or present, not retracted, as known at the head.
    OwnStaff,
    /// The same; and the verdict, with its reasons, on anyone whose number, or whose name and birth date, the caller
    /// knows. No other provider may be named.
    OwnStaffAndVerdicts,
    /// Facts of what is the caller's business, also those that others reported: of providers for the certifier, of jobs
    /// with it for a provider.
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

/// A method of the contract and who may do what by it.
#[derive(Debug)]
pub struct Method {
    /// The service, without its package.
    pub service: &'static str,
    /// The method.
    pub name: &'static str,
    /// Whether its requests or its answers are a stream: such a call may last.
    pub streams: bool,
    /// Whether it may have much in memory until its answers have been read, or reads much: a stream, a batch, a page, or
    /// what reads every credential.
    pub is_large: bool,
    /// Whether it may record something.
    pub writes: bool,
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

/// The table: service, method, grants.
const TABLE: &[(&str, &str, &[Grant])] = &[
    ("VerificationService", "VerifyCredential", QUESTION),
    ("VerificationService", "BatchVerifyCredentials", QUESTION),
    ("VerificationService", "StreamVerifyCredentials", QUESTION),
    ("VerificationService", "CheckBillingEligibility", QUESTION),
    ("VerificationService", "BatchCheckBillingEligibility", QUESTION),
    ("VerificationService", "StreamCheckBillingEligibility", QUESTION),
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
    ("RecordService", "ListReads", REGISTRARS_READ),
    ("RecordService", "ListReviewItems", REGISTRARS_READ),
    ("RecordService", "ImportRecords", REGISTRARS),
    ("ChangeService", "WatchChanges", RECORD),
    ("ChangeService", "ListChanges", RECORD),
];

/// What reads every credential, however short its answer is.
const READS_ALL: &[(&str, &str)] = &[("ProviderService", "GetProgramStatistics")];

/// The package of the contract's services.
pub const PACKAGE: &str = "ms.dmh.credential.v1";

/// Every method of the contract, by its path.
static METHODS: LazyLock<HashMap<&'static str, Method, RandomState>> = LazyLock::new(|| {
    let described = SERVICES.iter().flat_map(|service| service.methods);
    let methods = described.map(|method| {
        let mut rows = TABLE.iter().filter(|(service, name, _)| (*service, *name) == (method.service, method.name));
        let row = Method {
            service: method.service,
            name: method.name,
            streams: method.streams,
            is_large: method.streams || method.takes_many || READS_ALL.contains(&(method.service, method.name)),
            writes: method.writes,
            grants: rows.next().map_or(&[], |(.., grants)| grants),
        };
        (method.path, row)
    });
    methods.collect()
});

/// Every method of the contract with the roles that may call it, in no order.
pub fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.values()
}

/// The method of a path (`/package.Service/Method`). None: no method of the contract.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path)
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
