//! Every read of people leaves a line in the audit before it is answered, over every listener. The descriptor set says
//! which methods only read; the few exceptions are listed here, each with its reason.

use std::collections::BTreeSet;

use cpss_registry::proto::SERVICES;
use prost::bytes::Bytes;
use serde_json::Value;
use tonic::{Code, Status};

use super::fixture::{Fixture, call};

/// Reads that leave no line, since no person is in their answers.
const OF_NO_PERSON: &[&str] = &[
    // The rules, which are public.
    "CredentialService/ListRuleSets",
    // Organizations.
    "ProviderService/GetProvider",
    "ProviderService/ListProviders",
    // Counts of organizations.
    "ProviderService/GetProgramStatistics",
];

/// Known gaps: reads whose line does not say about whom they are.
const WITHOUT_NUMBER: &[&str] = &[
    // The line says that a feed begins. What it will show is not known then.
    "ChangeService/WatchChanges",
    "ChangeService/ListChanges",
    // The request names a person, or a job, and no credential.
    "RecordService/ListFacts",
];

/// Known gaps: reads that leave no line where nothing is shown, since the person is not the caller's to see. What is
/// hidden and what is not on file look the same.
const HIDDEN_WITHOUT_LINE: &[&str] = &[
    // Refused.
    "ChangeService/WatchChanges",
    "ChangeService/ListChanges",
    "RecordService/ListFacts",
    "VerificationService/GetCredential",
    "VerificationService/ListStandingPeriods",
    // Answered with an empty list.
    "EmploymentService/ListEmployments",
];

/// The methods of the contract that only read.
pub fn reads() -> impl Iterator<Item = String> {
    let methods = SERVICES.iter().flat_map(|service| service.methods).filter(|method| !method.writes);
    methods.map(|method| format!("{}/{}", method.service, method.name))
}

fn set(methods: &[&str]) -> BTreeSet<String> {
    methods.iter().map(|method| (*method).to_owned()).collect()
}

/// The answer to a call, and the lines that its client's calls of the method have in the audit once it is answered.
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
    let grpc = fixture.server.client().calling_as("registrar");
    let bytes = fixture.server.bytes_listener().with("x-dev-caller", "auditor");
    let (mut without_line, mut without_number) = ([BTreeSet::new(), BTreeSet::new()], BTreeSet::new());
    for method in reads() {
        let messages = || call(&method, &fixture.north, "north");
        let over_grpc = audited(&fixture, ("registrar", &method), grpc.call_messages(&method, messages())).await;
        let over_bytes = audited(&fixture, ("auditor", &method), bytes.answer(&method, messages())).await;
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
async fn a_read_of_anothers_staff_is_in_the_audit_but_where_it_is_known_not_to_be() {
    let fixture = Fixture::built().await;
    let north = fixture.server.bytes_listener().with("x-dev-caller", "provider:north");
    let mut without_line = BTreeSet::new();
    for method in reads() {
        let messages = call(&method, &fixture.south, "north");
        let (answer, lines) = audited(&fixture, ("provider:north", &method), north.answer(&method, messages)).await;
        let may_call = !matches!(answer, Err(status) if status.code() == Code::PermissionDenied);
        if may_call && lines.is_empty() {
            without_line.insert(method);
        }
    }
    fixture.server.stop().await;
    assert_eq!(without_line, set(HIDDEN_WITHOUT_LINE));
}
