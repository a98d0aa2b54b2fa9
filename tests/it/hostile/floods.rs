//! Floods of frames that belong to no call also end the connection of a known client. A well-behaved client never
//! triggers this.

use tokio::io::AsyncWriteExt as _;

use super::fixture::Way;
use super::frames::*;
use super::refusals::is_cut_off;
use crate::harness::{Client, Messages as _};
use crate::tls::tls_server::{TlsServer, question};
use cpss_registry::proto::v1;

/// The number of questions that the well-behaved client streams.
const QUESTIONS: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_floods_with_frames_outside_calls_is_cut_off() {
    let place = TlsServer::start_with(&["--connections-per-client", "2"]);
    let way = Way::to(&place, 10_000).await;
    let one = 1_u32.to_be_bytes();
    for (what, flood) in [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("answers to pings", frame(PING, ACK, 0, &[7; 8])),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &one)),
        ("unknown frames", frame(UNKNOWN, 0, 0, &[0; 16])),
    ] {
        let mut stream = way.client().await.unwrap();
        stream.write_all(&hello()).await.unwrap();
        let many = flood.repeat(100);
        assert!(is_cut_off(stream, |_| many.clone()).await, "{what}");
        place.process.wait_for_log("too many HTTP/2 frames that belong to no call");
    }
    // Other clients are not affected.
    place.client("registrar").await.ask(question()).await;
    place.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_small_windows_and_frequent_pings_is_not_a_flood() {
    let place = TlsServer::start();
    // Small windows: it sends a WINDOW_UPDATE for each few hundred bytes, and a PING a hundred times per second.
    let pings = std::time::Duration::from_millis(10);
    let endpoint = place.endpoint(Some("registrar")).initial_stream_window_size(700);
    let endpoint = endpoint.initial_connection_window_size(1400).http2_keep_alive_interval(pings);
    let client = Client::on(endpoint.keep_alive_while_idle(true).connect().await.unwrap());
    let item = question().item.unwrap();
    let options = v1::stream_verify_credentials_request::Kind::Options(v1::StreamOptions::default());
    let items = (0..QUESTIONS).map(move |_| v1::StreamVerifyCredentialsRequest {
        kind: Some(v1::stream_verify_credentials_request::Kind::Item(item.clone())),
    });
    let items = std::iter::once(v1::StreamVerifyCredentialsRequest { kind: Some(options) }).chain(items);
    let answers = client.verification().stream_verify_credentials(tokio_stream::iter(items)).await.unwrap();
    let (mut answers, mut count) = (answers.into_inner(), 0);
    while answers.next_message().await.unwrap().is_some() {
        count += 1;
    }
    assert!(count >= QUESTIONS, "{count}");
    place.process.stop();
}
