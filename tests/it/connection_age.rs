//! Connections that become too old: calls and streams go on, watches end and are continued, and no call fails.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::watch_changes_response::Event;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::harness::ops::Metrics;
use super::harness::requests::{register_specialist, verify};
use super::harness::{Call, Client, Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, until};

/// The age and the grace of these tests, in seconds.
const SHORT: [&str; 4] = ["--max-connection-age-seconds", "1", "--max-connection-age-grace-seconds", "2"];

const AGE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(2);

fn start(flags: &[&str]) -> (tempfile::TempDir, Process) {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_with(data.path(), TODAY, flags);
    process.listening();
    (data, process)
}

/// True if the call never left, or the server says that it did not take it: its connection had just ended. Libraries of
/// gRPC send such a call again by themselves, on a new connection; the library of these tests does not.
fn is_unsent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        let is_canceled = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        let is_after_the_last = |error: &h2::Error| error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        if is_canceled || error.downcast_ref().is_some_and(is_after_the_last) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Makes a call as libraries of gRPC do.
async fn call<C: Call>(client: &Client, request: C) -> Result<C::Response, Status> {
    loop {
        match client.call(request.clone()).await {
            Err(status) if is_unsent(&status) => {}
            result => return result,
        }
    }
}

/// The number of connections that ended because of their age.
async fn aged(process: &Process) -> u64 {
    Metrics::of(process.ops()).await.count("cpss_connections_aged_total")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_under_load_see_no_failed_call_while_their_connections_become_too_old() {
    let (_data, process) = start(&SHORT);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let working: Vec<_> = (0..4)
        .map(|_| {
            let client = Client::connect(process.listening());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let calls = (0..4).map(|_| call(&client, verify(NOT_ON_FILE, None, None)));
                    for result in futures_util::future::join_all(calls).await {
                        match result {
                            Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                            Err(status) => failed.push(status),
                        }
                    }
                    if let Err(status) = call(&client, register_specialist("Lucinda", "Example")).await {
                        failed.push(status);
                    }
                }
                failed
            })
        })
        .collect();
    until("twenty connections that ended", async || aged(&process).await >= 20).await;
    stop.store(true, Ordering::Relaxed);
    for working in working {
        let failed = working.await.unwrap();
        assert!(failed.is_empty(), "{} of {answered:?} failed: {failed:?}", failed.len());
    }
    println!("{answered:?} questions answered over {} connections, none failed", aged(&process).await);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_and_a_watch_ends_after_the_grace_and_is_continued() {
    let (_data, process) = start(&SHORT);
    let client = Client::connect(process.listening());
    let options = v1::stream_verify_credentials_request::Kind::Options(v1::StreamOptions::default());
    let (items, requests) = mpsc::channel(1);
    items.send(v1::StreamVerifyCredentialsRequest { kind: Some(options) }).await.unwrap();
    let mut answers = client.verification().stream_verify_credentials(ReceiverStream::new(requests)).await.unwrap();
    let first = call(&client, register_specialist("Lucinda", "Example")).await.unwrap().revision;
    let after = |revision| v1::WatchChangesRequest {
        after: Some(v1::ChangePosition { revision, ..Default::default() }),
        ..Default::default()
    };
    let begun = Instant::now();
    let mut watch = client.change().watch_changes(after(0)).await.unwrap().into_inner();
    let mut seen = 0;
    let end = loop {
        match watch.next_message().await {
            Ok(Some(response)) => {
                if let Some(Event::Message(message)) = response.event {
                    seen = message.revision;
                }
            }
            Ok(None) => panic!("the watch ends without an error"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code_and_reason(), (Code::Unavailable, "DRAINING".to_owned()));
    let lasted = begun.elapsed();
    assert!(lasted >= AGE.mul_f64(0.5) + GRACE && lasted < 20 * (AGE + GRACE), "{lasted:?}");
    // The stream that began before is still answered on the old connection.
    for _ in 0..3 {
        let item = verify(NOT_ON_FILE, None, None).item.unwrap();
        let item = v1::stream_verify_credentials_request::Kind::Item(item);
        items.send(v1::StreamVerifyCredentialsRequest { kind: Some(item) }).await.unwrap();
        assert!(answers.get_mut().next().await.unwrap().is_ok());
    }
    // The watch is continued after the last record that it has seen.
    seen = seen.max(first);
    let next = call(&client, register_specialist("Rosalind", "Example")).await.unwrap().revision;
    let mut watch = loop {
        match client.change().watch_changes(after(seen)).await {
            Err(status) if is_unsent(&status) => {}
            watch => break watch.unwrap().into_inner(),
        }
    };
    let continued = loop {
        match watch.next_message().await.unwrap().unwrap().event {
            Some(Event::Message(message)) => break message.revision,
            _ => assert!(begun.elapsed() < Duration::from_secs(100)),
        }
    };
    assert_eq!(continued, next);
    drop((items, answers, watch));
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_maximum_age_connections_go_on() {
    let (_data, process) = start(&["--max-connection-age-seconds", "0", "--max-connection-age-grace-seconds", "0"]);
    let client = Client::connect(process.listening());
    let mut watch = client.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    let begun = Instant::now();
    while begun.elapsed() < 3 * AGE {
        if let Ok(message) = tokio::time::timeout(AGE, watch.message()).await {
            assert!(message.expect("it goes on").is_some(), "the watch ends");
        }
    }
    assert_eq!(aged(&process).await, 0);
    drop(watch);
    process.stop();
}
