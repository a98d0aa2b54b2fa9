//! Imports: pipelined rows are decided in order, answered in order, and committed in batches. Rows lost in a kill are
//! sent again.
//!
//! `CPSS_IMPORT_PROVIDERS=10000 cargo test --profile bench --test it import -- --nocapture` sends three rows for each
//! provider.

use std::thread;
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use tonic::Code;

use super::harness::requests::{
    date, new_request_id, qualify, register_provider, register_specialist, start_job, transfer,
};
use super::harness::{Client, Messages as _, Process, Refusal as _, TODAY, TestServer, log};
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

/// Each row of a provider depends on the previous one; the last is refused.
fn three_rows_each(providers: usize) -> Vec<v1::ImportRecordsRequest> {
    let ids = (0..providers).map(|at| format!("example-{at}"));
    ids.flat_map(|id| [provider(&id), qualification(&id), provider(&id)]).collect()
}

#[tokio::test]
async fn pipelined_rows_are_decided_in_order_and_committed_in_batches() {
    let server = TestServer::start(TODAY).await;
    let providers = providers();
    let rows = three_rows_each(providers);
    let sent: Vec<_> = rows.iter().map(|row| row.row.clone().unwrap().request_id).collect();
    let started = Instant::now();
    let answers = server.client().record().import_records(tokio_stream::iter(rows)).await;
    let (mut answers, mut received, mut revision) = (answers.unwrap().into_inner(), Vec::new(), 0);
    while let Some(answer) = answers.next_message().await.unwrap() {
        match (received.len() % 3, answer.result.unwrap()) {
            (0 | 1, Outcome::Outcome(recorded)) => {
                assert!(recorded.revision > revision, "recorded in the order sent");
                revision = recorded.revision;
            }
            (2, Outcome::Error(error)) => assert_eq!(Code::from(error.code), Code::AlreadyExists),
            (_, other) => panic!("row {}: {other:?}", received.len()),
        }
        received.push(answer.request_id);
    }
    assert_eq!(received, sent, "every row is answered, in the order sent");
    let seconds = started.elapsed().as_secs_f64();
    println!("import: {} rows in {seconds:.2} s, {:.0} a second", sent.len(), sent.len() as f64 / seconds);
    let data = server.stop().await;
    let (frames, records) = (log::frames(data.path()).whole.len(), 2 * providers);
    assert!(frames < records / 4, "{records} rows in {frames} frames");
}

/// The revisions of the rows that were not refused.
fn revisions(received: &[v1::ImportRecordsResponse]) -> impl Iterator<Item = u64> {
    received.iter().filter_map(|answer| match &answer.result {
        Some(Outcome::Outcome(recorded)) => Some(recorded.revision),
        _ => None,
    })
}

#[tokio::test]
async fn a_killed_import_is_sent_again_and_continues() {
    const LIVES: usize = 6;
    let data = tempfile::tempdir().unwrap();
    let rows = three_rows_each(200);
    let (mut known, mut began): (Vec<v1::ImportRecordsResponse>, Option<u64>) = (Vec::new(), None);
    for life in 1..=LIVES {
        let (process, client) = Process::start(data.path(), TODAY);
        let durable = client.head().await;
        let began = *began.get_or_insert(durable);
        assert!(revisions(&known).last().is_none_or(|received| received <= durable), "answered rows are on disk");
        let answers = client.record().import_records(tokio_stream::iter(rows.clone())).await;
        let (mut answers, mut received) = (answers.unwrap().into_inner(), Vec::new());
        let (mut running, mut killing) = (Some(process), None);
        while let Ok(Some(answer)) = answers.next_message().await {
            received.push(answer);
            // On a slow machine more rows may be durable before the last kill than this run must receive.
            let is_due = received.len() >= rows.len() * life / LIVES && revisions(&received).last() >= Some(durable);
            if life < LIVES
                && is_due
                && let Some(process) = running.take()
            {
                let soon = Duration::from_millis(random(5));
                killing = Some(thread::spawn(move || (thread::sleep(soon), process.kill())));
            }
        }
        // The import may have ended before.
        killing.map(|killing| killing.join().unwrap());
        let different = known.iter().zip(&received).position(|(known, received)| known != received);
        assert!(
            received.len() >= known.len() && different.is_none(),
            "row {different:?} is answered differently in run {life}"
        );
        assert!(
            revisions(&received).eq((began + 1..).take(revisions(&received).count())),
            "each row once, in the order sent"
        );
        assert!(revisions(&received).last() >= Some(durable), "rows on disk are answered");
        known = received;
    }
    assert_eq!(known.len(), rows.len());
}

/// Sends rows and returns the code of each result.
async fn codes(client: &Client, rows: Vec<v1::ImportRecordsRequest>) -> Vec<Code> {
    let mut answers = client.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    let mut codes = Vec::new();
    while let Some(answer) = answers.next_message().await.unwrap() {
        codes.push(match answer.result.unwrap() {
            Outcome::Outcome(_) => Code::Ok,
            Outcome::Error(error) => Code::from(error.code),
        });
    }
    codes
}

#[tokio::test]
async fn on_a_full_disk_rows_get_only_that_error_and_recorded_rows_are_answered() {
    let data = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..200).map(|at| provider(&format!("example-{at}"))).collect();
    let (process, client) = Process::start(data.path(), TODAY);
    assert_eq!(codes(&client, rows.clone()).await, vec![Code::Ok; rows.len()]);
    process.kill();
    let more_than_there_is = u64::MAX.to_string();
    let process = Process::spawn_with(data.path(), TODAY, &["--disk-reserve-bytes", &more_than_there_is]);
    let client = Client::connect(process.listening());
    // Before each recorded row, one that cannot be recorded and one that depends on it.
    let mixed = rows.into_iter().enumerate().flat_map(|(at, row)| {
        let id = format!("example-new-{at}");
        [provider(&id), qualification(&id), row]
    });
    let (codes, refused) = (codes(&client, mixed.collect()).await, Code::ResourceExhausted);
    let different = codes.chunks(3).position(|codes| codes != [refused, refused, Code::Ok]);
    assert_eq!((codes.len(), different.map(|at| &codes[3 * at..][..3])), (600, None));
    // Calls that arrive together are not refused because of each other either.
    let same = v1::RegisterProviderRequest { provider_id: "example-same".to_owned(), ..register_provider("Example") };
    let calls = (0..64).map(|_| {
        let (client, request_id) = (client.clone(), new_request_id());
        let request = v1::RegisterProviderRequest { request_id, ..same.clone() };
        tokio::spawn(async move { client.refusal(request).await.code_and_reason() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), (refused, "STORE_FULL".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_imports_wait_without_refusals() {
    let server = TestServer::start(TODAY).await;
    // More than the writer's queue can hold.
    let imports = (0..80).map(|import| {
        let client = server.client();
        let rows: Vec<_> = (0..80).map(|at| provider(&format!("example-{import}-{at}"))).collect();
        tokio::spawn(async move { codes(&client, rows).await })
    });
    let imports: Vec<_> = imports.collect();
    let other = server.client();
    while imports.iter().any(|import| !import.is_finished()) {
        other.qualified_provider("Example Center").await;
    }
    for import in imports {
        assert_eq!(import.await.unwrap(), [Code::Ok; 80]);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_endless_import_ends_when_the_server_drains() {
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    let endless = tokio_stream::iter((0..).map(|at| provider(&format!("example-{at}"))));
    let mut answers = client.record().import_records(endless).await.unwrap().into_inner();
    let mut received = Vec::new();
    let ended = loop {
        match answers.next_message().await {
            Ok(answer) => received.extend(answer),
            Err(ended) => break ended,
        }
        if received.len() == 100 {
            process.terminate();
        }
    };
    assert_eq!(ended.code_and_reason(), (Code::Unavailable, "DRAINING".to_owned()));
    assert!(process.wait().0.success());
    let (_process, client) = Process::start(data.path(), TODAY);
    assert_eq!(revisions(&received).last(), Some(client.head().await), "what was recorded was answered");
}

#[tokio::test]
async fn a_transfer_that_moves_one_job_answers_with_a_list_too() {
    let server = TestServer::start(TODAY).await;
    let client = server.client();
    let [from, to] =
        ["from", "to"].map(|id| v1::RegisterProviderRequest { provider_id: id.to_owned(), ..register_provider(id) });
    client.call(from).await.unwrap();
    client.call(to).await.unwrap();
    let person =
        client.call(register_specialist("Mirela", "Example-Stone")).await.unwrap().specialist.unwrap().specialist_id;
    client.call(start_job(&person, "from", "2026-02-01")).await.unwrap();
    let moved = v1::TransferEmploymentsRequest { request_id: String::new(), ..transfer("from", "to", "2026-02-10") };
    let rows = tokio_stream::iter([row(Command::TransferEmployments(moved))]);
    let mut answers = client.record().import_records(rows).await.unwrap().into_inner();
    match answers.next_message().await.unwrap().unwrap().result.unwrap() {
        Outcome::Outcome(outcome) => {
            assert_eq!((outcome.employment_ids.len(), outcome.employment_count, outcome.fact_count), (1, 1, 2));
            assert_eq!(outcome.employment_id, "");
        }
        Outcome::Error(error) => panic!("{error:?}"),
    }
    server.stop().await;
}

#[tokio::test]
async fn a_message_without_a_row_ends_the_import() {
    let server = TestServer::start(TODAY).await;
    let nothing = v1::ImportRecordsRequest { row: None };
    let rows = [provider("example-before"), nothing, provider("example-after")];
    let answers = server.client().record().import_records(tokio_stream::iter(rows)).await;
    let mut answers = answers.unwrap().into_inner();
    let before = answers.next_message().await.unwrap().unwrap().result.unwrap();
    assert!(matches!(before, Outcome::Outcome(_)), "{before:?}");
    let refused = answers.next_message().await.unwrap_err();
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec!["row".to_owned()]));
    let list = server.client().provider().list_providers(v1::ListProvidersRequest::default()).await.unwrap();
    let listed: Vec<_> = list.into_inner().providers.into_iter().map(|provider| provider.provider_id).collect();
    assert_eq!(listed, ["example-before"]);
    server.stop().await;
}

/// A row that registers a person.
fn person(request_id: &str, family_name: &str) -> v1::ImportRecordsRequest {
    let name = v1::PersonName { family_name: family_name.to_owned(), ..Default::default() };
    let request =
        v1::RegisterSpecialistRequest { name: Some(name), birth_date: Some(date("1980-05-17")), ..Default::default() };
    let command = Some(Command::RegisterSpecialist(request));
    let row = v1::ImportRow { request_id: request_id.to_owned(), command, ..Default::default() };
    v1::ImportRecordsRequest { row: Some(row) }
}

#[tokio::test]
async fn a_row_with_other_content_is_answered_with_what_the_earlier_row_recorded() {
    let server = TestServer::start(TODAY).await;
    let (id, other) = (new_request_id(), provider("example-taken"));
    // The second row is decided in the same batch as the first, before that is on disk.
    let rows = [person(&id, "Example"), person(&id, "Sample"), provider("example-taken"), other];
    let answers = server.client().record().import_records(tokio_stream::iter(rows)).await;
    let (mut answers, mut received) = (answers.unwrap().into_inner(), Vec::new());
    while let Some(answer) = answers.next_message().await.unwrap() {
        received.push((answer.result.unwrap(), answer.imported_earlier));
    }
    let [(Outcome::Outcome(recorded), None), (Outcome::Error(reused), Some(earlier)), _, (Outcome::Error(taken), None)] =
        &received[..]
    else {
        panic!("{received:?}");
    };
    assert_eq!(Code::from(reused.code), Code::AlreadyExists);
    assert_eq!(Code::from(taken.code), Code::AlreadyExists, "no earlier row has its request_id");
    let outcome = earlier.outcome.as_ref().unwrap();
    assert_eq!((outcome.revision, &outcome.specialist_id), (recorded.revision, &recorded.specialist_id));
    let name = earlier.facts[0].name.as_ref().unwrap();
    assert_eq!((name.family_name.as_str(), earlier.facts.len()), ("Example", 1));
    let again = codes(&server.client(), vec![person(&id, "Example")]).await;
    assert_eq!(again, [Code::Ok], "the earlier row can still be repeated");
    // What was read of the person is in the audit, although nothing was recorded.
    let audit = std::fs::read_to_string(server.data_dir().join("audit/reads.jsonl")).unwrap();
    let lines: Vec<&str> = audit.lines().filter(|line| line.contains("RecordService/ImportRecords")).collect();
    let is_named = |line: &&str| line.contains(&recorded.specialist_id) && line.contains("REFUSED");
    assert_eq!(lines.iter().filter(|line| is_named(line)).count(), 1, "{lines:?}");
    // A dry run repeats no request, so its result says nothing about an earlier row.
    let mut judged = provider("example-taken");
    let row = judged.row.as_mut().unwrap();
    (row.request_id, row.validate_only) = (id, true);
    let mut answers = server.client().record().import_records(tokio_stream::once(judged)).await.unwrap().into_inner();
    let answer = answers.next_message().await.unwrap().unwrap();
    let Some(Outcome::Error(taken)) = answer.result else { panic!("{answer:?}") };
    assert_eq!((Code::from(taken.code), answer.imported_earlier), (Code::AlreadyExists, None));
    server.stop().await;
}
