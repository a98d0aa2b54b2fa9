//! Webhooks as the list of clients changes.

use std::time::Duration;

use super::receiver::{Manner, Receiver};
use super::{add_client, delivering, register};
use crate::harness::ops::{Metrics, metric};
use crate::harness::until;
use crate::tls::tls_server::TlsServer;

const LAG: &str = "cpss_webhook_lag_revisions{client=\"auditor-1\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_follows_the_list_and_is_silent_after_gone_until_the_list_is_loaded() {
    let place = TlsServer::start();
    // A local address is not reached unless the row says that it may.
    let receiver = delivering(&place, "").await;
    let certifier = place.client("certifier-1").await;
    register(&certifier, 1).await;
    place.process.wait_for_log("its address is local or private");
    assert_eq!(receiver.received().len(), 0);

    let local = place.read("clients.toml").replace("receiver.crt\"", "receiver.crt\", allow_local = true");
    place.take_list(&local).await;
    until("the delivery", async || receiver.confirmed().len() == 1).await;

    receiver.behave(Manner::Say("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"));
    register(&certifier, 1).await;
    place.process.wait_for_log("webhook_gone");
    receiver.behave(Manner::Confirm);
    register(&certifier, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((receiver.received().len(), receiver.confirmed().len()), (2, 1), "nothing after 410");
    place.hang_up_until("loaded the list of clients").await;
    until("the deliveries since", async || receiver.confirmed().len() == 3).await;

    let (without, auditor) = local.rsplit_once("[[client]]").unwrap();
    assert!(auditor.contains("auditor-1"), "{auditor}");
    place.take_list(without).await;
    register(&certifier, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.confirmed().len(), 3, "nothing for a client that was removed");
    // A client that comes back gets what it missed.
    place.take_list(&local).await;
    until("the delivery of what it missed", async || receiver.confirmed().len() == 4).await;
    assert!(!place.process.log().contains("Sunflower"), "a name is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_webhook_has_no_secret_is_rejected() {
    let receiver = Receiver::start().await;
    let place = TlsServer::start();
    add_client(&place, &receiver, "auditor-1", "auditor", ", allow_local = true");
    std::fs::write(place.file("hook"), "not a secret\n").unwrap();
    place.hang_up_until("rejected the new list of clients").await;
    assert!(place.process.log().contains("each line must be a secret"), "{}", place.process.log());
    assert!(!place.process.log().contains("not a secret"), "the secret is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_does_not_deliver_notes_where_it_would_have_begun() {
    let mut place = TlsServer::start_with(&["--deliver-webhooks", "false"]);
    let receiver = delivering(&place, ", allow_local = true").await;
    register(&place.client("certifier-1").await, 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.received().len(), 0);
    let metrics = Metrics::of(place.process.ops()).await;
    assert_eq!(metrics.find(LAG), None, "what another replica delivers is no lag");
    place.kill_and_start();
    until("what was recorded meanwhile", async || receiver.confirmed().len() == 2).await;
    until("no lag", async || metric(place.process.ops(), LAG).await == Some(0.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_names_its_epoch_from_the_beginning() {
    let place = TlsServer::start_with(&["--deliver-webhooks", "false"]);
    delivering(&place, ", from_revision = 0").await;
    let position = place.read("data/webhooks/auditor-1.position");
    let (epoch, revision) = position.split_once('/').unwrap();
    assert!(uuid::Uuid::parse_str(epoch).is_ok_and(|epoch| !epoch.is_nil()), "{position}");
    assert_eq!(revision, "0\n");
}
