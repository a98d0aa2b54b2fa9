//! Every method of the descriptor set × every role × no identity, the wrong role, the right role, and the right role on
//! someone else's row. No method, role or listener is excepted.

use prost::bytes::Bytes;
use tonic::{Code, Status};

use super::fixture::{Fixture, Row, call, in_turn};
use crate::harness::raw::methods;
use crate::harness::{BytesListener, Client, Codec, Refusal as _};
use crate::source_tree::rooms_that_import;

/// A listener under test.
trait WayIn: Sized {
    /// The same listener with this caller.
    fn calling_as(&self, caller: &str) -> Self;

    /// Calls a method. Returns at most as many responses as there were messages.
    async fn answers(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status>;
}

impl WayIn for Client {
    fn calling_as(&self, caller: &str) -> Client {
        Client::calling_as(self, caller)
    }

    async fn answers(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        self.call_messages(method, messages).await
    }
}

impl WayIn for BytesListener {
    fn calling_as(&self, caller: &str) -> BytesListener {
        self.clone().with("x-dev-caller", caller)
    }

    async fn answers(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        self.answer(method, messages).await
    }
}

/// The expected result of a call on someone else's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The role may not call the method.
    Denied,
    /// Answered like any other.
    Reached,
    /// Answered, with fields left out; other tests check them.
    Narrowed,
    /// Refused with the same bytes as an unknown row.
    Hidden,
}

/// The contract's table for rows of others: registrar, certifier, provider, payer, auditor, operator.
fn reach(method: &str, role: &str) -> Reach {
    use Reach::{Denied, Hidden, Narrowed, Reached};
    let (service, name) = method.split_once('/').unwrap();
    match (service, name, role) {
        ("OperationsService", "StreamBackup", "operator") => Reached,
        ("OperationsService", "GetStatus", "registrar" | "auditor" | "operator") => Reached,
        ("LogService", ..) | ("OperationsService", "GetCaller", _) => Reached,
        ("OperationsService", ..) | (_, _, "operator") => Denied,
        ("ProviderService", "GetProvider" | "ListProviders" | "GetProgramStatistics", "registrar" | "auditor") => {
            Reached
        }
        ("ProviderService", _, "certifier") => Reached,
        ("ProviderService", ..) | (_, "ImportRecords", "certifier" | "provider" | "payer" | "auditor") => Denied,
        (_, _, "registrar") => Reached,
        ("RecordService", "EndPeriod" | "RetractFact" | "ListFacts", "certifier" | "provider") => Hidden,
        ("RecordService", "PreviewImpact", "provider") => Hidden,
        ("RecordService", "ListFacts" | "ListReads" | "ListReviewItems", "auditor") => Reached,
        ("RecordService", ..) | (_, _, "certifier") => Denied,
        (
            "CredentialService",
            "EvaluateApplication" | "FindSpecialists" | "ListCredentials" | "ListRuleSets",
            "auditor",
        ) => Reached,
        ("CredentialService", ..) => Denied,
        ("EmploymentService", "ListEmployments" | "ReconcileRoster", "auditor") => Reached,
        ("EmploymentService", "TransferEmployments", "provider") => Denied,
        ("EmploymentService", "ReportEmploymentEnd" | "CorrectEmployment", "provider") => Hidden,
        ("EmploymentService", _, "provider") => Narrowed,
        ("EmploymentService", ..) => Denied,
        ("VerificationService", "GetCredential" | "ListStandingPeriods", "provider") => Hidden,
        ("VerificationService", _, "provider") => Narrowed,
        ("ChangeService", _, "provider") => Hidden,
        ("VerificationService" | "ChangeService", ..) => Reached,
        _ => panic!("the table has no entry for {role} and {method}"),
    }
}

const CALLERS: &[(&str, &str)] = &[
    ("registrar", "registrar"),
    ("certifier", "certifier"),
    ("provider", "provider:north"),
    ("payer", "payer"),
    ("auditor", "auditor"),
    ("operator", "operator"),
];

async fn outcome(caller: &impl WayIn, method: &str, row: &Row, named: &str) -> Result<Vec<Bytes>, Status> {
    let answers = in_turn(method, async || caller.answers(method, call(method, row, named)).await).await;
    if let Err(status) = &answers {
        assert!(!status.reason().is_empty());
    }
    answers
}

/// Whether a call passed the permission checks: answered, or refused by a rule.
fn is_let_in(answer: &Result<Vec<Bytes>, Status>) -> bool {
    match answer {
        Ok(answers) => !answers.is_empty(),
        Err(status) => matches!(status.code(), Code::FailedPrecondition | Code::AlreadyExists),
    }
}

/// All bytes of a refusal, with the ids replaced by made-up ones.
fn all_of(status: &Status, named: &Row, made_up: &Row) -> Vec<u8> {
    let mut shown = status.details_of_any_request();
    for (id, other) in [
        (&named.number, &made_up.number),
        (&named.specialist_id, &made_up.specialist_id),
        (&named.employment_id, &made_up.employment_id),
        (&named.start, &made_up.start),
    ] {
        assert_eq!(id.len(), other.len());
        let at = |shown: &[u8]| shown.windows(id.len()).position(|window| window == id.as_bytes());
        while let Some(at) = at(&shown).filter(|_| id != other) {
            shown[at..at + id.len()].copy_from_slice(other.as_bytes());
        }
    }
    shown.extend(format!("{:?} {}", status.code(), status.message()).into_bytes());
    shown
}

#[tokio::test]
async fn every_method_by_every_role_on_own_rows_and_on_others() {
    let fixture = Fixture::built().await;
    walk(&fixture, &fixture.server.client()).await;
    fixture.server.stop().await;
}

#[tokio::test]
async fn every_method_by_every_role_as_json_over_http() {
    let fixture = Fixture::built().await;
    walk(&fixture, &fixture.server.over_http(Codec::Json)).await;
    fixture.server.stop().await;
}

#[tokio::test]
async fn every_method_by_every_role_encoded_over_http() {
    let fixture = Fixture::built().await;
    walk(&fixture, &fixture.server.over_http(Codec::Proto)).await;
    fixture.server.stop().await;
}

/// The rooms of `src` whose listeners the walk goes through.
const LISTENERS: [&str; 2] = ["grpc", "http"];

#[test]
fn the_walk_goes_through_every_listener() {
    // Only what imports the surface can call it. The server makes the surfaces. Webhooks take no calls: they make one
    // for each client, whose answers tests/it/webhooks/rows.rs compares.
    let mut listeners = rooms_that_import("surface");
    listeners.retain(|room| !["server", "webhooks"].contains(room));
    listeners.sort_unstable();
    assert_eq!(listeners, LISTENERS, "add the new listener to the walk");
}

#[tokio::test]
async fn every_method_by_every_role_over_a_listener_that_only_passes_bytes_on() {
    let fixture = Fixture::built().await;
    walk(&fixture, &fixture.server.bytes_listener()).await;
    fixture.server.stop().await;
}

async fn walk(fixture: &Fixture, registry: &impl WayIn) {
    let made_up = Fixture::made_up(&fixture.south);
    let mut wrong = Vec::new();
    for (method, _) in methods() {
        let nobody = outcome(&registry.calling_as("nobody"), &method, &fixture.north, "north").await;
        if nobody.as_ref().err().map(Status::code) != Some(Code::Unauthenticated) {
            wrong.push(format!("{method} without an identity: {nobody:?}"));
        }
        for (role, caller) in CALLERS {
            let caller = registry.calling_as(caller);
            // A provider names itself in its questions; other roles name the provider in question.
            let named = if *role == "provider" { "north" } else { "south" };
            let own = outcome(&caller, &method, &fixture.north, "north").await;
            let others = outcome(&caller, &method, &fixture.south, named).await;
            let made_up_one = outcome(&caller, &method, &made_up, named).await;
            let code = |answer: &Result<Vec<Bytes>, Status>| answer.as_ref().err().map(Status::code);
            let is_right = match reach(&method, role) {
                Reach::Denied => [&own, &others].iter().all(|answer| code(answer) == Some(Code::PermissionDenied)),
                Reach::Reached | Reach::Narrowed => is_let_in(&own) && is_let_in(&others),
                // The certifier may see no facts of people.
                Reach::Hidden if *role == "certifier" => code(&own) == Some(Code::NotFound),
                Reach::Hidden => is_let_in(&own),
            };
            if !is_right {
                wrong.push(format!("{method} as {role}: own {own:?}, others' {others:?}"));
            }
            if reach(&method, role) == Reach::Hidden {
                match (&others, &made_up_one) {
                    (Err(hidden), Err(unknown)) if hidden.code() == Code::NotFound => {
                        let (hidden, unknown) =
                            (all_of(hidden, &fixture.south, &made_up), all_of(unknown, &made_up, &made_up));
                        if hidden != unknown {
                            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                            wrong.push(format!("{method} as {role}: {} and {}", text(&hidden), text(&unknown)));
                        }
                    }
                    _ => wrong.push(format!("{method} as {role} hides nothing: {others:?}, {made_up_one:?}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_provider_may_name_no_other_provider_on_file_or_not() {
    let fixture = Fixture::built().await;
    let north = fixture.as_north();
    for method in [
        "VerificationService/VerifyCredential",
        "VerificationService/CheckBillingEligibility",
        "VerificationService/ReviewEligibility",
        "EmploymentService/ReportEmploymentStart",
        "EmploymentService/ListEmployments",
        "EmploymentService/ReconcileRoster",
    ] {
        let mut shown = Vec::new();
        for other in ["south", "souts"] {
            let refused = outcome(&north, method, &fixture.north, other).await.unwrap_err();
            assert_eq!(refused.code_and_reason(), (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()), "{method}");
            shown.push((refused.message().to_owned(), refused.details_of_any_request()));
        }
        assert_eq!(shown[0], shown[1], "{method}");
    }
    fixture.server.stop().await;
}
