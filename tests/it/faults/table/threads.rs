//! Faults of threads.

use super::{page, seen};
use crate::faults::failing::some_history;
use crate::faults::stuck::{Held, SOON};
use crate::harness::requests::verify;
use crate::harness::{Client, NOT_ON_FILE, Process, TODAY};

async fn held(fault: &str, thread: &str, call: &str, when: &str) {
    let (data, _) = some_history().await;
    let process = Process::spawn_with(data.path(), TODAY, &SOON);
    process.listening();
    let before = page(&process).await;
    let held = Held::thread(process.id(), thread, call, when);
    seen(fault, &process, &before).await;
    drop(held);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_worker_does_not_move() {
    held("a worker does not move", "worker", "epoll_wait", "enter").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn the_writer_does_not_move() {
    held("the writer does not move", "writer", "futex", "exit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn the_audit_blocks() {
    let (data, _) = some_history().await;
    let process = Process::spawn(data.path(), TODAY);
    let client = Client::connect(process.listening());
    let before = page(&process).await;
    let held = Held::thread(process.id(), "audit", "write", "enter");
    client.call(verify(NOT_ON_FILE, None, None)).await.unwrap_err();
    seen("the audit blocks", &process, &before).await;
    drop(held);
    process.stop();
}
