//! How single misbehaving peers are refused or cut off.

use std::time::Duration;

use cpss_registry::proto::v1;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::Code;

use super::fixture::Way;
use super::frames::*;
use crate::harness::{Client, Messages as _, PATIENCE, Process, Refusal as _, TODAY, raw, soon, until};
use crate::tls::tls_server::{TlsServer, question};

/// The duration of a flood. After 40 s the server closes any connection that answers no ping.
const FLOOD: Duration = Duration::from_secs(30);

/// Whether a connection soon ends when these bytes are written repeatedly.
pub async fn is_cut_off(mut stream: TlsStream<TcpStream>, mut next: impl FnMut(u32) -> Vec<u8>) -> bool {
    let writing = async {
        for id in (1..2_000_001).step_by(2) {
            if stream.write_all(&next(id)).await.is_err() {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(FLOOD, writing).await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_message_is_refused_and_not_inflated() {
    let place = TlsServer::start();
    let way = Way::to(&place, 10_000).await;
    let registrar = place.client("registrar").await;
    let mut request = tonic::Request::new(question());
    request.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let refused = registrar.verification().verify_credential(request).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::Unimplemented, "UNIMPLEMENTED".to_owned()));
    assert_eq!(refused.metadata().get("grpc-accept-encoding").unwrap(), "identity");

    let before = place.process.resident_bytes();
    let mut stream = way.client().await.unwrap();
    let fields = [call("VerificationService/VerifyCredential"), field("grpc-encoding", "gzip")].concat();
    stream.write_all(&hello()).await.unwrap();
    for id in (1..21).step_by(2) {
        stream.write_all(&frame(HEADERS, END_HEADERS, id, &fields)).await.unwrap();
        let small = message(1, &super::bomb());
        for part in small.chunks(16_000) {
            stream.write_all(&frame(DATA, 0, id, part)).await.unwrap();
        }
    }
    // All of them have been processed when the latest call is answered.
    registrar.ask(question()).await;
    assert!(place.process.resident_bytes() < before + 32 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unauthenticated_connection_that_sends_much_is_cut_off() {
    let place = TlsServer::start();
    let way = Way::to(&place, 10_000).await;
    let verify = call("VerificationService/VerifyCredential");
    let large = [verify, field("x", &"m".repeat(10_000))].concat();
    let refused = |id: u32| frame(HEADERS, END_HEADERS | END_STREAM, id, &large);
    let pings = |_| frame(PING, 0, 0, &[7; 8]).repeat(100);
    for (what, mut next) in
        [("calls without an identity", Box::new(refused) as Box<dyn FnMut(u32) -> Vec<u8>>), ("pings", Box::new(pings))]
    {
        let mut stream = way.unauthenticated().await.unwrap();
        stream.write_all(&hello()).await.unwrap();
        assert!(is_cut_off(stream, &mut next).await, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_per_connection_and_header_sizes_are_limited() {
    let place = TlsServer::start();
    let way = Way::to(&place, 10_000).await;
    let (mut h2, connection) = h2::client::handshake(way.client().await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let request = |value: usize| {
        let uri = format!("https://localhost{}", raw::path("VerificationService/VerifyCredential"));
        let request = http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        request.header("x-more", "m".repeat(value)).body(()).unwrap()
    };
    // The first is not a valid message; gRPC refuses the second, and HTTP/2 the third.
    for (value, http, grpc) in [(14_000, 200, Some("3")), (17_000, 200, Some("8")), (40_000, 431, None)] {
        h2 = h2.ready().await.unwrap();
        let (answer, _) = h2.send_request(request(value), true).unwrap();
        let head = answer.await.unwrap();
        let status = head.headers().get("grpc-status").map(|status| status.to_str().unwrap());
        assert_eq!((head.status().as_u16(), status), (http, grpc), "{value}");
    }
    assert_eq!(h2.current_max_send_streams(), 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_large_calls_have_large_messages() {
    let place = TlsServer::start();
    let way = Way::to(&place, 10_000).await;
    let item = |bytes| v1::VerificationItem { correlation_id: "m".repeat(bytes), ..question().item.unwrap() };
    let large = v1::VerifyCredentialRequest { item: Some(item(40_000)), ..Default::default() };
    let too_large = (Code::ResourceExhausted, "TOO_LARGE".to_owned());
    assert_eq!(place.client("greedy").await.refusal(large.clone()).await.code_and_reason(), too_large);
    let batch = v1::BatchVerifyCredentialsRequest { items: vec![item(10_000); 4], ..Default::default() };
    assert_eq!(place.client("greedy").await.ask(batch).await.results.len(), 4);

    // The server does not wait until the message is complete.
    let (h2, connection) = h2::client::handshake(way.client().await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("https://localhost{}", raw::path("VerificationService/VerifyCredential"));
    let request = http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    let (answer, mut body) = h2.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    let mut message = message(0, &large.encode_to_vec());
    message.pop();
    body.send_data(message.into(), false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("it is refused").unwrap();
    assert_eq!(answer.headers()["grpc-status"], "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_calls_of_a_client_are_counted_until_their_answers_are_read() {
    let place = TlsServer::start_with(&["--streams-per-client", "3"]);
    let registrar = place.client("registrar").await;
    let items = vec![question().item.unwrap(); 1000];
    let batch = v1::BatchVerifyCredentialsRequest { items, ..Default::default() };
    // A window too small for the response of a batch: the response is sent only as it is read.
    let narrow = place.endpoint(Some("registrar")).initial_stream_window_size(1024).connect().await.unwrap();
    let mut unread = Vec::new();
    for _ in 0..3 {
        let asking = Client::on(narrow.clone());
        let (path, codec) = (path("BatchVerifyCredentials"), tonic_prost::ProstCodec::default());
        let mut grpc = tonic::client::Grpc::new(asking.service());
        grpc.ready().await.unwrap();
        let asked: tonic::Request<v1::BatchVerifyCredentialsRequest> = tonic::Request::new(batch.clone());
        let answers: tonic::Streaming<v1::BatchVerifyCredentialsResponse> =
            grpc.server_streaming(asked, path, codec).await.unwrap().into_inner();
        unread.push(answers);
    }
    let too_many = (Code::ResourceExhausted, "TOO_MANY".to_owned());
    let refused = registrar.call(batch.clone()).await.map(|answer| answer.results.len());
    assert_eq!(refused.unwrap_err().code_and_reason(), too_many);
    registrar.ask(question()).await;
    let mut read = unread.pop().unwrap();
    assert_eq!(read.next_message().await.unwrap().unwrap().results.len(), 1000);
    assert!(read.next_message().await.unwrap().is_none());
    until("space for another batch", async || {
        let answered = registrar.call(batch.clone()).await;
        answered.map_err(|refused| assert_eq!(refused.code_and_reason(), too_many)).is_ok()
    })
    .await;
}

fn path(method: &str) -> http::uri::PathAndQuery {
    raw::path(&format!("VerificationService/{method}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_has_a_timeout() {
    let place = TlsServer::start();
    let mut silent = TcpStream::connect(place.process.listening()).await.unwrap();
    let read = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 1])).await.expect("it is cut off");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    place.process.wait_for_log("TLS handshake timed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_answers_no_ping_is_closed() {
    let place = TlsServer::start();
    let mut silent = Way::to(&place, 10_000).await.client().await.unwrap();
    silent.write_all(&hello()).await.unwrap();
    let to_the_end = async { while silent.read(&mut [0; 1024]).await.is_ok_and(|bytes| bytes > 0) {} };
    tokio::time::timeout(PATIENCE, to_the_end).await.expect("it is cut off");
}

/// Reads frames until the headers of this stream.
async fn headers_of(stream: &mut TlsStream<TcpStream>, id: u32) {
    loop {
        let mut head = [0; 9];
        soon("the headers of a response", stream.read_exact(&mut head)).await.expect("the connection goes on");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        assert_ne!(head[3], GOAWAY, "the connection ends");
        if head[3] == HEADERS && head[5..] == id.to_be_bytes() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_all_that_a_connection_may_have_open_does_not_end_it() {
    let place = TlsServer::start();
    let mut stream = Way::to(&place, 10_000).await.client().await.unwrap();
    stream.write_all(&hello()).await.unwrap();
    let verify = call("VerificationService/VerifyCredential");
    let mut ids = (1..).step_by(2);
    for waits in [false, true, false, true] {
        let open: Vec<u32> = ids.by_ref().take(1024).collect();
        let begun = open.iter().flat_map(|id| frame(HEADERS, END_HEADERS, *id, &verify)).collect::<Vec<_>>();
        let cancelled = open.iter().flat_map(|id| frame(RST_STREAM, 0, *id, &8_u32.to_be_bytes()));
        let cancelled = cancelled.collect::<Vec<_>>();
        stream.write_all(&begun).await.unwrap();
        if waits {
            // By then they have been accepted.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let last = ids.next().unwrap();
        let asked = frame(HEADERS, END_HEADERS, last, &verify);
        let asked = [asked, frame(DATA, END_STREAM, last, &message(0, &question().encode_to_vec()))].concat();
        stream.write_all(&[cancelled, asked].concat()).await.unwrap();
        tokio::time::timeout(PATIENCE, headers_of(&mut stream, last)).await.expect("it is answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_counts_connections_where_it_is_configured_to() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_with(data.path(), TODAY, &["--connections-per-client", "2"]);
    let address = process.listening();
    let clients = [(); 3].map(|()| Client::connect(address));
    for allowed in &clients[..2] {
        allowed.ask(question()).await;
    }
    let refused = clients[2].call(question()).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "TOO_MANY".to_owned()));
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_is_cut_off() {
    let place = TlsServer::start_with(&["--connections-per-client", "2"]);
    let way = Way::to(&place, 10_000).await;
    let verify = call("VerificationService/VerifyCredential");
    let reset = |id: u32| {
        let taken_back = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, id, &verify), taken_back].concat()
    };
    let metadata = |_| frame(CONTINUATION, 0, 1, &field("x-more", &"m".repeat(1000)));
    // Headers that HTTP/2 forbids are an error of the stream only, which is reset.
    let of_http_1 = [&verify[..], &field("connection", "close")].concat();
    let faults = |id: u32| frame(HEADERS, END_HEADERS | END_STREAM, id, &of_http_1);
    for (what, begin, mut next) in [
        ("resets", hello(), Box::new(reset) as Box<dyn FnMut(u32) -> Vec<u8>>),
        ("metadata", [hello(), frame(HEADERS, 0, 1, &verify)].concat(), Box::new(metadata)),
        ("faults", hello(), Box::new(faults)),
        ("an oversized frame", [hello(), header((1 << 24) - 1, DATA, 0, 1)].concat(), Box::new(|_| vec![0; 4096])),
    ] {
        let mut stream = way.client().await.unwrap();
        stream.write_all(&begin).await.unwrap();
        assert!(is_cut_off(stream, &mut next).await, "{what}");
    }
}
