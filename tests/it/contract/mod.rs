//! The whole contract, checked from its descriptor set: every method is implemented, each role may call what the table
//! allows, and all mutations have the same form; and health and reflection.

mod calls;
mod form;
pub mod health;

use std::collections::{BTreeMap, BTreeSet};

use cpss_registry::auth;
use cpss_registry::proto::v1::GetCallerRequest;
use prost::bytes::Bytes;
use prost_types::MethodDescriptorProto;
use tonic::Code;

use super::harness::raw::{PACKAGE, message, methods};
use super::harness::{Refusal as _, TODAY, TestServer};

/// "Who may do what", method by method: no entry means denied. `W`: the method records facts.
const TABLE: &str = "
    VerificationService/VerifyCredential               registrar           provider payer auditor
    VerificationService/BatchVerifyCredentials         registrar           provider payer auditor
    VerificationService/StreamVerifyCredentials        registrar           provider payer auditor
    VerificationService/CheckBillingEligibility        registrar           provider payer auditor
    VerificationService/BatchCheckBillingEligibility   registrar           provider payer auditor
    VerificationService/StreamCheckBillingEligibility  registrar           provider payer auditor
    VerificationService/ReviewEligibility              registrar           provider payer auditor
    VerificationService/BatchReviewEligibility         registrar           provider payer auditor
    VerificationService/StreamReviewEligibility        registrar           provider payer auditor
    VerificationService/GetCredential                  registrar           provider payer auditor
    VerificationService/ListStandingPeriods            registrar           provider payer auditor
  W CredentialService/RegisterSpecialist               registrar
  W CredentialService/ChangeSpecialistName             registrar
  W CredentialService/RecordDeath                      registrar
    CredentialService/EvaluateApplication              registrar                          auditor
  W CredentialService/IssueCredential                  registrar
  W CredentialService/RenewCredential                  registrar
  W CredentialService/GrantDesignation                 registrar
  W CredentialService/SuspendCredential                registrar
  W CredentialService/LimitCredential                  registrar
  W CredentialService/GrantInactiveStatus              registrar
  W CredentialService/RevokeCredential                 registrar
  W CredentialService/RecordSurrender                  registrar
  W CredentialService/RecordRelinquishment             registrar
  W CredentialService/RecordRetirement                 registrar
  W CredentialService/ReinstateCredential              registrar
    CredentialService/FindSpecialists                  registrar                          auditor
  W CredentialService/SetPriorNumber                   registrar
    CredentialService/ListCredentials                  registrar                          auditor
    CredentialService/ListRuleSets                     registrar                          auditor
  W EmploymentService/ReportEmploymentStart            registrar           provider
  W EmploymentService/ReportEmploymentEnd              registrar           provider
  W EmploymentService/CorrectEmployment                registrar           provider
  W EmploymentService/TransferEmployments              registrar
    EmploymentService/ListEmployments                  registrar           provider       auditor
    EmploymentService/ReconcileRoster                  registrar           provider       auditor
  W ProviderService/RegisterProvider                             certifier
  W ProviderService/UpdateProvider                               certifier
  W ProviderService/RecordQualification                          certifier
  W ProviderService/SuspendProvider                              certifier
  W ProviderService/CertifyPeerService                           certifier
  W ProviderService/SuspendPeerService                           certifier
    ProviderService/GetProvider                        registrar certifier                auditor
    ProviderService/ListProviders                      registrar certifier                auditor
    ProviderService/GetProgramStatistics               registrar certifier                auditor
  W RecordService/EndPeriod                            registrar certifier provider
  W RecordService/RetractFact                          registrar certifier provider
    RecordService/ListFacts                            registrar certifier provider       auditor
    RecordService/PreviewImpact                        registrar certifier provider       auditor
    RecordService/ListReads                            registrar                                auditor
    RecordService/ListReviewItems                      registrar                                auditor
    RecordService/ImportRecords                        registrar
    ChangeService/WatchChanges                         registrar           provider payer auditor
    ChangeService/ListChanges                          registrar           provider payer auditor
    OperationsService/StreamBackup                                                          operator
    OperationsService/GetStatus                        registrar                          auditor operator
    OperationsService/GetCaller                        registrar certifier provider payer auditor operator
    LogService/GetCheckpoint                           registrar certifier provider payer auditor operator
    LogService/GetInclusionProof                       registrar certifier provider payer auditor operator
    LogService/GetConsistencyProof                     registrar certifier provider payer auditor operator
    LogService/GetSigningKeys                          registrar certifier provider payer auditor operator
";

const ROLES: &[&str] = &["registrar", "certifier", "provider", "payer", "auditor", "operator"];

/// A row of the table.
struct Row {
    method: &'static str,
    writes: bool,
    roles: BTreeSet<&'static str>,
}

fn table() -> Vec<Row> {
    let rows = TABLE.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| {
        let (writes, row) = line.trim().strip_prefix("W ").map_or((false, line.trim()), |row| (true, row));
        let mut words = row.split_whitespace();
        let method = words.next().unwrap();
        let roles: BTreeSet<_> = words.collect();
        assert!(roles.iter().all(|role| ROLES.contains(role)), "{method}: an unknown role");
        Row { method, writes, roles }
    })
    .collect()
}

/// Every method, with whether it records facts according to the table.
fn described() -> Vec<(bool, String, MethodDescriptorProto)> {
    let writing: BTreeMap<_, _> = table().into_iter().map(|row| (row.method, row.writes)).collect();
    let writes = |name: &str| *writing.get(name).unwrap_or_else(|| panic!("{name} is not in this test's table"));
    methods().into_iter().map(|(name, method)| (writes(&name), name, method)).collect()
}

#[test]
fn the_contract_and_both_tables_name_the_same_methods() {
    let contract: BTreeSet<_> = methods().into_iter().map(|(name, _)| name).collect();
    let granted = auth::methods().filter(|method| !method.grants.is_empty());
    let code: BTreeSet<_> = granted.map(|method| format!("{}/{}", method.service, method.name)).collect();
    let test: BTreeSet<_> = table().into_iter().map(|row| row.method.to_owned()).collect();
    assert_eq!(code, contract, "the table of auth/permissions.rs and the descriptor set");
    assert_eq!(test, contract, "this test's table and the descriptor set");
    assert_eq!((auth::methods().count(), table().len()), (contract.len(), contract.len()), "each once");
}

#[tokio::test]
async fn each_role_learns_who_it_is_and_what_it_may_call() {
    let server = TestServer::start(TODAY).await;
    for role in ROLES {
        let provider = if *role == "provider" { "example-region-9" } else { "" };
        let caller = if provider.is_empty() { (*role).to_owned() } else { format!("{role}:{provider}") };
        let answer = server.client().calling_as(&caller).ask(GetCallerRequest::default()).await;
        assert_eq!((&*answer.role, &*answer.provider_id), (*role, provider));
        assert!(!answer.client.is_empty());
        let allowed = table().into_iter().filter(|row| row.roles.contains(role));
        let allowed: BTreeSet<_> = allowed.map(|row| row.method.to_owned()).collect();
        assert_eq!(answer.methods, allowed.into_iter().collect::<Vec<_>>(), "{role}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_rpc_is_implemented() {
    let server = TestServer::start(TODAY).await;
    for (method, _) in methods() {
        if let Err(status) = server.client().call_empty(&method).await {
            assert_ne!(status.code(), Code::Unimplemented, "{method}");
            assert!(!status.reason().is_empty(), "{method}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_method_or_service_is_unimplemented() {
    let server = TestServer::start(TODAY).await;
    for caller in ROLES.iter().map(|role| if *role == "provider" { "provider:example-region-9" } else { role }) {
        for method in ["VerificationService/NoMethod", "NoService/VerifyCredential"] {
            let refused = server.client().calling_as(caller).call_empty(method).await.unwrap_err();
            assert_eq!(
                refused.code_and_reason(),
                (Code::Unimplemented, "UNIMPLEMENTED".to_owned()),
                "{method} as {caller}"
            );
        }
    }
    for path in ["/example.v1.NoService/NoMethod", "/grpc.health.v1.Health/NoMethod", "/grpc.reflection.v2.No/Method"] {
        let refused = server.client().call_path(path, vec![Bytes::new()]).await.unwrap_err();
        assert_eq!(refused.code_and_reason(), (Code::Unimplemented, "UNIMPLEMENTED".to_owned()), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_method_is_denied_to_every_role_that_the_table_does_not_allow() {
    let server = TestServer::start(TODAY).await;
    let mut wrong = Vec::new();
    for Row { method, roles, .. } in table() {
        for role in ROLES {
            let caller = if *role == "provider" { "provider:example-region-9" } else { role };
            let answer = server.client().calling_as(caller).call_empty(method).await;
            let denied = answer.is_err_and(|status| {
                assert_ne!(status.code(), Code::Unauthenticated, "{method} as {caller}");
                status.code_and_reason() == (Code::PermissionDenied, "PERMISSION_DENIED".to_owned())
            });
            if denied == roles.contains(role) {
                wrong.push(format!("{method} is {} {role}", if denied { "denied to" } else { "open to" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for nobody in ["registry", "provider:", "Registrar"] {
        let refused = server.client().calling_as(nobody).call_empty("VerificationService/GetCredential").await;
        assert_eq!(
            refused.unwrap_err().code_and_reason(),
            (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()),
            "{nobody:?}"
        );
    }
    server.stop().await;
}

/// The common first fields of every mutation, and the common fields of every mutation response.
const ASKED: &[&str] = &["request_id", "validate_only", "note"];
const ANSWERED: &[&str] = &[
    "fact_id",
    "fact_count",
    "fact_ids",
    "epoch",
    "revision",
    "token",
    "change_count",
    "changes",
    "foreseen_change_count",
    "foreseen_changes",
    "specialist_count",
    "signed_receipt",
];

fn fields(of: &str) -> BTreeSet<String> {
    message(of).field.iter().map(|field| field.name().to_owned()).collect()
}

#[test]
fn every_mutation_has_the_common_fields() {
    for (writes, method, descriptor) in described() {
        let (request, response) = (fields(descriptor.input_type()), fields(descriptor.output_type()));
        if writes {
            let asked = ASKED.iter().chain(&["receipt"]);
            assert!(asked.clone().all(|name| request.contains(*name)), "{method} takes {request:?}");
            assert!(ANSWERED.iter().all(|name| response.contains(*name)), "{method} answers {response:?}");
            let more = ["employment_count", "possible_duplicates"].iter().filter(|name| response.contains(**name));
            let expected = ANSWERED.len() + 1 + more.count();
            assert_eq!(response.len(), expected, "{method} also returns its resource: {response:?}");
            assert!(!descriptor.client_streaming() && !descriptor.server_streaming(), "{method} is one call");
        } else {
            assert!(!request.contains("request_id"), "{method} records nothing but has a request_id");
            assert!(!response.contains("fact_ids"), "{method} records nothing but returns fact_ids");
        }
    }
    let row = fields(&format!(".{PACKAGE}.ImportRow"));
    assert!(ASKED.iter().all(|name| row.contains(*name)), "a row of an import is a request as well: {row:?}");
}

#[test]
fn every_rpc_has_messages_of_its_own() {
    let mut used = BTreeSet::new();
    for (name, method) in methods() {
        let short = name.split_once('/').unwrap().1;
        assert_eq!(method.input_type(), format!(".{PACKAGE}.{short}Request"));
        assert_eq!(method.output_type(), format!(".{PACKAGE}.{short}Response"));
        assert!(used.insert(short.to_owned()), "{short} is in two services");
    }
}
