//! Reads of persons are written down, or refused.

use std::path::Path;

use cpss_registry::proto::v1;
use serde_json::Value;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::town::Town;
use crate::harness::requests::{bill, known_at, name, register_provider, verify, verify_with};
use crate::harness::{Client, NOT_ON_FILE, Refusal as _, TODAY, TestServer};

fn lines(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("audit/reads.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_question_is_a_line_without_names() {
    let town = Town::built().await;
    let before = town.server.client().head().await + 1;
    town.server.client().specialist("Leopold", "Example-Marsh").await;
    let payer = town.server.client().calling_as("payer");
    let mut question = Request::new(v1::VerifyCredentialRequest {
        known_at: Some(known_at(before - 1)),
        ..verify(&town.south.number, TODAY, None)
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
            bill(&town.north.number, "north", TODAY).item.unwrap(),
            bill(NOT_ON_FILE, "north", TODAY).item.unwrap(),
            v1::EligibilityItem::default(),
        ],
        ..Default::default()
    };
    payer.ask(claims).await;
    let data = town.server.stop().await;
    let lines: Vec<Value> = lines(data.path()).into_iter().filter(|line| line["client"] == "dev:payer").collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let first = &lines[0];
    assert_eq!((&first["number"], &first["request_id"]), (&town.south.number.clone().into(), &id.into()));
    assert_eq!((&first["as_of"], &first["verdict"]), (&TODAY.into(), &"CONFIRMED".into()));
    assert_eq!((first["known_at"].as_u64(), first["revision"].as_u64()), (Some(before - 1), Some(before)));
    assert_eq!(first["method"], "VerificationService/VerifyCredential");
    assert_eq!(lines[1]["number"], town.south.number.clone(), "found by name, written by number");
    assert_eq!(lines[2]["numbers"], format!("{} - -", town.north.number));
    assert_eq!((lines[3]["questions"].as_u64(), lines[3]["errors"].as_u64()), (Some(3), Some(1)));
    let text = std::fs::read_to_string(data.path().join("audit/reads.jsonl")).unwrap();
    for personal in ["Rosalind", "Ottoline", "Northey", "Southey", "1984-02-29"] {
        assert!(!text.contains(personal), "{personal} is written down");
    }
}

async fn questions_are_served(client: &Client, until: ServingStatus) {
    let about = HealthCheckRequest { service: "readiness".to_owned() };
    let mut watch = HealthClient::new(client.service()).watch(about).await.unwrap().into_inner();
    while watch.message().await.unwrap().expect("health goes on").status() != until {}
}

#[tokio::test]
async fn nobody_is_answered_while_reads_cannot_be_written_down() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("reads.jsonl");
    std::fs::create_dir(&file).unwrap();
    let server = TestServer::start_audited(tempfile::tempdir().unwrap(), TODAY, Some(&file)).await;
    let registry = server.client();
    questions_are_served(&registry, ServingStatus::NotServing).await;
    let center = registry.qualified_provider("Example Center").await;
    let unavailable = (Code::Unavailable, "AUDIT_UNAVAILABLE".to_owned());
    let numbers = v1::BatchVerifyCredentialsRequest {
        items: vec![verify(NOT_ON_FILE, None, None).item.unwrap()],
        ..Default::default()
    };
    assert_eq!(registry.refusal(verify_with(&center.provider_id, NOT_ON_FILE, None)).await.told(), unavailable);
    assert_eq!(registry.refusal(numbers).await.told(), unavailable);
    assert_eq!(registry.refusal(v1::ListChangesRequest::default()).await.told(), unavailable);
    registry.report(register_provider("Another Example Center")).await;

    std::fs::remove_dir(&file).unwrap();
    questions_are_served(&registry, ServingStatus::Serving).await;
    registry.verify(NOT_ON_FILE, None, None).await;
    server.stop().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1, "what was refused is no line");
}

#[tokio::test]
async fn a_full_disk_stops_questions_and_not_writes() {
    let full = Path::new("/dev/full");
    let server = TestServer::start_audited(tempfile::tempdir().unwrap(), TODAY, Some(full)).await;
    let registry = server.client();
    // The first question is taken down before the disk is found to be full.
    let first = registry.call(verify(NOT_ON_FILE, None, None)).await;
    assert!(first.is_ok());
    questions_are_served(&registry, ServingStatus::NotServing).await;
    assert_eq!(registry.refusal(verify(NOT_ON_FILE, None, None)).await.reason(), "AUDIT_UNAVAILABLE");
    registry.report(register_provider("Example Center")).await;
    server.stop().await;
}
