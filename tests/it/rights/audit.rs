//! Reads of people are written to the audit, or refused.

use std::path::Path;
use std::process::Command;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::stream_verify_credentials_request::Kind;
use serde_json::Value;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::fixture::Fixture;
use crate::harness::requests::{bill, known_at, name, register_provider, verify, verify_with};
use crate::harness::{Client, Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, TestServer};

fn lines(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("audit/reads.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_question_is_a_line_without_names() {
    let fixture = Fixture::built().await;
    let before = fixture.server.client().head().await + 1;
    fixture.server.client().specialist("Leopold", "Example-Marsh").await;
    let payer = fixture.server.client().calling_as("payer");
    let mut question = Request::new(v1::VerifyCredentialRequest {
        known_at: Some(known_at(before - 1)),
        ..verify(&fixture.south.number, TODAY, None)
    });
    let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    question.metadata_mut().insert("x-request-id", id.parse().unwrap());
    payer.verification().verify_credential(question).await.unwrap();
    let holder = v1::HolderIdentity {
        name: Some(name("Ottoline", "Example-Southey")),
        birth_date: Some(crate::harness::requests::date("1984-02-29")),
    };
    let mut by_holder = verify("", None, None);
    by_holder.item.as_mut().unwrap().subject = Some(v1::verification_item::Subject::Holder(holder));
    payer.verification_of(by_holder).await;
    let claims = v1::BatchCheckBillingEligibilityRequest {
        items: vec![
            bill(&fixture.north.number, "north", TODAY).item.unwrap(),
            bill(NOT_ON_FILE, "north", TODAY).item.unwrap(),
            v1::EligibilityItem::default(),
        ],
        ..Default::default()
    };
    payer.ask(claims).await;
    let data = fixture.server.stop().await;
    let lines: Vec<Value> = lines(data.path()).into_iter().filter(|line| line["client"] == "dev:payer").collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let first = &lines[0];
    assert_eq!((&first["number"], &first["request_id"]), (&fixture.south.number.clone().into(), &id.into()));
    assert_eq!((&first["as_of"], &first["verdict"]), (&TODAY.into(), &"CONFIRMED".into()));
    assert_eq!((first["known_at"].as_u64(), first["revision"].as_u64()), (Some(before - 1), Some(before)));
    assert_eq!(first["method"], "VerificationService/VerifyCredential");
    assert_eq!(lines[1]["number"], fixture.south.number.clone(), "found by name, written by number");
    assert_eq!(lines[2]["numbers"], format!("{} {NOT_ON_FILE} -", fixture.north.number));
    assert_eq!((lines[3]["questions"].as_u64(), lines[3]["errors"].as_u64()), (Some(3), Some(1)));
    let text = std::fs::read_to_string(data.path().join("audit/reads.jsonl")).unwrap();
    for personal in ["Rosalind", "Ottoline", "Northey", "Southey", "1984-02-29"] {
        assert!(!text.contains(personal), "{personal} is in the audit");
    }
}

async fn questions_are_served(client: &Client, until: ServingStatus) {
    let about = HealthCheckRequest { service: "readiness".to_owned() };
    let mut watch = HealthClient::new(client.service()).watch(about).await.unwrap().into_inner();
    while watch.next_message().await.unwrap().expect("health goes on").status() != until {}
}

#[tokio::test]
async fn reads_are_refused_while_the_audit_cannot_be_written() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("reads.jsonl");
    let server = TestServer::start_audited(tempfile::tempdir().unwrap(), TODAY, Some(&file)).await;
    let registry = server.client();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    questions_are_served(&registry, ServingStatus::NotServing).await;
    let center = registry.qualified_provider("Example Center").await;
    let unavailable = (Code::Unavailable, "AUDIT_UNAVAILABLE".to_owned());
    let numbers = v1::BatchVerifyCredentialsRequest {
        items: vec![verify(NOT_ON_FILE, None, None).item.unwrap()],
        ..Default::default()
    };
    assert_eq!(
        registry.refusal(verify_with(&center.provider_id, NOT_ON_FILE, None)).await.code_and_reason(),
        unavailable
    );
    assert_eq!(registry.refusal(numbers).await.code_and_reason(), unavailable);
    assert_eq!(registry.refusal(v1::ListChangesRequest::default()).await.code_and_reason(), unavailable);
    registry.report(register_provider("Another Example Center")).await;

    std::fs::remove_dir(&file).unwrap();
    questions_are_served(&registry, ServingStatus::Serving).await;
    registry.verify(NOT_ON_FILE, None, None).await;
    server.stop().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1, "refused questions have no line");
}

#[tokio::test]
async fn a_received_answer_is_in_the_file() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let data = server.data_dir();
    let count = || lines(&data).len();
    let started = count();
    registry.verify(NOT_ON_FILE, None, None).await;
    assert_eq!(count(), started + 1);
    let item = verify(NOT_ON_FILE, None, None).item.unwrap();
    registry.ask(v1::BatchVerifyCredentialsRequest { items: vec![item.clone()], ..Default::default() }).await;
    assert_eq!(count(), started + 3, "the numbers of a batch, and its counts");
    let message = |kind| v1::StreamVerifyCredentialsRequest { kind: Some(kind) };
    let (send, questions) = tokio::sync::mpsc::channel(1);
    send.send(message(Kind::Options(v1::StreamOptions::default()))).await.unwrap();
    let questions = tokio_stream::wrappers::ReceiverStream::new(questions);
    let mut answers = registry.verification().stream_verify_credentials(questions).await.unwrap().into_inner();
    answers.next_message().await.unwrap().unwrap();
    for at in 0..3 {
        send.send(message(Kind::Item(item.clone()))).await.unwrap();
        answers.next_message().await.unwrap().unwrap();
        assert_eq!(count(), started + 4 + at, "a stream that goes on has written down what it has answered");
    }
    drop(send);
    assert!(answers.next_message().await.unwrap().is_none());
    server.stop().await;
}

/// Files that are not regular: a device that is always full, and a pipe that is not read.
fn no_files(directory: &Path) -> [String; 2] {
    let pipe = directory.join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    ["/dev/full".to_owned(), pipe.to_str().unwrap().to_owned()]
}

#[test]
fn an_audit_file_that_is_not_regular_is_refused_at_start_and_by_a_check() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for file in no_files(directory.path()) {
        let expected = format!("{file} is not a regular file: set audit_file");
        let (status, said) = Process::spawn_with(&data, TODAY, &["--audit-file", &file]).wait();
        assert!(status.code() == Some(2) && said.contains(&expected), "{status}: {said}");
        let check = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
            .args(["config", "--check", "--dev", "--audit-file", &file, "--data-dir", data.to_str().unwrap()])
            .output()
            .unwrap();
        let said = String::from_utf8(check.stderr).unwrap();
        assert!(check.status.code() == Some(2) && said.contains(&expected), "{}: {said}", check.status);
    }
}
