//! Imports: rows that are sent without waiting are decided in their order, told in their order, and made durable together.
//!
//! `CPSS_IMPORT_PROVIDERS=10000 cargo test --release --test it import -- --nocapture` sends three rows for each of those.

use std::time::Instant;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use tonic::Code;

use super::harness::requests::{new_request_id, qualify, register_provider};
use super::harness::{Refusal as _, TODAY, TestServer, log};

fn providers() -> usize {
    std::env::var("CPSS_IMPORT_PROVIDERS").map_or(200, |text| text.parse().unwrap())
}

fn row(command: Command) -> v1::ImportRecordsRequest {
    let row = v1::ImportRow { request_id: new_request_id(), command: Some(command), ..Default::default() };
    v1::ImportRecordsRequest { row: Some(row) }
}

fn provider(id: &str) -> v1::ImportRecordsRequest {
    let request_id = String::new();
    let provider = v1::RegisterProviderRequest { request_id, provider_id: id.to_owned(), ..register_provider(id) };
    row(Command::RegisterProvider(provider))
}

fn qualification(id: &str) -> v1::ImportRecordsRequest {
    row(Command::RecordQualification(v1::RecordQualificationRequest {
        request_id: String::new(),
        ..qualify(id, "2020-01-01")
    }))
}

#[tokio::test]
async fn rows_that_are_not_waited_for_are_decided_in_their_order_and_durable_together() {
    let server = TestServer::start(TODAY).await;
    let providers = providers();
    let ids = (0..providers).map(|at| format!("example-{at}"));
    // Each row but the first of a provider depends on the one before it; the last is refused.
    let rows: Vec<_> = ids.flat_map(|id| [provider(&id), qualification(&id), provider(&id)]).collect();
    let sent: Vec<_> = rows.iter().map(|row| row.row.clone().unwrap().request_id).collect();
    let started = Instant::now();
    let answers = server.client().record().import_records(tokio_stream::iter(rows)).await;
    let (mut answers, mut told, mut revision) = (answers.unwrap().into_inner(), Vec::new(), 0);
    while let Some(answer) = answers.message().await.unwrap() {
        match (told.len() % 3, answer.result.unwrap()) {
            (0 | 1, Outcome::Outcome(recorded)) => {
                assert!(recorded.revision > revision, "recorded in the order sent");
                revision = recorded.revision;
            }
            (2, Outcome::Error(error)) => assert_eq!(Code::from(error.code), Code::AlreadyExists),
            (_, other) => panic!("row {}: {other:?}", told.len()),
        }
        told.push(answer.request_id);
    }
    assert_eq!(told, sent, "every row is answered, in the order sent");
    let seconds = started.elapsed().as_secs_f64();
    println!("import: {} rows in {seconds:.2} s, {:.0} a second", sent.len(), sent.len() as f64 / seconds);
    let data = server.stop().await;
    let (frames, records) = (log::frames(data.path()).whole.len(), 2 * providers);
    assert!(frames < records / 4, "{records} rows in {frames} frames");
}

#[tokio::test]
async fn a_message_without_a_row_ends_an_import_there() {
    let server = TestServer::start(TODAY).await;
    let nothing = v1::ImportRecordsRequest { row: None };
    let rows = [provider("example-before"), nothing, provider("example-after")];
    let answers = server.client().record().import_records(tokio_stream::iter(rows)).await;
    let mut answers = answers.unwrap().into_inner();
    let before = answers.message().await.unwrap().unwrap().result.unwrap();
    assert!(matches!(before, Outcome::Outcome(_)), "{before:?}");
    let refused = answers.message().await.unwrap_err();
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec!["row".to_owned()]));
    let list = server.client().provider().list_providers(v1::ListProvidersRequest::default()).await.unwrap();
    let listed: Vec<_> = list.into_inner().providers.into_iter().map(|provider| provider.provider_id).collect();
    assert_eq!(listed, ["example-before"]);
    server.stop().await;
}
