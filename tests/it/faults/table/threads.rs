//! Faults of threads. The tests of those that the watchdog watches are in `stuck.rs`.

use super::{page, seen};
use crate::faults::failing::some_history;
use crate::faults::stuck::Held;
use crate::harness::requests::verify;
use crate::harness::{Client, NOT_ON_FILE, Process, TODAY};

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
