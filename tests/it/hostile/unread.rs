//! The memory held by the calls of a client is bounded: incomplete requests, and responses not yet read.

use std::time::Duration;

use cpss_registry::proto::v1;
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::fixture::Way;
use super::frames::*;
use crate::harness::{Client, until};
use crate::tls::tls_server::{TlsServer, question};

/// More than a third of the limit for all calls, which is the limit for one client, plus the cost of the connections.
const BOUND: u64 = 144 * 1024 * 1024;

const CONNECTIONS: usize = 8;
const CALLS: u32 = 1000;

/// A call that sends 30 KiB of a message but never its end.
fn unfinished(id: u32) -> Vec<u8> {
    let begun = [&[0][..], &31_000_u32.to_be_bytes(), &[7; 15_000]].concat();
    let headers = frame(HEADERS, END_HEADERS, id, &call("VerificationService/VerifyCredential"));
    [headers, frame(DATA, 0, id, &begun), frame(DATA, 0, id, &[7; 15_000])].concat()
}

/// A batch whose response is some hundred times larger than the window.
fn batch(id: u32) -> Vec<u8> {
    let asked = v1::BatchVerifyCredentialsRequest { items: vec![Default::default(); 1000], ..Default::default() };
    let headers = frame(HEADERS, END_HEADERS, id, &call("VerificationService/BatchVerifyCredentials"));
    [headers, frame(DATA, END_STREAM, id, &message(0, &asked.encode_to_vec()))].concat()
}

/// Sends calls on many connections of one client and reads nothing. Returns the maximum memory of the server.
async fn most(place: &TlsServer, way: &Way, begin: Vec<u8>, call: impl Fn(u32) -> Vec<u8>) -> u64 {
    let calls: Vec<u8> = (0..CALLS).flat_map(|at| call(2 * at + 1)).collect();
    let calls: std::sync::Arc<[u8]> = [begin, calls].concat().into();
    let mut sending = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut stream, calls): (TlsStream<TcpStream>, _) = (way.client().await.unwrap(), calls.clone());
        sending.push(tokio::spawn(async move {
            // It may have been cut off. Do not wait if the server accepts no more.
            drop(tokio::time::timeout(Duration::from_secs(30), stream.write_all(&calls)).await);
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(stream);
        }));
    }
    let mut most = 0;
    while sending.iter().any(|sending| !sending.is_finished()) {
        most = most.max(place.process.resident_bytes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_requests_and_unread_responses_are_bounded() {
    let place = TlsServer::start_with(&["--streams-per-client", "10000", "--calls-burst", "100000"]);
    let way = Way::to(&place, 10_000).await;
    let registrar = place.client("registrar").await;
    registrar.ask(question()).await;
    let before = place.process.resident_bytes();
    let sent = most(&place, &way, hello(), unfinished).await;
    let answered = most(&place, &way, hello_without_window(), batch).await;
    println!("hostile: resident {before}; {sent} with incomplete messages, {answered} with unread responses");
    assert!(sent < before + BOUND, "resident memory grew from {before} to {sent}");
    assert!(answered < before + BOUND, "resident memory grew from {before} to {answered}");
    registrar.ask(question()).await;
    // All of it is freed as soon as the server has closed the connections: the client is answered.
    let greedy = place.client("greedy").await;
    let asked = v1::BatchVerifyCredentialsRequest { items: vec![question().item.unwrap(); 1000], ..Default::default() };
    until("an answer", async || greedy.call(asked.clone()).await.is_ok()).await;
    for _ in 0..10 {
        assert_eq!(greedy.ask(asked.clone()).await.results.len(), 1000);
    }
    place.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_slowly_gets_all_of_its_answers() {
    let place = TlsServer::start();
    let narrow = place.endpoint(Some("registrar")).initial_stream_window_size(16_000);
    let client = Client::on(narrow.initial_connection_window_size(64_000).connect().await.unwrap());
    let items = vec![question().item.unwrap(); 1000];
    let mut asking = Vec::new();
    for _ in 0..8 {
        let (client, items) = (client.clone(), items.clone());
        asking.push(tokio::spawn(async move {
            client.ask(v1::BatchVerifyCredentialsRequest { items, ..Default::default() }).await.results.len()
        }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for asking in asking {
        assert_eq!(asking.await.unwrap(), 1000);
    }
    place.process.stop();
}
