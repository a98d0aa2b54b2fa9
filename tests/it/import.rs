//! Imports: rows that are sent without waiting are decided in their order, told in their order, and made durable together;
//! what a kill cuts off is sent again.
//!
//! `CPSS_IMPORT_PROVIDERS=10000 cargo test --release --test it import -- --nocapture` sends three rows for each of those.

use std::thread;
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use tonic::Code;

use super::harness::requests::{new_request_id, qualify, register_provider};
use super::harness::{Client, Process, Refusal as _, TODAY, TestServer, log};
use super::kill::random;

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

/// Each row but the first of a provider depends on the one before it; the last is refused.
fn three_rows_each(providers: usize) -> Vec<v1::ImportRecordsRequest> {
    let ids = (0..providers).map(|at| format!("example-{at}"));
    ids.flat_map(|id| [provider(&id), qualification(&id), provider(&id)]).collect()
}

#[tokio::test]
async fn rows_that_are_not_waited_for_are_decided_in_their_order_and_durable_together() {
    let server = TestServer::start(TODAY).await;
    let providers = providers();
    let rows = three_rows_each(providers);
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

/// Where the rows were recorded that were not refused.
fn revisions(told: &[v1::ImportRecordsResponse]) -> impl Iterator<Item = u64> {
    told.iter().filter_map(|answer| match &answer.result {
        Some(Outcome::Outcome(recorded)) => Some(recorded.revision),
        _ => None,
    })
}

#[tokio::test]
async fn an_import_that_is_killed_is_sent_again_and_goes_on_where_it_was() {
    const LIVES: usize = 6;
    let data = tempfile::tempdir().unwrap();
    let rows = three_rows_each(200);
    let (mut known, mut began): (Vec<v1::ImportRecordsResponse>, Option<u64>) = (Vec::new(), None);
    for life in 1..=LIVES {
        let (process, client) = Process::start(data.path(), TODAY);
        let durable = client.head().await;
        let began = *began.get_or_insert(durable);
        assert!(revisions(&known).last().is_none_or(|told| told <= durable), "what was told is on disk");
        let answers = client.record().import_records(tokio_stream::iter(rows.clone())).await;
        let (mut answers, mut told, mut running) = (answers.unwrap().into_inner(), Vec::new(), Some(process));
        while let Ok(Some(answer)) = answers.message().await {
            told.push(answer);
            if life < LIVES && told.len() >= rows.len() * life / LIVES {
                let soon = Duration::from_millis(random(5));
                running.take().map(|process| thread::spawn(move || (thread::sleep(soon), process.kill())));
            }
        }
        let different = known.iter().zip(&told).position(|(known, told)| known != told);
        assert!(told.len() >= known.len() && different.is_none(), "row {different:?} is told otherwise in life {life}");
        assert!(revisions(&told).eq((began + 1..).take(revisions(&told).count())), "each row once, in the order sent");
        assert!(revisions(&told).last() >= Some(durable), "what is on disk is told");
        known = told;
    }
    assert_eq!(known.len(), rows.len());
}

#[tokio::test]
async fn nothing_is_refused_for_a_row_that_a_full_disk_refused() {
    let data = tempfile::tempdir().unwrap();
    Process::start(data.path(), TODAY).0.kill();
    let more_than_there_is = u64::MAX.to_string();
    let process = Process::spawn_with(data.path(), TODAY, &["--disk-reserve-bytes", &more_than_there_is]);
    let rows = vec![(); 600].into_iter().map(|()| provider("example-once"));
    let answers = Client::connect(process.listening()).record().import_records(tokio_stream::iter(rows)).await;
    let mut answers = answers.unwrap().into_inner();
    let mut refused = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        let Some(Outcome::Error(error)) = answer.result else { panic!("row {refused}: {answer:?}") };
        assert_eq!(Code::from(error.code), Code::ResourceExhausted, "row {refused}: {}", error.message);
        refused += 1;
    }
    assert_eq!(refused, 600);
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
