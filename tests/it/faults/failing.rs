//! A disk that fails: `strace` injects errors into the calls that write and sync the log.

use std::path::Path;

use tempfile::TempDir;

use super::is_confirmed;
use super::writers::{Sent, Writers, account};
use crate::contract::health::asked_on;
use crate::harness::raw::PACKAGE;
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, Process, TODAY, until};
use tonic_health::pb::health_check_response::ServingStatus;

const WRITERS: usize = 8;
const WRITES: &str = "CredentialService";

/// The command that runs a program with these faults in the active segment of the log. `-D`: the program is the parent
/// of strace.
pub fn with_fault(data_dir: &Path, fault: &str) -> Vec<String> {
    let segment = data_dir.join("log/00000000000000000001.log");
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=pread64,pwrite64,fdatasync",
        "-o",
        "/dev/null",
        "-P",
    ];
    let words = words.iter().map(ToString::to_string);
    words.chain([segment.display().to_string(), "-e".into(), format!("inject={fault}")]).collect()
}

/// A data directory of a program that has ended properly.
pub async fn some_history() -> (TempDir, Credentialed) {
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    let employer = client.qualified_provider("Example Center").await;
    let person = client.credentialed("Evangeline", "Example", &[&employer]).await;
    process.stop();
    (data, person)
}

/// Injects errors into some writes of the log. Returns the results of the requests.
async fn failing_writes(fault: &str, refusal: &str) -> Vec<Sent> {
    let (data, person) = some_history().await;
    let process = Process::spawn_under(&with_fault(data.path(), fault), data.path(), TODAY, &[]);
    let client = Client::connect(process.listening());
    let before = client.head().await;
    let writers = Writers::start(&client, WRITERS);
    until("a refused request", async || {
        is_confirmed(&client, &person).await;
        writers.count(|sent| !sent.refused.is_empty()) > 0
    })
    .await;
    // The fault ends, and the service continues without a restart.
    until("200 requests without a refusal", async || {
        is_confirmed(&client, &person).await;
        writers.count(|sent| sent.refused.is_empty()) >= 200
    })
    .await;
    let sent = writers.stop().await;
    account(&client, before, &sent).await;
    assert_eq!(asked_on(process.ops(), "readiness").await, ServingStatus::Serving);
    let refused: Vec<_> = sent.iter().filter(|sent| !sent.refused.is_empty()).cloned().collect();
    assert!(refused.iter().flat_map(|sent| &sent.refused).all(|reason| reason == refusal), "{refused:?}");
    process.stop();

    let (process, client) = Process::start(data.path(), TODAY);
    account(&client, before, &sent).await;
    is_confirmed(&client, &person).await;
    process.stop();
    let (all, times) = (sent.len(), refused.iter().map(|sent| sent.refused.len()).sum::<usize>());
    println!("{fault}: {all} accepted, {} of them after {times} refusals {refusal}; none lost", refused.len());
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_failed_write_is_refused_and_leaves_no_trace() {
    Box::pin(failing_writes("pwrite64:error=EIO:when=10..29", "NOT_WRITTEN")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_write_without_space_is_refused_and_leaves_no_trace() {
    Box::pin(failing_writes("pwrite64:error=ENOSPC:when=10..29", "STORE_FULL")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn the_health_of_writes_follows_a_disk_that_refuses() {
    let (data, person) = some_history().await;
    let fault = with_fault(data.path(), "pwrite64:error=EIO:when=10+");
    let process = Process::spawn_under(&fault, data.path(), TODAY, &[]);
    let client = Client::connect(process.listening());
    let wait_for = async |expected| {
        let is_expected = async || {
            is_confirmed(&client, &person).await;
            assert_eq!(asked_on(process.ops(), "readiness").await, ServingStatus::Serving);
            asked_on(process.ops(), &format!("{PACKAGE}.{WRITES}")).await == expected
        };
        until(&format!("{expected:?} of writes"), is_expected).await;
    };
    let writers = Writers::start(&client, WRITERS);
    wait_for(ServingStatus::NotServing).await;
    writers.stop().await;
    // After a while without refused requests, the next one must be tried.
    wait_for(ServingStatus::Serving).await;
    process.stop();
}

/// A failing sync: the outcome is unknown, so the program ends, and the next start finds out.
async fn failing_sync(fault: &str) {
    let (data, person) = some_history().await;
    let process = Process::spawn_under(&with_fault(data.path(), fault), data.path(), TODAY, &[]);
    let client = Client::connect(process.listening());
    let before = client.head().await;
    let mut sent = Writers::start(&client, WRITERS).ended().await;
    let (status, said) = process.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("it is not known whether the last batch is durable"), "{said}");
    let unknown = sent.iter().filter(|sent| sent.refused == ["OUTCOME_UNKNOWN"]).count();
    let others: Vec<_> =
        sent.iter().filter(|sent| !sent.refused.is_empty() && sent.refused != ["OUTCOME_UNKNOWN"]).collect();
    assert!(unknown > 0, "those of the batch are answered: {sent:?}");
    let accepted = sent.iter().filter(|sent| sent.revision.is_some()).count();
    println!("{fault}: {accepted} accepted, {unknown} OUTCOME_UNKNOWN, others {others:?}");

    let (process, client) = Process::start(data.path(), TODAY);
    let on_record = client.head().await;
    for one in sent.iter_mut().filter(|sent| sent.revision.is_none()) {
        one.revision = Some(client.ask(one.request.clone()).await.revision);
    }
    let recorded = sent.iter().filter(|sent| !sent.refused.is_empty() && sent.revision.unwrap() <= on_record).count();
    println!("{fault}: {recorded} of those had been recorded, the others are recorded now");
    account(&client, before, &sent).await;
    is_confirmed(&client, &person).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_failed_sync_ends_the_program_and_the_next_start_knows_the_outcome() {
    failing_sync("fdatasync:error=EIO:when=20").await;
    failing_sync("fdatasync:error=ENOSPC:when=20").await;
}
