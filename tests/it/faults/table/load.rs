//! Too much at once: more commands than the writer takes, and a client that does not read its feed.

use cpss_registry::proto::v1;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use super::{page, seen};
use crate::faults::failing::some_history;
use crate::faults::stuck::Held;
use crate::harness::requests::{end_period, register_provider, register_specialist};
use crate::harness::{Client, Process, TODAY};

/// Fewer than the calls that one connection may have.
const CALLS: usize = 750;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn the_queue_of_the_writer_is_full() {
    let (data, _) = some_history().await;
    let process = Process::spawn(data.path(), TODAY);
    let address = process.listening();
    let before = page(&process).await;
    let held = Held::thread(process.id(), "writer", "futex", "exit");
    let mut calls = JoinSet::new();
    // One client alone may not fill the queue of 4,096 commands. A call without a role counts as a third client.
    let connected = || Client::connect(address);
    let clients = || [connected(), connected().calling_as("registrar"), connected().calling_as("certifier")];
    for client in clients().into_iter().chain(clients()) {
        for at in 0..CALLS {
            let (client, name) = (client.clone(), format!("Example-{at}"));
            calls.spawn(async move {
                if client.is("certifier") {
                    client.call(register_provider(&name)).await.map(drop)
                } else {
                    client.call(register_specialist("Evangeline", &name)).await.map(drop)
                }
            });
        }
    }
    seen("the queue of the writer is full", &process, &before).await;
    drop(held);
    calls.shutdown().await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "records thousands of reports: tests/faults/run.sh"]
async fn a_watcher_lags() {
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    let closing = client.qualified_provider("Example Center").await;
    client.hire(&closing.provider_id, 400).await;
    let before = page(&process).await;
    // Nobody reads this stream. What it may send without being read is less than the changes of all these people.
    let narrow = Endpoint::from_shared(format!("http://{}", process.listening())).unwrap();
    let slow = Client::on(narrow.initial_stream_window_size(1024).connect().await.unwrap());
    let unread = slow.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap();
    client.report(end_period(&closing.qualification, "2026-02-27", "Certification withdrawn")).await;
    let mut reports = JoinSet::new();
    for at in 0..1_100 {
        if reports.len() >= 32 {
            reports.join_next().await;
        }
        let client = client.clone();
        reports.spawn(async move { client.ask(register_specialist("Evangeline", &format!("Example-{at}"))).await });
    }
    reports.join_all().await;
    seen("a watcher lags", &process, &before).await;
    drop(unread);
    process.stop();
}
