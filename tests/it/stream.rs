//! Streams of questions: memory stays flat at any length, and back-pressure holds back a client that does not read.
//!
//! `CPSS_STREAM_ITEMS=10000000 cargo test --profile bench --test it stream -- --nocapture` sends ten million items.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1::{self, Verdict};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::harness::{Client, Messages as _, PATIENCE, Process, TODAY};

/// The maximum growth of the server's memory during a stream, in bytes.
const FLAT: u64 = 24 * 1024 * 1024;

fn items() -> u64 {
    std::env::var("CPSS_STREAM_ITEMS").map_or(50_000, |text| text.parse().unwrap())
}

fn options() -> v1::StreamVerifyCredentialsRequest {
    let kind = v1::stream_verify_credentials_request::Kind::Options(v1::StreamOptions::default());
    v1::StreamVerifyCredentialsRequest { kind: Some(kind) }
}

fn item(number: &str, correlation_id: u64) -> v1::StreamVerifyCredentialsRequest {
    let item = v1::VerificationItem {
        subject: Some(v1::verification_item::Subject::CredentialNumber(number.to_owned())),
        correlation_id: correlation_id.to_string(),
        ..v1::VerificationItem::default()
    };
    v1::StreamVerifyCredentialsRequest { kind: Some(v1::stream_verify_credentials_request::Kind::Item(item)) }
}

/// The correlation id and the verdict of an answer. `None` for the message with the pinned state.
fn answered(response: v1::StreamVerifyCredentialsResponse) -> Option<(u64, Verdict)> {
    match response.kind.unwrap() {
        v1::stream_verify_credentials_response::Kind::Pinned(_) => None,
        v1::stream_verify_credentials_response::Kind::Result(result) => match result.outcome.unwrap() {
            v1::verification_result::Outcome::Verification(answer) => {
                Some((result.correlation_id.parse().unwrap(), answer.verdict()))
            }
            v1::verification_result::Outcome::Error(error) => panic!("{}", error.message),
        },
    }
}

/// A process with one credentialed person.
async fn one_person(data_dir: &std::path::Path) -> (Process, Client, String) {
    let (process, client) = Process::start(data_dir, TODAY);
    let employer = client.qualified_provider("Sunflower Example Center").await;
    let number = client.credentialed("Amparo", "Example", &[&employer]).await.number;
    (process, client, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_flat_over_a_stream() {
    let data = tempfile::tempdir().unwrap();
    let (process, client, number) = one_person(data.path()).await;
    let count = items();
    let warm_up = count / 10;
    let questions = (0..count).map(move |at| item(&number, at));
    let stream = tokio_stream::once(options()).chain(tokio_stream::iter(questions));
    let started = Instant::now();
    let mut answers = client.verification().stream_verify_credentials(stream).await.unwrap().into_inner();
    let (mut next, mut before, mut most) = (0, 0, 0);
    while let Some(response) = answers.next_message().await.unwrap() {
        let Some((correlation_id, verdict)) = answered(response) else { continue };
        assert_eq!((correlation_id, verdict), (next, Verdict::Confirmed), "every item has its answer, in order");
        next += 1;
        if next == warm_up {
            before = process.resident_bytes();
        } else if next % (count / 20).max(1) == 0 {
            most = most.max(process.resident_bytes());
        }
    }
    assert_eq!(next, count);
    let seconds = started.elapsed().as_secs_f64();
    println!("stream: {count} items in {seconds:.1} s; resident {before} bytes after a tenth, {most} at most");
    assert!(most < before + FLAT, "resident memory grew from {before} to {most}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_held_back_and_then_gets_everything() {
    let data = tempfile::tempdir().unwrap();
    let (process, client, number) = one_person(data.path()).await;
    let count = 60_000;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let taken = Arc::new(AtomicU64::new(0));
    let sending = tokio::spawn({
        let taken = Arc::clone(&taken);
        async move {
            sender.send(options()).await.unwrap();
            for at in 0..count {
                sender.send(item(&number, at)).await.unwrap();
                taken.store(at + 1, Ordering::Relaxed);
            }
        }
    });
    let stream = ReceiverStream::new(receiver);
    let mut answers = client.verification().stream_verify_credentials(stream).await.unwrap().into_inner();
    let before = process.resident_bytes();
    // Nothing is read: the buffers fill up, and then nothing moves.
    let (mut stood_at, deadline) = (0, Instant::now() + PATIENCE);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = taken.load(Ordering::Relaxed);
        // A slow start is not a standstill.
        if now == stood_at && now > 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{now} of {count} items were accepted, and it goes on");
        stood_at = now;
    }
    assert!(stood_at < count / 2, "{stood_at} of {count} items were accepted from a client that reads nothing");
    assert!(process.resident_bytes() < before + FLAT, "a client that reads nothing fills the server's memory");
    // Other clients are still answered.
    assert!(client.call(v1::ListProvidersRequest::default()).await.is_ok());

    let mut next = 0;
    while let Some(response) = answers.next_message().await.unwrap() {
        if let Some((correlation_id, _)) = answered(response) {
            assert_eq!(correlation_id, next);
            next += 1;
        }
    }
    assert_eq!(next, count);
    sending.await.unwrap();
    println!("back-pressure: {stood_at} of {count} items were accepted while nothing was read");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_message_ends_a_stream_after_the_answers_before_it() {
    let data = tempfile::tempdir().unwrap();
    let (_process, client, number) = one_person(data.path()).await;
    let nothing = v1::StreamVerifyCredentialsRequest { kind: None };
    for (fault, field) in [(options(), "options"), (nothing, "item")] {
        for before in [0, 1, 15, 16, 17, 40] {
            let mut questions = vec![options()];
            questions.extend((0..before).map(|at| item(&number, at)));
            questions.push(fault.clone());
            questions.extend((before..before + 5).map(|at| item(&number, at)));
            let stream = tokio_stream::iter(questions);
            let mut answers = client.verification().stream_verify_credentials(stream).await.unwrap().into_inner();
            let mut answer_of = Vec::new();
            let refusal = loop {
                match answers.next_message().await {
                    Ok(response) => answer_of.extend(answered(response.expect("a fault")).map(|(at, _)| at)),
                    Err(refusal) => break refusal,
                }
            };
            assert_eq!(answer_of, (0..before).collect::<Vec<_>>());
            assert!(refusal.code() == tonic::Code::InvalidArgument && refusal.message().contains(field), "{refusal}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_question_is_processed_immediately() {
    let data = tempfile::tempdir().unwrap();
    let (_process, client, number) = one_person(data.path()).await;
    let (ask, asked) = tokio::sync::mpsc::channel(1);
    ask.send(options()).await.unwrap();
    let mut answers =
        client.verification().stream_verify_credentials(ReceiverStream::new(asked)).await.unwrap().into_inner();
    assert!(answered(answers.next_message().await.unwrap().unwrap()).is_none());
    for at in 0..20 {
        ask.send(item(&number, at)).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(10), answers.message()).await;
        assert_eq!(answered(answer.expect("an answer").unwrap().unwrap()), Some((at, Verdict::Confirmed)));
    }
    drop(ask);
    assert!(answers.next_message().await.unwrap().is_none());
}
