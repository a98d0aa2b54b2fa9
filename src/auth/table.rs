//! The table of the contract, "Who may do what": method × role. Absent means denied.

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

/// A row: a method and the roles that may call it.
#[derive(Debug)]
pub struct Method {
    /// The service, without its package.
    pub service: &'static str,
    /// The method.
    pub name: &'static str,
    /// Who may call it.
    pub roles: &'static [RoleName],
}

use RoleName::{Auditor, Certifier, Payer, Provider, Registrar};

const QUESTIONS: &[RoleName] = &[Registrar, Provider, Payer, Auditor];
const REGISTRAR: &[RoleName] = &[Registrar];
const REGISTRAR_READS: &[RoleName] = &[Registrar, Auditor];
const EMPLOYER: &[RoleName] = &[Registrar, Provider];
const EMPLOYER_READS: &[RoleName] = &[Registrar, Provider, Auditor];
const CERTIFIER: &[RoleName] = &[Certifier];
const CERTIFIER_READS: &[RoleName] = &[Registrar, Certifier, Auditor];
const AMENDMENTS: &[RoleName] = &[Registrar, Certifier, Provider];
const FACTS: &[RoleName] = &[Registrar, Certifier, Provider, Auditor];

const fn row(service: &'static str, name: &'static str, roles: &'static [RoleName]) -> Method {
    Method { service, name, roles }
}

/// Every method of the contract.
pub const METHODS: &[Method] = &[
    row("VerificationService", "VerifyCredential", QUESTIONS),
    row("VerificationService", "BatchVerifyCredentials", QUESTIONS),
    row("VerificationService", "StreamVerifyCredentials", QUESTIONS),
    row("VerificationService", "CheckBillingEligibility", QUESTIONS),
    row("VerificationService", "BatchCheckBillingEligibility", QUESTIONS),
    row("VerificationService", "StreamCheckBillingEligibility", QUESTIONS),
    row("VerificationService", "GetCredential", QUESTIONS),
    row("VerificationService", "ListStandingPeriods", QUESTIONS),
    row("CredentialService", "RegisterSpecialist", REGISTRAR),
    row("CredentialService", "ChangeSpecialistName", REGISTRAR),
    row("CredentialService", "RecordDeath", REGISTRAR),
    row("CredentialService", "EvaluateApplication", REGISTRAR_READS),
    row("CredentialService", "IssueCredential", REGISTRAR),
    row("CredentialService", "RenewCredential", REGISTRAR),
    row("CredentialService", "GrantDesignation", REGISTRAR),
    row("CredentialService", "SuspendCredential", REGISTRAR),
    row("CredentialService", "LimitCredential", REGISTRAR),
    row("CredentialService", "GrantInactiveStatus", REGISTRAR),
    row("CredentialService", "RevokeCredential", REGISTRAR),
    row("CredentialService", "RecordSurrender", REGISTRAR),
    row("CredentialService", "RecordRelinquishment", REGISTRAR),
    row("CredentialService", "RecordRetirement", REGISTRAR),
    row("CredentialService", "ReinstateCredential", REGISTRAR),
    row("CredentialService", "ListCredentials", REGISTRAR_READS),
    row("CredentialService", "ListRuleSets", REGISTRAR_READS),
    row("EmploymentService", "ReportEmploymentStart", EMPLOYER),
    row("EmploymentService", "ReportEmploymentEnd", EMPLOYER),
    row("EmploymentService", "CorrectEmployment", EMPLOYER),
    row("EmploymentService", "TransferEmployments", REGISTRAR),
    row("EmploymentService", "ListEmployments", EMPLOYER_READS),
    row("EmploymentService", "ReconcileRoster", EMPLOYER_READS),
    row("ProviderService", "RegisterProvider", CERTIFIER),
    row("ProviderService", "UpdateProvider", CERTIFIER),
    row("ProviderService", "RecordQualification", CERTIFIER),
    row("ProviderService", "SuspendProvider", CERTIFIER),
    row("ProviderService", "CertifyPeerService", CERTIFIER),
    row("ProviderService", "SuspendPeerService", CERTIFIER),
    row("ProviderService", "GetProvider", CERTIFIER_READS),
    row("ProviderService", "ListProviders", CERTIFIER_READS),
    row("ProviderService", "GetProgramStatistics", CERTIFIER_READS),
    row("RecordService", "EndPeriod", AMENDMENTS),
    row("RecordService", "RetractFact", AMENDMENTS),
    row("RecordService", "ListFacts", FACTS),
    row("RecordService", "ImportRecords", REGISTRAR),
    row("ChangeService", "WatchChanges", QUESTIONS),
    row("ChangeService", "ListChanges", QUESTIONS),
];

/// Whether a role may call the method of a path (`/package.Service/Method`).
pub fn allows(path: &str, role: &Role) -> bool {
    let Some((service, name)) = path.strip_prefix("/ms.dmh.credential.v1.").and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let roles: &[RoleName] = match role {
        Role::Registry => &[],
        Role::Registrar => &[Registrar],
        Role::Certifier => &[Certifier],
        Role::RegistrarAndCertifier => &[Registrar, Certifier],
        Role::Provider(_) => &[Provider],
        Role::Payer => &[Payer],
        Role::Auditor => &[Auditor],
    };
    let row = METHODS.iter().find(|row| row.service == service && row.name == name);
    row.is_some_and(|row| row.roles.iter().any(|allowed| roles.contains(allowed)))
}
