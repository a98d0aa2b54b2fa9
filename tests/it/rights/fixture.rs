//! Two providers with their staff, and a request of every method about any of them.

use cpss_registry::proto::v1;
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::Status;

use crate::harness::requests::*;
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED, QUALIFIED_FROM};
use crate::harness::{Client, Refusal as _, TODAY, TestServer, until};

/// A person with one job, and the provider that reported it.
#[derive(Clone, Debug)]
pub struct Row {
    pub provider_id: String,
    /// The certifier's fact about the provider.
    pub certificate: String,
    pub number: String,
    pub family_name: &'static str,
    pub specialist_id: String,
    pub employment_id: String,
    /// The fact that started the job, reported by the provider.
    pub start: String,
}

/// A number that nobody has, with a valid check character.
pub const MADE_UP: &str = "CPS-0000-0000-0";

/// A registry with two providers and their staff.
pub struct Fixture {
    pub server: TestServer,
    pub north: Row,
    pub south: Row,
}

impl Fixture {
    pub async fn built() -> Fixture {
        let server = TestServer::start_with_backups(TODAY).await;
        let north = row(&server.client(), "north", "Rosalind", "Example-Northey").await;
        let south = row(&server.client(), "south", "Ottoline", "Example-Southey").await;
        Fixture { server, north, south }
    }

    /// A row with unknown ids of the same form as those of another row.
    pub fn made_up(like: &Row) -> Row {
        let (start, certificate) = (like.start.clone(), like.certificate.clone());
        let other = |fact: String| format!("{}9", &fact[..fact.len() - 1]);
        Row {
            provider_id: "souts".to_owned(),
            certificate: other(certificate),
            number: MADE_UP.to_owned(),
            family_name: like.family_name,
            specialist_id: "SP-0000-0000-0".to_owned(),
            employment_id: "EM-0000-0000-0".to_owned(),
            start: other(start),
        }
    }

    pub fn as_north(&self) -> Client {
        self.server.client().calling_as("provider:north")
    }
}

async fn row(registry: &Client, provider: &str, given_name: &str, family_name: &'static str) -> Row {
    let certifier = registry.calling_as("certifier");
    let register = register_provider(&format!("Example Center {provider}"));
    certifier.ask(v1::RegisterProviderRequest { provider_id: provider.to_owned(), ..register }).await;
    let certificate = certifier.ask(qualify(provider, QUALIFIED_FROM)).await.fact_id;
    let specialist_id = registry.specialist(given_name, family_name).await;
    let employer = registry.calling_as(&format!("provider:{provider}"));
    let noted = v1::ReportEmploymentStartRequest {
        note: "An example note".to_owned(),
        ..start_job(&specialist_id, provider, HIRED)
    };
    let started = employer.ask(noted).await;
    let issued = registry.report(issue(&specialist_id, EFFECTIVE_FROM)).await;
    Row {
        provider_id: provider.to_owned(),
        certificate,
        number: issued.credential.unwrap().credential_number,
        family_name,
        specialist_id,
        employment_id: started.employment.unwrap().employment_id,
        start: started.fact_id,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the request is built at the call")]
fn of(message: impl prost::Message) -> Vec<Bytes> {
    vec![message.encode_to_vec().into()]
}

/// The messages of a call about a row, with a question that names a provider. Nothing is recorded.
pub fn call(method: &str, row: &Row, named: &str) -> Vec<Bytes> {
    let (service, name) = method.split_once('/').unwrap();
    match service {
        "VerificationService" => question(name, row, named),
        "CredentialService" => registrars(name, row),
        "EmploymentService" => employers(name, row, named),
        "ProviderService" => certifiers(name, row),
        "RecordService" | "ChangeService" => record(name, row),
        "OperationsService" if name == "GetStatus" => of(v1::GetStatusRequest::default()),
        "OperationsService" if name == "GetCaller" => of(v1::GetCallerRequest::default()),
        "OperationsService" => of(v1::StreamBackupRequest::default()),
        "LogService" => transparency(name),
        _ => panic!("no request for {method}"),
    }
}

/// Proofs about the first records, which are nobody's.
fn transparency(name: &str) -> Vec<Bytes> {
    match name {
        "GetCheckpoint" => of(v1::GetCheckpointRequest::default()),
        "GetInclusionProof" => of(v1::GetInclusionProofRequest { revision: 1, tree_size: 3 }),
        "GetConsistencyProof" => of(v1::GetConsistencyProofRequest { first_size: 2, second_size: 3 }),
        "GetSigningKeys" => of(v1::GetSigningKeysRequest::default()),
        _ => panic!("no request for {name}"),
    }
}

fn question(name: &str, row: &Row, named: &str) -> Vec<Bytes> {
    let verification = || verify_with(named, &row.number, None).item.unwrap();
    let claim = || bill(&row.number, named, "2026-02-20").item.unwrap();
    let answered = || answered(claim(), 1);
    match name {
        "VerifyCredential" => of(verify_with(named, &row.number, None)),
        "BatchVerifyCredentials" => {
            of(v1::BatchVerifyCredentialsRequest { items: vec![verification()], ..Default::default() })
        }
        "StreamVerifyCredentials" => {
            use v1::stream_verify_credentials_request::Kind;
            let message = |kind| v1::StreamVerifyCredentialsRequest { kind: Some(kind) }.encode_to_vec().into();
            vec![message(Kind::Options(v1::StreamOptions::default())), message(Kind::Item(verification()))]
        }
        "CheckBillingEligibility" => of(bill(&row.number, named, "2026-02-20")),
        "BatchCheckBillingEligibility" => {
            of(v1::BatchCheckBillingEligibilityRequest { items: vec![claim()], ..Default::default() })
        }
        "StreamCheckBillingEligibility" => {
            use v1::stream_check_billing_eligibility_request::Kind;
            let message = |kind| v1::StreamCheckBillingEligibilityRequest { kind: Some(kind) }.encode_to_vec().into();
            vec![message(Kind::Options(v1::StreamOptions::default())), message(Kind::Item(claim()))]
        }
        "ReviewEligibility" => of(v1::ReviewEligibilityRequest { item: Some(answered()), ..Default::default() }),
        "BatchReviewEligibility" => {
            of(v1::BatchReviewEligibilityRequest { items: vec![answered()], ..Default::default() })
        }
        "StreamReviewEligibility" => {
            use v1::stream_review_eligibility_request::Kind;
            let message = |kind| v1::StreamReviewEligibilityRequest { kind: Some(kind) }.encode_to_vec().into();
            vec![message(Kind::Options(v1::StreamOptions::default())), message(Kind::Item(answered()))]
        }
        "GetCredential" => of(v1::GetCredentialRequest { credential_number: row.number.clone(), ..Default::default() }),
        "ListStandingPeriods" => of(periods(&row.number, None)),
        _ => panic!("no request for {name}"),
    }
}

/// A request with the fields common to its kind.
macro_rules! judged {
    ($request:ident { $($field:ident: $value:expr),* $(,)? }) => {
        of(v1::$request {
            request_id: new_request_id(),
            validate_only: true,
            $($field: $value,)*
            ..Default::default()
        })
    };
}

fn registrars(name: &str, row: &Row) -> Vec<Bytes> {
    let number = || row.number.clone();
    let day = Some(date("2026-02-20"));
    match name {
        "RegisterSpecialist" => {
            of(v1::RegisterSpecialistRequest { validate_only: true, ..register_specialist("Leopold", "Example-Marsh") })
        }
        "ChangeSpecialistName" => {
            let request = change_name(&row.specialist_id, "Rosalind", "Example-Renamed");
            of(v1::ChangeSpecialistNameRequest { validate_only: true, ..request })
        }
        "RecordDeath" => judged!(RecordDeathRequest { specialist_id: row.specialist_id.clone(), death_date: day }),
        "EvaluateApplication" => of(v1::EvaluateApplicationRequest {
            specialist_id: row.specialist_id.clone(),
            application: Some(application()),
            effective_from: Some(date(EFFECTIVE_FROM)),
            designations: vec![v1::Designation::AdultAndRecovery.into()],
        }),
        "IssueCredential" => {
            of(v1::IssueCredentialRequest { validate_only: true, ..issue(&row.specialist_id, EFFECTIVE_FROM) })
        }
        "RenewCredential" => {
            judged!(RenewCredentialRequest { credential_number: number(), continuing_education_hours: 100.0 })
        }
        "GrantDesignation" => judged!(GrantDesignationRequest {
            credential_number: number(),
            code: v1::Designation::YoungAdult.into(),
            first_day: day,
        }),
        "SuspendCredential" => {
            of(v1::SuspendCredentialRequest { validate_only: true, ..suspend(&row.number, "2026-02-20", None) })
        }
        "LimitCredential" => {
            judged!(LimitCredentialRequest { credential_number: number(), text: "Example".to_owned(), first_day: day })
        }
        "GrantInactiveStatus" => judged!(GrantInactiveStatusRequest { credential_number: number(), first_day: day }),
        "RevokeCredential" => judged!(RevokeCredentialRequest {
            credential_number: number(),
            effective_from: day,
            basis: v1::RevocationBasis::Disciplinary.into(),
        }),
        "RecordSurrender" => judged!(RecordSurrenderRequest { credential_number: number(), effective_from: day }),
        "RecordRelinquishment" => {
            judged!(RecordRelinquishmentRequest { credential_number: number(), effective_from: day })
        }
        "RecordRetirement" => judged!(RecordRetirementRequest { credential_number: number(), effective_from: day }),
        "ReinstateCredential" => {
            of(v1::ReinstateCredentialRequest { validate_only: true, ..reinstate(&row.number, "2026-02-20") })
        }
        "FindSpecialists" => {
            of(v1::FindSpecialistsRequest { family_name: row.family_name.to_owned(), ..Default::default() })
        }
        "SetPriorNumber" => {
            judged!(SetPriorNumberRequest { credential_number: number(), prior_number: "MS-00417".to_owned() })
        }
        "ListCredentials" => {
            of(v1::ListCredentialsRequest { specialist_id: row.specialist_id.clone(), ..Default::default() })
        }
        "ListRuleSets" => of(v1::ListRuleSetsRequest::default()),
        _ => panic!("no request for {name}"),
    }
}

fn employers(name: &str, row: &Row, named: &str) -> Vec<Bytes> {
    match name {
        "ReportEmploymentStart" => of(v1::ReportEmploymentStartRequest {
            validate_only: true,
            ..start_job(&row.specialist_id, named, "2026-02-20")
        }),
        "ReportEmploymentEnd" => {
            of(v1::ReportEmploymentEndRequest { validate_only: true, ..end_job(&row.employment_id, "2026-02-20") })
        }
        "CorrectEmployment" => judged!(CorrectEmploymentRequest {
            employment_id: row.employment_id.clone(),
            first_day: Some(date("2024-01-15")),
        }),
        "TransferEmployments" => judged!(TransferEmploymentsRequest {
            from_provider_id: row.provider_id.clone(),
            to_provider_id: if row.provider_id == "north" { "south".to_owned() } else { "north".to_owned() },
            last_day: Some(date("2026-02-20")),
        }),
        "ListEmployments" => of(v1::ListEmploymentsRequest {
            provider_id: named.to_owned(),
            specialist_id: row.specialist_id.clone(),
            ..Default::default()
        }),
        "ReconcileRoster" => {
            use v1::reconcile_roster_request::Kind;
            let message = |kind| v1::ReconcileRosterRequest { kind: Some(kind) }.encode_to_vec().into();
            let options = v1::RosterOptions { provider_id: named.to_owned(), ..Default::default() };
            let subject = v1::roster_row::Subject::CredentialNumber(row.number.clone());
            let listed = v1::RosterRow { subject: Some(subject), ..Default::default() };
            vec![message(Kind::Options(options)), message(Kind::Row(listed))]
        }
        _ => panic!("no request for {name}"),
    }
}

fn certifiers(name: &str, row: &Row) -> Vec<Bytes> {
    let id = || row.provider_id.clone();
    let day = Some(date("2026-02-20"));
    match name {
        "RegisterProvider" => {
            of(v1::RegisterProviderRequest { validate_only: true, ..register_provider("Example Center east") })
        }
        "UpdateProvider" => judged!(UpdateProviderRequest {
            provider_id: id(),
            legal_name: "Example Center".to_owned(),
            facility_type: v1::FacilityType::CommunityMentalHealthCenter.into(),
            county: "Hinds".to_owned(),
        }),
        "RecordQualification" => {
            of(v1::RecordQualificationRequest { validate_only: true, ..qualify(&row.provider_id, "2026-02-20") })
        }
        "SuspendProvider" => of(v1::SuspendProviderRequest {
            validate_only: true,
            ..suspend_provider(&row.provider_id, "2026-02-20", None)
        }),
        "CertifyPeerService" => judged!(CertifyPeerServiceRequest { provider_id: id(), first_day: day }),
        "SuspendPeerService" => judged!(SuspendPeerServiceRequest { provider_id: id(), first_day: day }),
        "GetProvider" => of(v1::GetProviderRequest { provider_id: id(), ..Default::default() }),
        "ListProviders" => of(v1::ListProvidersRequest::default()),
        "GetProgramStatistics" => of(v1::GetProgramStatisticsRequest::default()),
        _ => panic!("no request for {name}"),
    }
}

/// A row of an import that ends the job of a row.
fn ended_row(row: &Row) -> v1::ImportRow {
    let end = end_job(&row.employment_id, "2026-02-20");
    let end = v1::ReportEmploymentEndRequest { request_id: String::new(), ..end };
    let command = Some(v1::import_row::Command::ReportEmploymentEnd(end));
    v1::ImportRow { request_id: new_request_id(), validate_only: true, command, ..Default::default() }
}

fn record(name: &str, row: &Row) -> Vec<Bytes> {
    let numbers = || vec![row.number.clone()];
    match name {
        "EndPeriod" => {
            of(v1::EndPeriodRequest { validate_only: true, ..end_period(&row.start, "2026-02-20", "Example") })
        }
        "RetractFact" => of(v1::RetractFactRequest { validate_only: true, ..retract(&row.start, "Example") }),
        "ListFacts" => of(facts_of_specialist(&row.specialist_id)),
        "ListReads" => of(v1::ListReadsRequest {
            credential_number: row.number.clone(),
            // Before any line: this call itself adds a line that the next call would return.
            last_day: Some(date("2020-01-01")),
            ..Default::default()
        }),
        "ListReviewItems" => of(v1::ListReviewItemsRequest::default()),
        "ImportRecords" => of(v1::ImportRecordsRequest { row: Some(ended_row(row)) }),
        "PreviewImpact" => {
            let subject = v1::preview_impact_request::Subject::Command(ended_row(row));
            of(v1::PreviewImpactRequest { subject: Some(subject), ..Default::default() })
        }
        "WatchChanges" => of(v1::WatchChangesRequest { credential_numbers: numbers(), ..Default::default() }),
        "ListChanges" => of(v1::ListChangesRequest { credential_numbers: numbers(), ..Default::default() }),
        _ => panic!("no request for {name}"),
    }
}

/// Calls a method, again as long as the client's backup before has not ended. A walk leaves a backup before its end,
/// and the server notices that only when it sends the next part.
pub async fn in_turn(method: &str, call: impl AsyncFn() -> Result<Vec<Bytes>, Status>) -> Result<Vec<Bytes>, Status> {
    let mut answer = None;
    until("the end of the backup before", async || {
        let called = call().await;
        let is_refused = called.as_ref().is_err_and(|status| status.reason() == "TOO_MANY");
        answer = Some(called);
        !(is_refused && method == "OperationsService/StreamBackup")
    })
    .await;
    answer.unwrap()
}
