//! The people that a call asks about are in the audit before it is answered or refused, over every listener. The
//! descriptor set defines which methods only read; exceptions are listed here with reasons.

use std::collections::BTreeSet;

use cpss_registry::proto::v1::watch_changes_response::Event;
use cpss_registry::proto::{SERVICES, v1};
use prost::Message as _;
use prost::bytes::Bytes;
use serde_json::Value;
use tonic::{Code, Status};

use super::fixture::{Fixture, Row, call, in_turn};
use crate::harness::Messages as _;
use crate::harness::requests::end_job;

/// Reads without an audit line, because their answers contain no people.
const OF_NO_PERSON: &[&str] = &[
    // The server.
    "OperationsService/GetStatus",
    // The caller itself.
    "OperationsService/GetCaller",
    // Hashes and public keys.
    "LogService/GetCheckpoint",
    "LogService/GetInclusionProof",
    "LogService/GetConsistencyProof",
    "LogService/GetSigningKeys",
    // The rules, which are public.
    "CredentialService/ListRuleSets",
    // Organizations.
    "ProviderService/GetProvider",
    "ProviderService/ListProviders",
    // Counts of organizations.
    "ProviderService/GetProgramStatistics",
];

/// Reads whose request names nobody, and that return nobody here.
const WITHOUT_NUMBER: &[&str] = &["OperationsService/StreamBackup", "RecordService/ListReviewItems"];

/// Reads whose request names no person by number or id.
const OF_NO_ID: &[&str] = &[
    "RecordService/ListReviewItems",
    // A staff list is compared with the provider's own staff, not with people on file.
    "EmploymentService/ReconcileRoster",
    // It names people by a part of a name.
    "CredentialService/FindSpecialists",
];

/// Commands that name nobody.
const COMMANDS_OF_NO_PERSON: &[&str] = &[
    // The person has no id yet.
    "CredentialService/RegisterSpecialist",
    // Everyone who works for a provider.
    "EmploymentService/TransferEmployments",
    // Organizations.
    "ProviderService/CertifyPeerService",
    "ProviderService/RecordQualification",
    "ProviderService/RegisterProvider",
    "ProviderService/SuspendPeerService",
    "ProviderService/SuspendProvider",
    "ProviderService/UpdateProvider",
];

/// The methods of the contract that only read.
pub fn reads() -> impl Iterator<Item = String> {
    methods(false)
}

fn methods(write: bool) -> impl Iterator<Item = String> {
    let methods = SERVICES.iter().flat_map(|service| service.methods).filter(move |method| method.writes == write);
    methods.map(|method| format!("{}/{}", method.service, method.name))
}

/// Whether a line names the person of a row, by the number or by another id.
fn names(line: &Value, row: &Row) -> bool {
    let text = line.to_string();
    [&row.number, &row.specialist_id, &row.employment_id, &row.start].into_iter().any(|id| text.contains(id))
}

fn set(methods: &[&str]) -> BTreeSet<String> {
    methods.iter().map(|method| (*method).to_owned()).collect()
}

/// The answer to a call, and the audit lines of the client's calls of the method once it is answered.
async fn audited(
    fixture: &Fixture,
    (client, method): (&str, &str),
    call: impl Future<Output = Result<Vec<Bytes>, Status>>,
) -> (Result<Vec<Bytes>, Status>, Vec<Value>) {
    let answer = call.await;
    let file = fixture.server.data_dir().join("audit/reads.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (answer, lines.filter(|line| line["client"] == format!("dev:{client}") && line["method"] == method).collect())
}

#[tokio::test]
async fn every_read_of_people_is_in_the_audit_before_it_is_answered() {
    let fixture = Fixture::built().await;
    let bytes = fixture.server.bytes_listener();
    let (mut without_line, mut without_number) = ([BTreeSet::new(), BTreeSet::new()], BTreeSet::new());
    for method in reads() {
        let messages = || call(&method, &fixture.north, "north");
        let is_of_operator = method.starts_with("OperationsService/");
        let first = if is_of_operator { "operator" } else { "registrar" };
        let grpc = fixture.server.client().calling_as(first);
        let over_grpc = audited(&fixture, (first, &method), grpc.call_messages(&method, messages())).await;
        // An auditor gives no commands, and so previews none.
        let reader = match method.as_str() {
            "RecordService/PreviewImpact" => "provider:north",
            _ if is_of_operator => "operator",
            _ => "auditor",
        };
        let bytes = bytes.clone().with("x-dev-caller", reader);
        let answer = in_turn(&method, async || bytes.answer(&method, messages()).await);
        let over_bytes = audited(&fixture, (reader, &method), answer).await;
        for ((answer, lines), without_line) in [over_grpc, over_bytes].into_iter().zip(&mut without_line) {
            assert!(!answer.unwrap().is_empty(), "{method}");
            if lines.is_empty() {
                without_line.insert(method.clone());
            } else if !lines.iter().any(|line| line.to_string().contains(&fixture.north.number)) {
                without_number.insert(method.clone());
            }
        }
    }
    fixture.server.stop().await;
    for without_line in without_line {
        assert_eq!(
            without_line,
            set(OF_NO_PERSON),
            "a read of people must call `Contract::note`; list one of no person above"
        );
    }
    assert_eq!(without_number, set(WITHOUT_NUMBER));
}

#[tokio::test]
async fn a_read_of_anothers_staff_or_of_nobody_is_in_the_audit() {
    let fixture = Fixture::built().await;
    let north = fixture.server.bytes_listener().with("x-dev-caller", "provider:north");
    let auditor = fixture.server.bytes_listener().with("x-dev-caller", "auditor");
    let nobody = Fixture::made_up(&fixture.south);
    let mut without_line = BTreeSet::new();
    for method in reads().filter(|method| !OF_NO_PERSON.contains(&method.as_str())) {
        for (caller, listener, row) in [
            ("provider:north", &north, &fixture.south),
            ("provider:north", &north, &nobody),
            ("auditor", &auditor, &nobody),
        ] {
            let messages = call(&method, row, "north");
            let (answer, lines) = audited(&fixture, (caller, &method), listener.answer(&method, messages)).await;
            let may_call = !matches!(answer, Err(status) if status.code() == Code::PermissionDenied);
            let is_named = OF_NO_ID.contains(&&*method) || lines.iter().any(|line| names(line, row));
            if may_call && (lines.is_empty() || !is_named) {
                without_line.insert(format!("{method} by {caller} of {}", row.number));
            }
        }
    }
    fixture.server.stop().await;
    assert_eq!(without_line, BTreeSet::new());
}

#[tokio::test]
async fn a_dry_run_is_in_the_audit_by_the_person_it_names() {
    let fixture = Fixture::built().await;
    let mut unnamed = BTreeSet::new();
    for method in methods(true) {
        let is_of_a_provider = method.starts_with("ProviderService/");
        let caller = if is_of_a_provider { "certifier" } else { "registrar" };
        for (caller, row) in [(caller, &fixture.north), (caller, &Fixture::made_up(&fixture.south))] {
            let listener = fixture.server.bytes_listener().with("x-dev-caller", caller);
            let judged = listener.answer(&method, call(&method, row, "north"));
            let (_, lines) = audited(&fixture, (caller, &method), judged).await;
            assert!(lines.iter().all(|line| line["verdict"] == "DRY_RUN") && !lines.is_empty(), "{method}: {lines:?}");
            if !lines.iter().any(|line| names(line, row)) {
                unnamed.insert(method.clone());
            }
        }
    }
    fixture.server.stop().await;
    assert_eq!(unnamed, set(COMMANDS_OF_NO_PERSON));
}

#[tokio::test]
async fn a_refused_report_is_in_the_audit_and_a_recorded_one_in_the_log() {
    let fixture = Fixture::built().await;
    let north = fixture.as_north();
    let method = "EmploymentService/ReportEmploymentEnd";
    let end = |row: &Row| vec![Bytes::from(end_job(&row.employment_id, "2026-02-20").encode_to_vec())];
    let asked = ("provider:north", method);
    let (refused, lines) = audited(&fixture, asked, north.call_messages(method, end(&fixture.south))).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let [line, miss] = lines.as_slice() else { panic!("the refusal and its miss: {lines:?}") };
    assert_eq!((&miss["employment_id"], &miss["miss"]), (&line["employment_id"], &"NOT_FOUND".into()));
    assert_eq!(line["employment_id"], fixture.south.employment_id.as_str());
    assert_eq!((&line["number"], &line["verdict"]), (&Value::Null, &"REFUSED".into()));
    let (recorded, lines) = audited(&fixture, asked, north.call_messages(method, end(&fixture.north))).await;
    recorded.unwrap();
    assert_eq!(lines.len(), 2, "no more than before, since the log has it: {lines:?}");
    fixture.server.stop().await;
}

#[tokio::test]
async fn people_in_a_feed_are_in_the_audit_when_the_message_arrives() {
    let fixture = Fixture::built().await;
    let payer = fixture.server.client().calling_as("payer");
    let mut changes = payer.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        let Some(Event::Message(message)) = changes.next_message().await.unwrap().unwrap().event else { continue };
        let text = std::fs::read_to_string(fixture.server.data_dir().join("audit/reads.jsonl")).unwrap();
        let noted: Vec<&str> = text.lines().filter(|line| line.contains("dev:payer")).collect();
        for number in [&fixture.north.number, &fixture.south.number] {
            if format!("{message:?}").contains(number.as_str()) {
                assert!(noted.iter().any(|line| line.contains(number.as_str())), "{number} in {noted:?}");
                seen.insert(number.clone());
            }
        }
    }
    drop(changes);
    fixture.server.stop().await;
}
