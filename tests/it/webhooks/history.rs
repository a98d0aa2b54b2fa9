//! A webhook after a restore: its position may be in a history that is not continued.

use std::process::Command;

use super::receiver::Receiver;
use super::{delivering, register};
use crate::harness::{Process, until};
use crate::tls::tls_server::TlsServer;

fn offline(arguments: &[&str]) {
    let ended = Command::new(Process::binary()).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The ids that were confirmed, each once: after a kill one may come again.
fn ids(receiver: &Receiver) -> Vec<String> {
    let mut ids = Vec::new();
    for received in receiver.confirmed() {
        if !ids.contains(&received.id) {
            ids.push(received.id);
        }
    }
    ids
}

/// The revision in an id, `EPOCH-REVISION-PART`, or in a position, `EPOCH/REVISION`.
fn revision(text: &str) -> u64 {
    text[37..].split('-').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_the_records_behind_the_fork_are_delivered() {
    let mut place = TlsServer::start();
    let receiver = delivering(&place, ", allow_local = true").await;
    register(&place.client("certifier-1").await, 1).await;
    until("the first delivery", async || ids(&receiver).len() == 1).await;

    let path = |name: &str| place.file(name).to_str().unwrap().to_owned();
    let (data, lost, backup) = (path("data"), path("lost"), path("backup"));
    place.process.end();
    offline(&["backup", &backup, "--data-dir", &data]);
    place.kill_and_start();
    register(&place.client("certifier-1").await, 2).await;
    until("the deliveries that are lost", async || ids(&receiver).len() == 3).await;
    let position = || std::fs::read_to_string(place.file("data/webhooks/auditor-1.position")).unwrap();
    let last = revision(&ids(&receiver)[2]);
    until("the position after them", async || revision(position().trim_end()) >= last).await;
    place.process.end();
    std::fs::rename(&data, &lost).unwrap();
    offline(&["restore", &backup, "--data-dir", &data]);
    std::fs::rename(format!("{lost}/webhooks"), format!("{data}/webhooks")).unwrap();

    place.kill_and_start();
    register(&place.client("certifier-1").await, 1).await;
    until("the delivery in the new epoch", async || ids(&receiver).len() == 4).await;
    let ids = ids(&receiver);
    let epoch = |at: usize| ids[at][..36].to_owned();
    assert!(epoch(0) == epoch(2) && epoch(2) != epoch(3), "{ids:?}");
    assert!(place.process.log().contains("webhook_history_changed"), "{}", place.process.log());
}
